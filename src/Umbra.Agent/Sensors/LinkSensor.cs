using System.Net;
using System.Net.NetworkInformation;
using Umbra.Agent.Links;
using Umbra.Core.Sensors;
using Umbra.Linux.Network;

namespace Umbra.Agent.Sensors;

/// <summary>
/// The pair's connection as this end's kernel sees it, and the interface that it goes over. Both ends measure: what one
/// of them alone sees is that end's hardware.
/// </summary>
/// <param name="connection">The connection in use; null: there is none.</param>
/// <param name="isShadow">Whether this end mostly receives.</param>
internal sealed class LinkSensor(Func<PairConnection?> connection, bool isShadow) : ISensor
{
    private const ulong SegmentsWrap = 1UL << 32;

    private readonly CounterWindow _segments = new(2, SegmentsWrap);
    private readonly CounterWindow _bytes = new(1);
    private readonly CounterWindow _interface = new(2);
    private PairConnection? _known;
    private string _source = "";
    private long _connections;
    private string? _name;

    public IReadOnlyList<string> Kpis { get; } = [KpiNames.NetLatency, KpiNames.NetLoss, KpiNames.NetThroughput];

    public Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now) => Task.FromResult(Read(now));

    /// <summary>Name of the interface with this address; null: none has it.</summary>
    internal static string? InterfaceOf(IPAddress address) =>
        NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(
            one => one.GetIPProperties().UnicastAddresses.Any(a => a.Address.Equals(address)))?.Name;

    private IReadOnlyList<KpiSample> Read(TimeSpan now)
    {
        if (connection() is not { } link) return Unknown("there is no connection between the pair's agents");
        if (link != _known) Follow(link);
        if (link.TcpInfo() is not { } info) return Unknown("the kernel tells nothing of the pair's connection");
        ulong[] deltas = new ulong[1];
        string? reason = _bytes.Take(
            _source, now, [isShadow ? info.BytesReceived : info.BytesAcknowledged], deltas, out TimeSpan time);
        return
        [
            KpiSample.Of(KpiNames.NetLatency, info.RoundTrip.TotalMilliseconds),
            Loss(info, now),
            reason is null
                ? KpiSample.Of(KpiNames.NetThroughput, deltas[0] / time.TotalSeconds)
                : KpiSample.Unknown(KpiNames.NetThroughput, reason),
        ];
    }

    private void Follow(PairConnection link)
    {
        _known = link;
        _source = "connection " + ++_connections;
        _name = link.LocalAddress is { } address ? InterfaceOf(address) : null;
    }

    private KpiSample Loss(TcpInfo info, TimeSpan now)
    {
        ulong[] segments = new ulong[2];
        string? reason = _segments.Take(
            _source, now, [info.SegmentsSent, info.Retransmitted], segments, out _);
        double damaged = Damaged(now);
        if (reason is not null) return KpiSample.Unknown(KpiNames.NetLoss, reason);
        if (segments[0] == 0) return KpiSample.Unknown(KpiNames.NetLoss, "nothing was sent");
        return KpiSample.Of(KpiNames.NetLoss, Math.Min(1, SegmentLoss.Of(segments[0], segments[1]) + damaged));
    }

    /// <summary>Part of the interface's packets that had errors; 0 where the interface is not known.</summary>
    private double Damaged(TimeSpan now)
    {
        if (_name is null || InterfaceCounters.Read(_name) is not { } counters) return 0;
        ulong[] deltas = new ulong[2];
        string? reason = _interface.Take(_name, now, [counters.Packets, counters.Errors], deltas, out _);
        return reason is null && deltas[1] > 0 ? (double)deltas[1] / (deltas[0] + deltas[1]) : 0;
    }

    private IReadOnlyList<KpiSample> Unknown(string reason) =>
        [.. Kpis.Select(kpi => KpiSample.Unknown(kpi, reason))];
}
