using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Drift;
using Umbra.Core.Sensors;

namespace Umbra.Core.Diagnosis;

/// <summary>
/// The hardware KPIs of one pair over its last seconds, in a ring of fixed size: some 17 KB, as every watched VM of a
/// fleet has one. Single-threaded.
/// </summary>
public sealed class KpiHistory
{
    /// <summary>Seconds kept; the oldest go first.</summary>
    public const int SecondsMax = 300;

    /// <summary>What is kept.</summary>
    public static IReadOnlyList<string> Kpis { get; } = [.. KpiNames.Compared.Where(KpiSense.IsHardware)];

    private static readonly int Width = 2 * Kpis.Count;

    private readonly (HostId Shadow, Generation Generation) _pair;
    private readonly TimeSpan[] _times = new TimeSpan[SecondsMax];
    private readonly float[] _values = new float[SecondsMax * Width];
    private int _count;
    private int _next;
    private long _pairs;

    /// <summary>An empty one of the pair with this shadow, under this generation.</summary>
    public KpiHistory(HostId shadow, Generation generation) => _pair = (shadow, generation);

    /// <summary>Whether it is of this pair.</summary>
    public bool IsOf(HostId shadow, Generation generation) => _pair == (shadow, generation);

    /// <summary>Takes what the shadow's agent tells, once for each second that it has paired.</summary>
    public void Add(TimeSpan now, KpiStatus status)
    {
        if (status.Pairs == 0 || status.Pairs == _pairs) return;
        _pairs = status.Pairs;
        var values = _values.AsSpan(_next * Width, Width);
        Fill(values[..Kpis.Count], status.Primary);
        Fill(values[Kpis.Count..], status.Here);
        _times[_next] = now;
        _next = (_next + 1) % SecondsMax;
        _count = Math.Min(_count + 1, SecondsMax);
    }

    /// <summary>All of it as seen at <paramref name="now"/>.</summary>
    public KpiSeries Series(TimeSpan now)
    {
        var moments = new List<KpiMoment>(_count);
        for (int i = 0; i < _count; i++)
        {
            int slot = (_next - _count + i + SecondsMax) % SecondsMax;
            var values = _values.AsSpan(slot * Width, Width);
            moments.Add(new KpiMoment(now - _times[slot], Known(values[..Kpis.Count]), Known(values[Kpis.Count..])));
        }

        return new KpiSeries(Kpis, moments);
    }

    private static void Fill(Span<float> values, IReadOnlyList<KpiSample> samples)
    {
        values.Fill(float.NaN);
        for (int n = 0; n < samples.Count; n++)
        {
            for (int k = 0; k < Kpis.Count; k++)
            {
                // A value too large for the ring becomes infinite, which Known takes for unknown.
                if (samples[n].Value is { } value && Kpis[k] == samples[n].Kpi) values[k] = (float)value;
            }
        }
    }

    private static float?[] Known(ReadOnlySpan<float> values)
    {
        var known = new float?[values.Length];
        for (int k = 0; k < known.Length; k++) known[k] = float.IsFinite(values[k]) ? values[k] : null;
        return known;
    }
}
