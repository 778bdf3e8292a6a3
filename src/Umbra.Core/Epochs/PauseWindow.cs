using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>Pauses of the last epochs, and what they say about the next one.</summary>
internal sealed class PauseWindow
{
    /// <summary>Epochs that the figures are over.</summary>
    public const int EpochsMax = 512;

    // So many newest epochs say how long a pause is now.
    private const int Newest = 16;

    private readonly List<EpochReport> _reports = new(EpochsMax);
    private int _oldest;

    public void Add(EpochReport report)
    {
        if (_reports.Count < EpochsMax)
        {
            _reports.Add(report);
            return;
        }

        _reports[_oldest] = report;
        _oldest = (_oldest + 1) % EpochsMax;
    }

    /// <summary>
    /// Pages whose copy fits what the budget leaves beside stopping, device state and going on, as measured; half of
    /// <paramref name="pagesMax"/> before anything is.
    /// </summary>
    public long PagesWithin(TimeSpan budget, int pagesMax)
    {
        if (_reports.Count == 0) return pagesMax / 2;
        EpochReport last = NewestBut(0);
        TimeSpan left = budget - (last.Pause - last.ScanCopy);
        if (left <= TimeSpan.Zero || last.PausedPages == 0 || last.ScanCopy == TimeSpan.Zero) return pagesMax / 2;
        double pages = left / (last.ScanCopy / last.PausedPages);
        return (long)Math.Clamp(pages, 64, pagesMax);
    }

    /// <summary>Mean pause of the newest epochs; zero before the first.</summary>
    public TimeSpan Mean
    {
        get
        {
            int count = Math.Min(Newest, _reports.Count);
            TimeSpan sum = TimeSpan.Zero;
            for (int i = 1; i <= count; i++) sum += NewestBut(i - 1).Pause;
            return count == 0 ? TimeSpan.Zero : sum / count;
        }
    }

    /// <summary>Whether the newest epochs took longer on average; not before there are enough ordinary ones.</summary>
    public bool IsBeyond(TimeSpan budget)
    {
        if (_reports.Count < Newest || Mean <= budget) return false;
        for (int i = 0; i < Newest; i++)
        {
            if (NewestBut(i).Resync) return false;
        }

        return true;
    }

    /// <summary>
    /// Of ordinary epochs alone: a seed's or resync's barrier comes once, after all of the guest's RAM.
    /// </summary>
    public PauseStatistics Statistics()
    {
        EpochReport[] reports = [.. _reports.Where(r => !r.Resync)];
        if (reports.Length == 0) return new PauseStatistics();
        double[] sorted = [.. reports.Select(r => r.Pause.TotalMilliseconds)];
        Array.Sort(sorted);
        return new PauseStatistics
        {
            Count = sorted.Length,
            MeanMs = sorted.Average(),
            P50Ms = Quantile(sorted, 0.5),
            P99Ms = Quantile(sorted, 0.99),
            StopMs = reports.Average(r => r.Stop.TotalMilliseconds),
            ScanCopyMs = reports.Average(r => r.ScanCopy.TotalMilliseconds),
            DeviceStateMs = reports.Average(r => r.DeviceState.TotalMilliseconds),
            ContMs = reports.Average(r => r.Continue.TotalMilliseconds),
        };
    }

    private EpochReport NewestBut(int count) => _reports[(_oldest + _reports.Count - 1 - count) % _reports.Count];

    private static double Quantile(double[] sorted, double part) =>
        sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(part * sorted.Length) - 1)];
}
