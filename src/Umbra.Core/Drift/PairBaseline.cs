using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Drift;

/// <summary>Whose baseline it is: on another pair of hosts, or the other way round, it means nothing.</summary>
/// <param name="Vm">The VM.</param>
/// <param name="Primary">The host where it runs.</param>
/// <param name="Shadow">The host of its shadow.</param>
public sealed record PairKey(VmId Vm, HostId Primary, HostId Shadow);

/// <summary>What a pair looks like without drift (docs/design/drift.md).</summary>
/// <param name="Version">Version of the form.</param>
/// <param name="Pair">Whose it is; null for series from files.</param>
/// <param name="Sampling">Time between samples.</param>
/// <param name="Samples">Samples in the calibration window.</param>
/// <param name="Kpis">The KPIs, in the order in which samples are given.</param>
public sealed record PairBaseline(
    int Version, PairKey? Pair, TimeSpan Sampling, int Samples, IReadOnlyList<KpiBaseline> Kpis)
{
    /// <summary>The version that this code writes and reads.</summary>
    public const int CurrentVersion = 3;

    /// <summary>Most KPIs of a pair.</summary>
    public const int KpisMax = 64;

    /// <summary>Largest stored baseline that is read, bytes.</summary>
    public const int BytesMax = Sizes.MiB;

    /// <summary>The stored form.</summary>
    public byte[] Encode() => FleetJson.Serialize(this);

    /// <summary>Reads a stored baseline; null with the reason in <paramref name="error"/>.</summary>
    public static PairBaseline? TryDecode(ReadOnlySpan<byte> utf8, out string error)
    {
        if (utf8.Length > BytesMax)
        {
            error = $"a baseline has at most {BytesMax} bytes, not {utf8.Length}";
            return null;
        }

        var baseline = FleetJson.TryDeserialize<PairBaseline>(utf8, out error);
        if (baseline is null) return null;
        error = BaselineRules.Check(baseline);
        return error == "" ? baseline : null;
    }
}
