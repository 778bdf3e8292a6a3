using System.Globalization;

namespace Umbra.Core.Drift;

/// <summary>Puts evidence into words, with the numbers that led there.</summary>
internal static class DriftExplanation
{
    // Below this nothing is worth a sentence.
    private const double ScoreMin = 0.5;

    public static string OfNotJudged(KpiBaseline baseline) => baseline.Samples < BaselineLearner.SamplesMin
        ? $"not judged: {baseline.Samples} readings in the calibration, {BaselineLearner.SamplesMin} are needed"
        : "not judged: it never changed in the calibration";

    public static string Of(DriftEvidence evidence, double logThreshold, TimeSpan falseVerdictInterval)
    {
        if (evidence.Score < ScoreMin) return evidence.IsKnown ? "no drift" : "no drift; the newest reading is missing";
        var invariant = CultureInfo.InvariantCulture;
        string what = evidence.Form switch
        {
            DriftForm.LevelUp or DriftForm.LevelDown => string.Create(
                invariant, $"is {Math.Abs(evidence.Change):P1} {(evidence.Change < 0 ? "below" : "above")} what the "
                + $"shadow and the load let expect"),
            DriftForm.Spread => string.Create(
                invariant, $"varies more than before (score {evidence.ScoreMean:0.00}, at most "
                + $"{evidence.ScoreMeanMax:0.00} without drift)"),
            _ => string.Create(
                invariant, $"has spikes beyond all that the calibration saw ({evidence.ScoreMean:P1} of the samples, "
                + $"at most {evidence.ScoreMeanMax:P1} without drift)"),
        };
        double evidenceLog10 = evidence.Score * logThreshold / Math.Log(10);
        return string.Create(
            invariant, $"the primary's {evidence.Kpi} {what} since sample {evidence.OnsetSample}; evidence "
            + $"10^{evidenceLog10:0.0} of the 10^{logThreshold / Math.Log(10):0.0} that stand for one false verdict in "
            + $"{falseVerdictInterval.TotalDays:0.#} days");
    }
}
