using Umbra.Agent.Health;
using Umbra.Agent.Sensors;
using Umbra.Core.Api;
using Umbra.Core.Health.Kernel;
using Umbra.Core.Sensors;
using Umbra.Linux.Machine;
using Umbra.Linux.ProcFs;

namespace Umbra.Agent.Examining;

/// <summary>
/// Makes one examination: the canaries that a VM had, through the same sensors and sampler as in service, for some
/// seconds in the place where it was. Judges nothing.
/// </summary>
internal static class ExaminationRun
{
    /// <summary>Seconds that count.</summary>
    public const int Looks = 10;

    /// <summary>Seconds before them: a canary that begins has no reading yet, and cold caches.</summary>
    public const int WarmUp = 2;

    private static readonly string[] s_kpis =
        [KpiNames.CpuWork, KpiNames.MemoryLatency, KpiNames.DiskLatency, KpiNames.DiskFlush];

    /// <summary>Takes some seconds more than its looks; a canary that hangs is unknown and delays nothing.</summary>
    public static async Task<Examination> MakeAsync(
        ExaminedHost host, ExaminationRequest request, CancellationToken stop)
    {
        SysFiles memoryBefore = EdacReader.ReadFiles(host.Root, withRates: true);
        var log = new LookLog();
        await using (new KpiSampler(SensorsFor(host, request.Place), TimeProvider.System, static () => BootClock.Now,
            log.Take))
        {
            await log.Full.WaitAsync(stop);
        }

        string memory = EdacScrub.Describe(memoryBefore, EdacReader.ReadFiles(host.Root, withRates: true));
        return new Examination
        {
            Id = request.Id,
            Began = log.Began,
            Ended = log.Ended,
            OthersThere = host.CountHere(),
            Kpis =
            [
                .. s_kpis.Select(kpi => ExaminedKpi.Of(
                    kpi, log.Sets.SelectMany(static set => set.Samples).Where(sample => sample.Kpi == kpi))),
            ],
            Memory = memory[..Math.Min(memory.Length, Examination.TextLengthMax)],
        };
    }

    private static IReadOnlyList<ISensor> SensorsFor(ExaminedHost host, VmPlace place)
    {
        var sensors = new List<ISensor>();
        if (NumberList.Parse(place.Cpus) is { Count: > 0 } cpus && NumberList.Parse(place.Nodes) is { } nodes)
        {
            var placement = new ThreadPlacement(cpus, nodes);
            sensors.Add(new CanarySensor(host.Canaries, () => placement, isShadow: false));
        }

        if (Path.IsPathFullyQualified(place.Directory))
            sensors.Add(new DiskSensor(host.Canaries, CanaryFiles.In(place.Directory, host.Paths, host.Host)));
        return sensors;
    }

    /// <summary>The sets of an examination; the sampler never gives two at the same time.</summary>
    private sealed class LookLog
    {
        private readonly TaskCompletionSource _full = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _warmUp = WarmUp;

        public List<KpiSet> Sets { get; } = [];

        public DateTimeOffset Began { get; private set; }

        public DateTimeOffset Ended { get; private set; }

        public Task Full => _full.Task;

        public void Take(KpiSet set)
        {
            if (_warmUp-- > 0 || Sets.Count == Looks) return;
            Ended = DateTimeOffset.UtcNow;
            if (Sets.Count == 0) Began = Ended;
            Sets.Add(set);
            if (Sets.Count == Looks) _full.SetResult();
        }
    }
}
