namespace Umbra.Core.Drift;

/// <summary>
/// Evidence that a bounded score's mean has risen above its null mean, at an unknown time: an e-detector of
/// Shiryaev-Roberts type (Shin, Ramdas, Rinaldo 2022), <c>M := (1 + M) (1 + b (score - mean))</c>, averaged over three
/// bets b. While the score's conditional mean stays at or below the null mean, every factor has an expectation of at
/// most 1, and the time until M first exceeds A is at least A samples on average, whatever the dependence.
/// </summary>
internal struct EvidenceStream
{
    private double _careful;
    private double _middle;
    private double _bold;
    private double _sinceOnset;
    private double _scores;
    private int _count;

    /// <summary>The evidence.</summary>
    public readonly double Value => (_careful + _middle + _bold) / 3;

    /// <summary>First sample of the rise that led to the present evidence: the likeliest change (Page 1954).</summary>
    public long Onset { get; private set; }

    /// <summary>Mean score since <see cref="Onset"/>.</summary>
    public readonly double Mean => _count == 0 ? 0 : _scores / _count;

    /// <summary>Takes one score. The evidence is capped, so that it falls in time once a drift is over.</summary>
    public void Update(double score, in EvidenceBets bets, double cap, long sample)
    {
        double gain = score - bets.Mean;
        _careful = Math.Min(cap, (1 + _careful) * (1 + (bets.Careful * gain)));
        _middle = Math.Min(cap, (1 + _middle) * (1 + (bets.Middle * gain)));
        _bold = Math.Min(cap, (1 + _bold) * (1 + (bets.Bold * gain)));
        if (_sinceOnset <= 1)
        {
            (_sinceOnset, _scores, _count) = (1, 0, 0);
            Onset = sample;
        }

        _sinceOnset = Math.Min(cap, _sinceOnset * (1 + (bets.Middle * gain)));
        _scores += score;
        _count++;
    }
}
