using Umbra.Core.Basics;
using Umbra.Core.Sensors;

namespace Umbra.Core.Protocol;

/// <summary>Fields of a <see cref="KpiReport"/>.</summary>
internal static class KpiReportBody
{
    public static void Write(KpiReport report, ref SpanWriter to)
    {
        Invariant.Holds(report.Set.Samples.Count <= KpiSet.SamplesMax, "KPIs within their limit");
        to.UInt64(report.Generation.Value);
        to.Int64(report.Set.At.Ticks);
        to.Byte((byte)report.Set.Samples.Count);
        foreach (KpiSample sample in report.Set.Samples)
        {
            to.Name(sample.Kpi, KpiNames.LengthMax);
            to.Int64(sample.Took.Ticks);
            to.Flag(sample.Value is not null);
            if (sample.Value is { } value) to.UInt64(BitConverter.DoubleToUInt64Bits(value));
            else to.Text(sample.Reason, KpiSample.ReasonLengthMax);
        }
    }

    public static KpiReport? Read(ref SpanReader from)
    {
        var generation = new Generation(from.UInt64());
        var at = new TimeSpan(from.Int64());
        int count = from.Byte();
        if (from.Failed || count > KpiSet.SamplesMax) return null;
        var samples = new KpiSample[count];
        foreach (ref KpiSample sample in samples.AsSpan())
        {
            if (ReadSample(ref from) is not { } read) return null;
            sample = read;
        }

        return new KpiReport(generation, new KpiSet(at, samples));
    }

    private static KpiSample? ReadSample(ref SpanReader from)
    {
        string kpi = from.Text(KpiNames.LengthMax);
        var took = new TimeSpan(from.Int64());
        bool isKnown = from.Flag();
        double value = isKnown ? BitConverter.UInt64BitsToDouble(from.UInt64()) : 0;
        string reason = isKnown ? "" : from.Text(KpiSample.ReasonLengthMax);
        bool sound = !from.Failed && KpiNames.IsValid(kpi) && took >= TimeSpan.Zero && double.IsFinite(value)
            && isKnown == (reason.Length == 0);
        if (!sound) return null;
        return new KpiSample { Kpi = kpi, Value = isKnown ? value : null, Reason = reason, Took = took };
    }
}
