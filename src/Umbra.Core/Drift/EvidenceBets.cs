namespace Umbra.Core.Drift;

/// <summary>
/// A null mean and the bets against it. A bet b is fair against every mean up to the null one as long as the factor
/// <c>1 + b (score - mean)</c> cannot be negative, which holds for b below 1/mean.
/// </summary>
internal readonly struct EvidenceBets
{
    private const double CarefulShare = 0.1;
    private const double MiddleShare = 0.3;
    private const double BoldShare = 0.7;
    private const double MeanMin = 0.001;

    public EvidenceBets(double mean, double gainMax)
    {
        Mean = Math.Clamp(mean, MeanMin, 1);
        double most = Mean >= 1 ? 0 : (gainMax - 1) / (1 - Mean);
        Careful = Math.Min(CarefulShare / Mean, most);
        Middle = Math.Min(MiddleShare / Mean, most);
        Bold = Math.Min(BoldShare / Mean, most);
    }

    /// <summary>The null mean.</summary>
    public double Mean { get; }

    public double Careful { get; }

    public double Middle { get; }

    public double Bold { get; }
}
