namespace Umbra.Core.Drift;

/// <summary>Scores of an innovation for each <see cref="DriftForm"/>: bounded to [0, 1], so that no single value
/// decides.</summary>
internal struct InnovationScores(DriftOptions options, double spikeLimit)
{
    /// <summary>How many forms there are.</summary>
    public const int Forms = 4;

    private readonly double _level = 0.5 / options.LevelLimit;
    private readonly double _spread = 1 / options.SpreadLimit;
    private readonly int _hold = options.SpikeHold;
    private int _sinceSpike = options.SpikeHold;

    /// <summary>Fills <paramref name="scores"/> for an innovation in its spreads.</summary>
    public void Fill(double innovation, Span<double> scores)
    {
        double up = Math.Clamp(0.5 + (_level * innovation), 0, 1);
        double size = Math.Abs(innovation);
        scores[(int)DriftForm.LevelUp] = up;
        scores[(int)DriftForm.LevelDown] = 1 - up;
        scores[(int)DriftForm.Spread] = Math.Min(1, _spread * size);
        bool isSpike = size > spikeLimit && _sinceSpike >= _hold;
        _sinceSpike = isSpike ? 0 : Math.Min(_hold, _sinceSpike + 1);
        scores[(int)DriftForm.Spikes] = isSpike ? 1 : 0;
    }
}
