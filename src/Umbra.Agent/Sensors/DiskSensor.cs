using Umbra.Core.Sensors;

namespace Umbra.Agent.Sensors;

/// <summary>The disk canary of the filesystem that a VM's images are on.</summary>
internal sealed class DiskSensor : ISensor, IDisposable
{
    private readonly SharedPool<DiskCanary>.Share? _share;

    /// <summary>Takes a share of the canary whose file is <paramref name="path"/>.</summary>
    public DiskSensor(HostCanaries canaries, string path) => _share = canaries.Files.TryShare(path);

    public IReadOnlyList<string> Kpis { get; } = [KpiNames.DiskLatency, KpiNames.DiskFlush];

    public Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now) => Task.FromResult(Read(now));

    public void Dispose() => _share?.Dispose();

    private IReadOnlyList<KpiSample> Read(TimeSpan now)
    {
        if (_share?.Thing is not { } canary)
            return Unknown($"{HostCanaries.DirectoriesMax} filesystems have a canary already");
        if (canary.Latest is not { } reading)
            return Unknown(canary.Trouble.Length > 0 ? canary.Trouble : "its first reading is under way");
        if (now - reading.At <= CanarySensor.AgeMax)
        {
            return
            [
                KpiSample.Of(KpiNames.DiskLatency, reading.Latency.TotalMilliseconds),
                KpiSample.Of(KpiNames.DiskFlush, reading.Flush.TotalMilliseconds),
            ];
        }

        return Unknown(canary.Trouble.Length > 0
            ? canary.Trouble
            : $"the disk has not answered for {(now - reading.At).TotalSeconds:0.0} s");
    }

    private IReadOnlyList<KpiSample> Unknown(string reason) =>
        [.. Kpis.Select(kpi => KpiSample.Unknown(kpi, reason))];
}
