using Umbra.Core.Sensors;
using Umbra.Linux.ProcFs;

namespace Umbra.Agent.Sensors;

/// <summary>
/// The canary in the place where a VM's process may run, the same on both sides of a pair. On the shadow's side, whose
/// guest stands still, also what CPU time a thread gets there.
/// </summary>
/// <param name="canaries">The host's.</param>
/// <param name="place">Where the process may run now; null: there is none.</param>
/// <param name="isShadow">Whether this is the shadow's side.</param>
internal sealed class CanarySensor(HostCanaries canaries, Func<ThreadPlacement?> place, bool isShadow)
    : ISensor, IDisposable
{
    /// <summary>An older reading tells nothing of this second.</summary>
    public static readonly TimeSpan AgeMax = TimeSpan.FromMilliseconds(1500);

    private static readonly string[] s_primary = [KpiNames.CpuWork, KpiNames.MemoryLatency];
    private static readonly string[] s_shadow = [.. s_primary, KpiNames.CpuUtilization, KpiNames.CpuWait];

    private readonly CounterWindow _sched = new(2);
    private readonly Lock _lock = new();
    private SharedPool<HostCanary>.Share? _share;
    private TimeSpan _waitSeenAt;
    private KpiSample _wait = KpiSample.Unknown(KpiNames.CpuWait, "the canary is being started");
    private bool _isDisposed;

    public IReadOnlyList<string> Kpis => isShadow ? s_shadow : s_primary;

    public Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now) => Task.FromResult(Read(now));

    public void Dispose()
    {
        // A reading that is still under way must not take another share.
        lock (_lock)
        {
            _isDisposed = true;
            _share?.Dispose();
            _share = null;
        }
    }

    private IReadOnlyList<KpiSample> Read(TimeSpan now)
    {
        if (place() is not { } here) return Unknown("there is no process whose place it could be in");
        if (ShareOf(here) is not { } canary)
            return Unknown($"the host's {HostCanaries.PlacesMax} canaries are taken by VMs in other places");
        if (canary.Latest is not { } reading) return Unknown(canary.Trouble);
        if (now - reading.At > AgeMax)
            return Unknown($"the canary's last reading is {(now - reading.At).TotalSeconds:0.0} s old");
        KpiSample access = reading.AccessNanoseconds is { } nanoseconds
            ? KpiSample.Of(KpiNames.MemoryLatency, nanoseconds)
            : KpiSample.Unknown(KpiNames.MemoryLatency, reading.AccessReason);
        return
        [
            KpiSample.Of(KpiNames.CpuWork, reading.WorkNanoseconds), access,
            KpiSample.Of(KpiNames.CpuUtilization, reading.CpuShare), WaitOf(reading),
        ];
    }

    private HostCanary? ShareOf(ThreadPlacement here)
    {
        lock (_lock)
        {
            string key = HostCanaries.KeyOf(here);
            if (_isDisposed) return null;
            if (_share?.Key == key) return _share.Thing;
            // The process was put elsewhere: the canary goes with it.
            _share?.Dispose();
            _share = canaries.Places.TryShare(key);
            return _share?.Thing;
        }
    }

    private KpiSample WaitOf(CanaryReading reading)
    {
        // A reading may be seen twice, as its second is not the sampler's.
        if (reading.At == _waitSeenAt) return _wait;
        _waitSeenAt = reading.At;
        return _wait = SchedShares.Wait(_sched, _share?.Key ?? "", reading.At, reading.Sched);
    }

    private IReadOnlyList<KpiSample> Unknown(string reason) =>
        [.. Kpis.Select(kpi => KpiSample.Unknown(kpi, reason))];
}
