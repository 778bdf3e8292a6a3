using System.Globalization;
using Umbra.Core.Sensors;
using Umbra.Linux.ProcFs;
using Umbra.Qemu.Qmp;

namespace Umbra.Agent.Sensors;

/// <summary>
/// What CPU time a running VM's vCPUs got, and how long they waited for a CPU: their threads as the scheduler counts
/// them. Where the kernel does not, waiting is the CPU pressure of the VM's control group, or else of the host.
/// </summary>
/// <param name="pid">QEMU's process.</param>
/// <param name="askThreads">Asks QEMU for its vCPUs' threads.</param>
/// <param name="root">Where <c>proc</c> and <c>sys</c> are mounted under.</param>
internal sealed class VcpuSensor(
    int pid, Func<Task<QmpOutcome<IReadOnlyList<int>>>> askThreads, string root = "/") : ISensor
{
    private readonly CounterWindow _counts = new(2);
    private readonly CounterWindow _pressure = new(1);
    private IReadOnlyList<int> _threads = [];
    private string _threadNames = "";

    public IReadOnlyList<string> Kpis { get; } = [KpiNames.CpuUtilization, KpiNames.CpuWait];

    public async Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now)
    {
        SchedStat? sum = Sum();
        if (sum is null && await FindThreadsAsync() is { } error)
            return [KpiSample.Unknown(KpiNames.CpuUtilization, error), KpiSample.Unknown(KpiNames.CpuWait, error)];
        sum ??= Sum();
        if (sum is null)
        {
            return
            [
                KpiSample.Unknown(KpiNames.CpuUtilization, "the kernel keeps no schedstat of its threads"),
                PressureShare(now),
            ];
        }

        ulong[] deltas = new ulong[2];
        string? reason = _counts.Take(
            _threadNames, now, [sum.Value.RunNanoseconds, sum.Value.WaitNanoseconds], deltas, out TimeSpan time);
        KpiSample utilization = reason is not null
            ? KpiSample.Unknown(KpiNames.CpuUtilization, reason)
            : KpiSample.Of(KpiNames.CpuUtilization, deltas[0] / time.TotalNanoseconds / _threads.Count);
        return [utilization, SchedShares.Wait(reason, deltas[0], deltas[1])];
    }

    private SchedStat? Sum()
    {
        ulong run = 0, wait = 0;
        foreach (int thread in _threads)
        {
            if (SchedStat.OfThread(pid, thread, root) is not { } counts) return null;
            run += counts.RunNanoseconds;
            wait += counts.WaitNanoseconds;
        }

        return _threads.Count > 0 ? new SchedStat(run, wait) : null;
    }

    /// <summary>Asked at the start and when a thread is gone, not every second: QEMU has better to do.</summary>
    private async Task<string?> FindThreadsAsync()
    {
        QmpOutcome<IReadOnlyList<int>> answer = await askThreads();
        if (!answer.IsOk) return answer.Description;
        // With one thread for all vCPUs (plain TCG) each of them names it.
        _threads = [.. answer.Value.Distinct()];
        _threadNames = string.Join(' ', _threads.Select(t => t.ToString(CultureInfo.InvariantCulture)));
        return _threads.Count > 0 ? null : "QEMU names no vCPU";
    }

    private KpiSample PressureShare(TimeSpan now)
    {
        Pressure? group = ProcessGroups.Of(pid, root)?.CpuPressure;
        Pressure? host = group is null && TextFile.TryRead(Path.Combine(root, "proc/pressure/cpu")) is { } text
            ? Pressure.Parse(text)
            : null;
        if ((group ?? host) is not { } pressure)
            return KpiSample.Unknown(KpiNames.CpuWait, "the kernel keeps neither schedstat nor pressure");
        ulong[] deltas = new ulong[1];
        string source = group is null ? "host" : "group";
        string? reason = _pressure.Take(source, now, [pressure.SomeMicroseconds], deltas, out TimeSpan time);
        return reason is not null
            ? KpiSample.Unknown(KpiNames.CpuWait, reason)
            : KpiSample.Of(KpiNames.CpuWait, Math.Min(1, deltas[0] / time.TotalMicroseconds));
    }
}
