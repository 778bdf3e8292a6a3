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

    // A side is worse from twice its usual on, and worse than the other from twice the other on: what both carry is
    // seldom quite alike, and a drift that is small beside it must not be laid to whoever is just ahead.
    private const double WorseMin = 2;

    private Worsening _primary = new(baseline.Primary);
    private Worsening _shadow = new(baseline.Shadow);

    /// <summary>Takes the two readings of a sample, NaN where unknown.</summary>
    public void Push(double primary, double shadow)
    {
        _primary.Push(primary);
        _shadow.Push(shadow);
    }

    /// <summary>
    /// Whom a drift speaks against: the side that got worse by far, or neither when both are as usual or better, or
    /// worse much alike. Nor where the drift's own direction denies it: a primary that fell below what its shadow lets
    /// expect got no worse.
    /// </summary>
    /// <param name="form">The drift's form.</param>
    public DriftSide Against(DriftForm form)
    {
        double primary = _primary.Times(form);
        double shadow = _shadow.Times(form);
        if (Math.Max(primary, shadow) < WorseMin * Math.Max(1, Math.Min(primary, shadow))) return DriftSide.Neither;
        var side = primary >= shadow ? DriftSide.Primary : DriftSide.Shadow;
        return (form, side) is (DriftForm.LevelDown, DriftSide.Primary) or (DriftForm.LevelUp, DriftSide.Shadow)
            ? DriftSide.Neither
            : side;
    }

    /// <summary>How many times worse than its usual one side is of late.</summary>
    private struct Worsening
    {
        // Fewest that count as usual: the mean square above its median of a bell curve is a half. Swings can be far
        // smaller than a series' spread, but what is a tenth of those of noise says nothing of hardware.
        private const double HeightMin = 0.5;
        private const double SwingMin = 0.05;

        private static readonly double Share = HalfLife.Share(HalfLifeSamples);

        private readonly SeriesScale? _scale;
        private readonly double _usualHeight;
        private readonly double _usualSwing;
        private Rise _rise = new();
        private double _height;
        private double _swing;

        public Worsening(SeriesScale? scale)
        {
            _scale = scale;
            _height = _usualHeight = Math.Max(HeightMin, scale?.Height ?? 0);
            _swing = _usualSwing = Math.Max(SwingMin, scale?.Swing ?? 0);
        }

        /// <summary>
        /// Times the usual. A level shows in the height; spread and spikes show there or in the swings, whichever is
        /// more: a wave that both hosts ride hides them in the height.
        /// </summary>
        public readonly double Times(DriftForm form)
        {
            double height = _height / _usualHeight;
            return form is DriftForm.Spread or DriftForm.Spikes ? Math.Max(height, _swing / _usualSwing) : height;
        }

        public void Push(double value)
        {
            double scaled = _scale?.Scaled(value) ?? double.NaN;
            if (double.IsNaN(scaled)) return;
            _rise.Push(scaled);
            _height += Share * (_rise.Height - _height);
            _swing += Share * (_rise.Swing - _swing);
        }
    }
}
