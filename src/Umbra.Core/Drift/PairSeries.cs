using Umbra.Core.Basics;

namespace Umbra.Core.Drift;

/// <summary>Series of a pair on a regular grid of times, as a replay feeds them to the detector.</summary>
/// <param name="Kpis">The KPIs, in the order of the columns.</param>
/// <param name="Start">Time of the first sample.</param>
/// <param name="Sampling">Time between samples.</param>
/// <param name="Primary">Readings of the primary, samples x KPIs, row by row; NaN unknown.</param>
/// <param name="Shadow">Readings of the shadow, likewise.</param>
public sealed record PairSeries(
    IReadOnlyList<string> Kpis, DateTimeOffset Start, TimeSpan Sampling, double[] Primary, double[] Shadow)
{
    /// <summary>Number of samples.</summary>
    public int Samples => Primary.Length / Kpis.Count;

    /// <summary>Time of a sample.</summary>
    public DateTimeOffset TimeOf(long sample) => Start + (sample * Sampling);

    /// <summary>The sample at or after <paramref name="time"/>, within the series.</summary>
    public int SampleAt(DateTimeOffset time) =>
        (int)Math.Clamp(Math.Ceiling((time - Start) / Sampling), 0, Samples);
}

/// <summary>Puts readings that come with their time on a grid.</summary>
internal sealed class PairGrid
{
    /// <summary>Most KPIs.</summary>
    public const int KpisMax = PairBaseline.KpisMax;

    /// <summary>Most readings of one side.</summary>
    public const int ReadingsMax = 16 * 1024 * 1024;

    // A grid may be this much longer than the times that were read: gaps are fine, a stray year is not.
    private const int GapFactor = 20;
    private const int GapSamples = 2000;

    private readonly List<(DateTimeOffset Time, int Kpi, double Primary, double Shadow)> _readings = [];
    private readonly List<string> _kpis = [];
    private readonly Dictionary<string, int> _kpiIndex = new(StringComparer.Ordinal);
    private int _times;
    private DateTimeOffset _last = DateTimeOffset.MinValue;

    /// <summary>Takes one reading; an error, or the empty string. Times must not go back.</summary>
    public string Add(DateTimeOffset time, string kpi, double primary, double shadow)
    {
        if (time < _last) return $"time {time:O} is before the one above";
        if (_readings.Count == ReadingsMax) return $"there are more than {ReadingsMax} readings";
        if (!_kpiIndex.TryGetValue(kpi, out int index))
        {
            if (_kpis.Count == KpisMax) return $"there are more than {KpisMax} KPIs";
            index = _kpis.Count;
            _kpis.Add(kpi);
            _kpiIndex.Add(kpi, index);
        }

        if (time > _last || _readings.Count == 0) _times++;
        _last = time;
        _readings.Add((time, index, primary, shadow));
        return "";
    }

    /// <summary>The shortest time between two samples; zero when there is but one.</summary>
    public TimeSpan ShortestStep()
    {
        var shortest = TimeSpan.Zero;
        for (int i = 1; i < _readings.Count; i++)
        {
            var step = _readings[i].Time - _readings[i - 1].Time;
            if (step > TimeSpan.Zero && (shortest == TimeSpan.Zero || step < shortest)) shortest = step;
        }

        return shortest;
    }

    /// <summary>The series; null with the reason in <paramref name="error"/>.</summary>
    public PairSeries? TryBuild(TimeSpan sampling, out string error)
    {
        error = "there are no readings";
        if (_readings.Count == 0) return null;
        Invariant.Holds(sampling > TimeSpan.Zero);
        var start = _readings[0].Time;
        double samples = Math.Floor((_last - start) / sampling) + 1;
        error = $"{_times} times over {_last - start} leave too many gaps at a sampling interval of {sampling}";
        if (samples > ((double)GapFactor * _times) + GapSamples || samples * _kpis.Count > ReadingsMax) return null;
        double[] primary = new double[(int)samples * _kpis.Count];
        Array.Fill(primary, double.NaN);
        double[] shadow = [.. primary];
        foreach (var reading in _readings)
        {
            int at = ((int)((reading.Time - start) / sampling) * _kpis.Count) + reading.Kpi;
            (primary[at], shadow[at]) = (reading.Primary, reading.Shadow);
        }

        error = "";
        return new PairSeries([.. _kpis], start, sampling, primary, shadow);
    }
}
