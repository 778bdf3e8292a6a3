using System.Globalization;

namespace Umbra.Core.Drift;

/// <summary>
/// Reads series of a pair from CSV: either one file with <c>time,kpi,primary,shadow</c>, or two with <c>time</c> and
/// one
/// column for each KPI. Times are ISO 8601, UTC unless they say otherwise, ascending; an empty field, <c>NaN</c>, or a
/// row that is not there is an unknown reading.
/// </summary>
public static class PairCsv
{
    /// <summary>Longest line, characters.</summary>
    public const int LineCharsMax = 4096;

    private const string PairHeader = "time,kpi,primary,shadow";

    /// <summary>Reads <c>time,kpi,primary,shadow</c>; null with the reason, and the line, in the error.</summary>
    /// <param name="text">The file.</param>
    /// <param name="sampling">Time between samples; null: the shortest step that there is.</param>
    /// <param name="error">What is wrong; empty when nothing is.</param>
    public static PairSeries? TryRead(TextReader text, TimeSpan? sampling, out string error)
    {
        var lines = new LineReader(text);
        if (!lines.TryNext(out string header) || header != PairHeader)
            return Fail(lines.Error == "" ? $"line 1: the header must be {PairHeader}" : lines.Error, out error);
        var grid = new PairGrid();
        while (lines.TryNext(out string line))
        {
            string[] fields = line.Split(',');
            if (fields.Length != 4) return Fail(lines.At("must have 4 fields"), out error);
            if (!TryTime(fields[0], out var time)) return Fail(lines.At($"'{fields[0]}' is no time"), out error);
            if (fields[1] == "") return Fail(lines.At("has no KPI"), out error);
            if (!TryValue(fields[2], out double primary) || !TryValue(fields[3], out double shadow))
                return Fail(lines.At("has a value that is no number"), out error);
            string problem = grid.Add(time, fields[1], primary, shadow);
            if (problem != "") return Fail(lines.At(problem), out error);
        }

        return lines.Error != "" ? Fail(lines.Error, out error) : Build(grid, sampling, out error);
    }

    /// <summary>
    /// Reads one wide file for each side. KPIs that only one of them has are left out, and so are times that only one
    /// of
    /// them has.
    /// </summary>
    public static PairSeries? TryReadSides(
        TextReader primary, TextReader shadow, TimeSpan? sampling, out string error)
    {
        var left = TryReadSide(primary, out error);
        if (left is null) return Fail("primary: " + error, out error);
        var right = TryReadSide(shadow, out error);
        if (right is null) return Fail("shadow: " + error, out error);
        string[] kpis = [.. left.Kpis.Where(kpi => right.Kpis.Contains(kpi, StringComparer.Ordinal))];
        if (kpis.Length == 0) return Fail("the two files have no KPI in common", out error);
        var grid = new PairGrid();
        foreach (var (time, row) in left.Rows)
        {
            if (!right.Rows.TryGetValue(time, out double[]? other)) continue;
            foreach (string kpi in kpis)
            {
                string problem = grid.Add(time, kpi, row[left.Kpis.IndexOf(kpi)], other[right.Kpis.IndexOf(kpi)]);
                if (problem != "") return Fail(problem, out error);
            }
        }

        return Build(grid, sampling, out error);
    }

    private static Side? TryReadSide(TextReader text, out string error)
    {
        var lines = new LineReader(text);
        if (!lines.TryNext(out string header))
            return FailSide(lines.Error == "" ? "the file is empty" : lines.Error, out error);
        string[] names = header.Split(',');
        if (names.Length < 2 || names[0] != "time" || names.Length > PairGrid.KpisMax + 1)
            return FailSide($"line 1: the header must be time and 1 to {PairGrid.KpisMax} KPIs", out error);
        if (names.Distinct(StringComparer.Ordinal).Count() != names.Length || names.Contains(""))
            return FailSide("line 1: each KPI needs a name of its own", out error);
        var side = new Side([.. names.Skip(1)], []);
        while (lines.TryNext(out string line))
        {
            string[] fields = line.Split(',');
            if (fields.Length != names.Length) return FailSide(lines.At($"must have {names.Length} fields"), out error);
            if (!TryTime(fields[0], out var time)) return FailSide(lines.At($"'{fields[0]}' is no time"), out error);
            double[] row = new double[names.Length - 1];
            for (int i = 0; i < row.Length; i++)
            {
                if (!TryValue(fields[i + 1], out row[i]))
                    return FailSide(lines.At($"'{fields[i + 1]}' is no number"), out error);
            }

            if ((long)(side.Rows.Count + 1) * row.Length > PairGrid.ReadingsMax)
                return FailSide($"there are more than {PairGrid.ReadingsMax} readings", out error);
            if (!side.Rows.TryAdd(time, row)) return FailSide(lines.At("has the time of another line"), out error);
        }

        error = lines.Error;
        return error == "" ? side : null;
    }

    private static PairSeries? Build(PairGrid grid, TimeSpan? sampling, out string error)
    {
        var step = sampling ?? grid.ShortestStep();
        return step <= TimeSpan.Zero
            ? Fail("there are fewer than two times", out error)
            : grid.TryBuild(step, out error);
    }

    private static bool TryTime(string field, out DateTimeOffset time) =>
        DateTimeOffset.TryParse(
            field, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out time);

    private static bool TryValue(string field, out double value)
    {
        value = double.NaN;
        return field == "" || double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    private static PairSeries? Fail(string why, out string error)
    {
        error = why;
        return null;
    }

    private static Side? FailSide(string why, out string error)
    {
        error = why;
        return null;
    }

    private sealed record Side(List<string> Kpis, SortedDictionary<DateTimeOffset, double[]> Rows);

    /// <summary>Lines with their numbers; too long ones are an error, empty ones are passed over.</summary>
    private sealed class LineReader(TextReader text)
    {
        private readonly char[] _buffer = new char[4096];
        private int _at;
        private int _filled;
        private long _number;

        public string Error { get; private set; } = "";

        public string At(string problem) => $"line {_number}: {problem}";

        public bool TryNext(out string line)
        {
            var builder = new System.Text.StringBuilder();
            while (true)
            {
                int read = Read();
                if (read is '\n' or -1)
                {
                    _number++;
                    line = builder.ToString().TrimEnd('\r');
                    if (line != "") return true;
                    if (read == -1) return false;
                    builder.Clear();
                    continue;
                }

                if (builder.Length == LineCharsMax)
                {
                    _number++;
                    Error = At($"is longer than {LineCharsMax} characters");
                    line = "";
                    return false;
                }

                builder.Append((char)read);
            }
        }

        private int Read()
        {
            if (_at == _filled)
            {
                _filled = text.Read(_buffer, 0, _buffer.Length);
                _at = 0;
                if (_filled == 0) return -1;
            }

            return _buffer[_at++];
        }
    }
}
