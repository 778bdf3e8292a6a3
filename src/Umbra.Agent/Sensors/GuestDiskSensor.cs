using Umbra.Core.Sensors;
using Umbra.Qemu.Qmp;

namespace Umbra.Agent.Sensors;

/// <summary>What the guest's own disk requests took, by QEMU's counters.</summary>
/// <param name="ask">Asks QEMU for them.</param>
internal sealed class GuestDiskSensor(Func<Task<QmpOutcome<IReadOnlyList<BlockStats>>>> ask) : ISensor
{
    private readonly CounterWindow _window = new(4);

    public IReadOnlyList<string> Kpis { get; } = [KpiNames.GuestDiskLatency, KpiNames.GuestDiskFlush];

    public async Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now)
    {
        QmpOutcome<IReadOnlyList<BlockStats>> answer = await ask();
        if (!answer.IsOk) return Both(answer.Description);
        ulong[] sums = new ulong[4];
        foreach (BlockStats disk in answer.Value)
        {
            sums[0] += (ulong)(disk.ReadOperations + disk.WriteOperations);
            sums[1] += (ulong)(disk.ReadNanoseconds + disk.WriteNanoseconds);
            sums[2] += (ulong)disk.FlushOperations;
            sums[3] += (ulong)disk.FlushNanoseconds;
        }

        ulong[] deltas = new ulong[4];
        string source = string.Join(' ', answer.Value.Select(disk => disk.QomPath));
        if (_window.Take(source, now, sums, deltas, out _) is { } reason) return Both(reason);
        return
        [
            Mean(KpiNames.GuestDiskLatency, deltas[0], deltas[1], "the guest used no disk"),
            Mean(KpiNames.GuestDiskFlush, deltas[2], deltas[3], "the guest flushed no disk"),
        ];
    }

    private static KpiSample Mean(string kpi, ulong count, ulong nanoseconds, string none) =>
        count == 0 ? KpiSample.Unknown(kpi, none) : KpiSample.Of(kpi, nanoseconds / 1e6 / count);

    private IReadOnlyList<KpiSample> Both(string reason) =>
        [.. Kpis.Select(kpi => KpiSample.Unknown(kpi, reason))];
}
