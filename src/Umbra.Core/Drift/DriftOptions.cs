namespace Umbra.Core.Drift;

/// <summary>
/// The parameters of drift detection. One set of defaults serves all KPIs, VMs and sampling rates; docs/design/drift.md
/// says how they were found and what changing each by a quarter costs.
/// </summary>
public sealed record DriftOptions
{
    /// <summary>The defaults.</summary>
    public static DriftOptions Default { get; } = new();

    /// <summary>How often a VM without drift may get a verdict: at most one in this time.</summary>
    public TimeSpan FalseVerdictInterval { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Half-life of the slow part of the shadow's series, samples.</summary>
    public double ShadowSlowHalfLife { get; init; } = 16;

    /// <summary>
    /// Half-life of the shadow's running level, samples: beyond the calibration's levels it counts as never seen.
    /// </summary>
    public double ShadowLevelHalfLife { get; init; } = 48;

    /// <summary>Half-life of the residual's short memory, samples.</summary>
    public double ShortHalfLife { get; init; } = 8;

    /// <summary>Half-life of the residual's long memory, samples.</summary>
    public double LongHalfLife { get; init; } = 80;

    /// <summary>Ridge of the regression on the shadow.</summary>
    public double ShadowRidge { get; init; } = 0.01;

    /// <summary>
    /// Beyond its calibrated range the shadow may move the primary by nothing up to this, relatively: 1 is in
    /// proportion.
    /// </summary>
    public double ExcessGain { get; init; } = 1;

    /// <summary>Ridge of the regression on the other KPIs' residuals.</summary>
    public double OthersRidge { get; init; } = 0.03;

    /// <summary>A neighbour's residual counts at most so many of its spreads: its own drift must not spread.</summary>
    public double OthersLimit { get; init; } = 3;

    /// <summary>Ridge of the regression on the residual's own past.</summary>
    public double MemoryRidge { get; init; } = 0.04;

    /// <summary>The level's score is full at so many sigma of the innovation.</summary>
    public double LevelLimit { get; init; } = 3;

    /// <summary>The spread's score is full at so many sigma of the innovation.</summary>
    public double SpreadLimit { get; init; } = 5;

    /// <summary>An innovation is a spike beyond so many sigma, and beyond all that the calibration has seen.</summary>
    public double SpikeLimit { get; init; } = 3;

    /// <summary>Samples after a spike in which no other one counts.</summary>
    public int SpikeHold { get; init; } = 8;

    /// <summary>How many standard errors the null mean of a score lies above the calibration's mean.</summary>
    public double MarginErrors { get; init; } = 6;

    /// <summary>Smallest shift of a score's mean that is worth finding, in standard deviations of the score.</summary>
    public double MarginDeviations { get; init; } = 0.5;

    /// <summary>
    /// The level of a residual that wanders is no baseline: its margin grows by this, times the share of its variance
    /// that its own past explains.
    /// </summary>
    public double WanderMargin { get; init; } = 2.5;

    /// <summary>The same for spikes, which are rare: their deviation is large against their mean.</summary>
    public double SpikeMarginDeviations { get; init; } = 0.05;

    /// <summary>The calibration itself may bring up this share of the threshold's log evidence.</summary>
    public double CalibrationShare { get; init; } = 0.3;

    /// <summary>How much more restless than its calibration a pair may be: factor on that part of the margin.</summary>
    public double Restlessness { get; init; } = 1.3;

    /// <summary>Blocks of the calibration window whose means tell how dependent its samples are.</summary>
    public double DependenceBlocks { get; init; } = 30;

    /// <summary>Most that one sample may multiply the evidence by.</summary>
    public double GainMax { get; init; } = 7;

    /// <summary>Reference value of the hint's CUSUM, sigma.</summary>
    public double HintReference { get; init; } = 0.5;

    /// <summary>Limit of the hint's CUSUM, sigma.</summary>
    public double HintLimit { get; init; } = 10;
}
