using Umbra.Core.Sensors;
using Umbra.Linux.Network;

namespace Umbra.Agent.Sensors;

/// <summary>What goes over the guest's network interfaces, at their host's end.</summary>
/// <param name="taps">Names of the VM's taps now.</param>
internal sealed class TapSensor(Func<IReadOnlyCollection<string>> taps) : ISensor
{
    private readonly CounterWindow _window = new(1);

    public IReadOnlyList<string> Kpis { get; } = [KpiNames.GuestNetThroughput];

    public Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now) =>
        Task.FromResult<IReadOnlyList<KpiSample>>([Read(now)]);

    private KpiSample Read(TimeSpan now)
    {
        IReadOnlyCollection<string> names = taps();
        if (names.Count == 0) return KpiSample.Unknown(KpiNames.GuestNetThroughput, "the VM has no tap");
        ulong bytes = 0;
        foreach (string name in names)
        {
            if (InterfaceCounters.Read(name) is not { } counters)
                return KpiSample.Unknown(KpiNames.GuestNetThroughput, $"interface {name} has no counters");
            bytes += counters.Bytes;
        }

        ulong[] deltas = new ulong[1];
        string? reason = _window.Take(string.Join(' ', names), now, [bytes], deltas, out TimeSpan time);
        return reason is null
            ? KpiSample.Of(KpiNames.GuestNetThroughput, deltas[0] / time.TotalSeconds)
            : KpiSample.Unknown(KpiNames.GuestNetThroughput, reason);
    }
}
