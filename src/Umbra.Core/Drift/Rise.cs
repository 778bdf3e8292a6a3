namespace Umbra.Core.Drift;

/// <summary>
/// How far a scaled series rises, sample by sample, as squares: above the calibration's median, and above its own
/// running level, where unrest shows whatever wave the series rides.
/// </summary>
internal struct Rise()
{
    // Samples: shorter than the waves of a load.
    private const double LevelHalfLife = 16;

    private RunningLevel _level = new(LevelHalfLife);

    /// <summary>Square of what the newest value has above the median; 0 below it.</summary>
    public double Height { get; private set; }

    /// <summary>Square of what it has above the running level before it; 0 below that.</summary>
    public double Swing { get; private set; }

    /// <summary>Takes a scaled value, which must be known.</summary>
    public void Push(double scaled)
    {
        Height = SquareAbove(scaled);
        Swing = SquareAbove(scaled - _level.Value);
        _level.Push(scaled);
    }

    private static double SquareAbove(double away) => away > 0 ? away * away : 0;
}
