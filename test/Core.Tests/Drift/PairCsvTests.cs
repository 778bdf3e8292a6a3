using Umbra.Core.Drift;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>Series from CSV text.</summary>
public sealed class PairCsvTests
{
    private const string Header = "time,kpi,primary,shadow\n";

    [Fact]
    public void Rows_go_on_a_grid_and_missing_ones_are_unknown()
    {
        var series = PairCsv.TryRead(
            new StringReader(
                Header + "2024-01-01T00:00:00Z,a,1,2\r\n2024-01-01T00:02:00Z,a,3,4\n"
                + "2024-01-01T00:02:00Z,b,5,\n"),
            TimeSpan.FromMinutes(1), out string error);
        Assert.Equal("", error);
        Assert.Equal(["a", "b"], series!.Kpis);
        Assert.Equal([1, double.NaN, double.NaN, double.NaN, 3, 5], series.Primary);
        Assert.Equal([2, double.NaN, double.NaN, double.NaN, 4, double.NaN], series.Shadow);
    }

    [Fact]
    public void Two_wide_files_are_joined_by_time_and_kpi()
    {
        var series = PairCsv.TryReadSides(
            new StringReader(
                "time,a,b\n2024-01-01T00:00:00Z,1,2\n2024-01-01T00:00:01Z,3,4\n2024-01-01T00:00:02Z,5,6\n"),
            new StringReader("time,b\n2024-01-01T00:00:00Z,7\n2024-01-01T00:00:02Z,\n2024-01-01T00:00:01Z,8\n"),
            null, out string error);
        Assert.Equal("", error);
        Assert.Equal([2, 4, 6], series!.Primary);
        Assert.Equal([7, 8, double.NaN], series.Shadow);
        Assert.Equal(TimeSpan.FromSeconds(1), series.Sampling);
    }

    [Theory]
    [InlineData("", "header")]
    [InlineData("time,kpi\n", "header")]
    [InlineData(Header, "no readings")]
    [InlineData(Header + "2024-01-01T00:00:00Z,a,1\n", "line 2: must have 4 fields")]
    [InlineData(Header + "yesterday,a,1,2\n", "'yesterday' is no time")]
    [InlineData(Header + "2024-01-01T00:00:00Z,a,x,2\n", "no number")]
    [InlineData(Header + "2024-01-02T00:00:00Z,a,1,2\n2024-01-01T00:00:00Z,a,1,2\n", "line 3: time")]
    [InlineData(Header + "2000-01-01T00:00:00Z,a,1,2\n2024-01-01T00:00:00Z,a,1,2\n", "too many gaps")]
    public void What_is_wrong_is_said_with_its_line(string text, string expected)
    {
        Assert.Null(PairCsv.TryRead(new StringReader(text), TimeSpan.FromMinutes(1), out string error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_without_end_is_refused()
    {
        string text = Header + new string('1', PairCsv.LineCharsMax + 1);
        Assert.Null(PairCsv.TryRead(new StringReader(text), TimeSpan.FromMinutes(1), out string error));
        Assert.Contains("longer than", error, StringComparison.Ordinal);
    }
}
