using Umbra.Core.Drift;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>The engine on recorded pairs: the targets of docs/design/drift.md.</summary>
public sealed class ReplayTests(ITestOutputHelper output)
{
    private static readonly Lazy<List<Case>> s_cases = new(PairedDriftSet.Read);

    [Fact]
    public void The_paired_drift_set_is_judged_within_all_four_targets()
    {
        var score = CaseScore.Of(s_cases.Value);
        output.WriteLine(score.ToString());
        Assert.True(score.Found >= 18 && score.MedianDelay <= 120, score.ToString());
        Assert.True(score.QuietsAlarmed <= 4 && score.FalsePer1000 <= 0.5, score.ToString());
    }

    // Alarms without drift are not held here: real twins move by themselves, and the surrogates' load steps are harder
    // than those of the set above (docs/design/drift.md has the figures).
    [Fact]
    public void Surrogate_drifts_from_other_places_are_found_nearly_as_well()
    {
        var score = CaseScore.Of(new SurrogateSet(seed: 101).Make(60));
        output.WriteLine($"{score}; {score.Families}");
        Assert.True(score.Found >= 0.65 * score.Drifts && score.MedianDelay <= 160, score.ToString());
        Assert.True(score.FalsePer1000 <= 0.75, score.ToString());
    }

    [Fact]
    public void An_alarm_rests_on_no_later_sample()
    {
        var item = s_cases.Value.First(static c => c.Kind == "step");
        var whole = DriftReplay.TryRun(item.Series, item.CalibrationEnd, out _)!;
        var first = whole.Alarms[0];
        int cells = (item.Series.SampleAt(first.Time) + 1) * item.Series.Kpis.Count;
        var cut = item.Series with
        {
            Primary = item.Series.Primary[..cells],
            Shadow = item.Series.Shadow[..cells],
        };
        var again = DriftReplay.TryRun(cut, item.CalibrationEnd, out _)!;
        Assert.Equal(first, again.Alarms[^1]);
    }
}
