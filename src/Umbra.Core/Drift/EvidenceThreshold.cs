namespace Umbra.Core.Drift;

/// <summary>The threshold that a time between false verdicts stands for.</summary>
internal static class EvidenceThreshold
{
    /// <summary>
    /// The evidence that makes a verdict. An e-detector crosses A after A samples at the earliest on average; a VM has
    /// one for each form of each judged KPI, and their sum is again one, so each gets its share.
    /// </summary>
    public static double Of(DriftOptions options, TimeSpan sampling, IReadOnlyList<KpiBaseline> kpis)
    {
        double samples = Math.Max(1, options.FalseVerdictInterval / sampling);
        int judged = Math.Max(1, kpis.Count(static kpi => kpi.IsJudged));
        return samples * judged * InnovationScores.Forms;
    }
}
