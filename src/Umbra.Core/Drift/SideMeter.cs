using Umbra.Core.Api;

namespace Umbra.Core.Drift;

/// <summary>
/// Tells which host of a pair a drift of one KPI speaks against. The detector says that the two have come apart; here
/// each side's own recent readings, in its own scale, say who has got worse. Higher readings are worse.
/// </summary>
/// <param name="baseline">The KPI's baseline.</param>
public sealed class SideMeter(KpiBaseline baseline)
{
    /// <summary>
    /// Half-life of "recent", samples: long enough that an ordinary wave of load does not hide who is worse.
    /// </summary>
    public const double HalfLifeSamples = 60;

    // The mean square of what is above the median is a half for a bell curve that has not moved.
    private const double Usual = 0.5;

    // A side is worse from twice the usual on.
    private const double WorseMin = 2 * Usual;

    private static readonly double Share = HalfLife.Share(HalfLifeSamples);

    private double _primary = Usual;
    private double _shadow = Usual;

    /// <summary>Takes the two readings of a sample, NaN where unknown.</summary>
    public void Push(double primary, double shadow)
    {
        Update(baseline.Primary, primary, ref _primary);
        Update(baseline.Shadow, shadow, ref _shadow);
    }

    /// <summary>
    /// Whom a drift speaks against: the side that got worse more, or neither when both are as usual or better. Nor
    /// where the drift's own direction denies it: a primary that fell below what its shadow lets expect got no worse.
    /// </summary>
    /// <param name="form">The drift's form.</param>
    public DriftSide Against(DriftForm form)
    {
        if (Math.Max(_primary, _shadow) < WorseMin) return DriftSide.Neither;
        var side = _primary >= _shadow ? DriftSide.Primary : DriftSide.Shadow;
        return (form, side) is (DriftForm.LevelDown, DriftSide.Primary) or (DriftForm.LevelUp, DriftSide.Shadow)
            ? DriftSide.Neither
            : side;
    }

    private static void Update(SeriesScale? scale, double value, ref double worse)
    {
        double scaled = scale?.Scaled(value) ?? double.NaN;
        if (double.IsNaN(scaled)) return;
        double above = Math.Max(0, scaled);
        worse += Share * ((above * above) - worse);
    }
}
