namespace Umbra.Simulation;

/// <summary>A seeded generator (SplitMix64: Steele, Lea, Flood 2014), the same on every machine and runtime.</summary>
internal sealed class SimRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 to one below <paramref name="limit"/>.</summary>
    public int Below(int limit) => (int)(Next() % (ulong)limit);

    /// <summary>True once in <paramref name="times"/>.</summary>
    public bool OneIn(int times) => Below(times) == 0;

    public TimeSpan Between(double fromMs, double toMs) =>
        TimeSpan.FromTicks(
            (long)((fromMs + ((toMs - fromMs) * (Next() >> 11) / (1UL << 53))) * TimeSpan.TicksPerMillisecond));
}
