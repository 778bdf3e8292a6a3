namespace Umbra.Core.Drift;

/// <summary>
/// The hint: a two-sided CUSUM of the innovation (Page 1954). It comes early and is wrong now and then; all that it may
/// do is raise the sync frequency.
/// </summary>
internal struct HintSum(DriftOptions options)
{
    private readonly double _reference = options.HintReference;
    private readonly double _limit = options.HintLimit;
    private double _up;
    private double _down;

    /// <summary>How far the sum is to its limit; 1 or more is a hint.</summary>
    public readonly double Level => Math.Max(_up, _down) / _limit;

    /// <summary>Takes one innovation, in its spreads.</summary>
    public void Update(double innovation)
    {
        double bounded = Math.Clamp(innovation, -4, 4);
        _up = Math.Min(2 * _limit, Math.Max(0, _up + bounded - _reference));
        _down = Math.Min(2 * _limit, Math.Max(0, _down - bounded - _reference));
    }
}
