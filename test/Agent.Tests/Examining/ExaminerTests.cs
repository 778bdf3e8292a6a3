using System.Threading.Channels;
using Umbra.Agent.Examining;
using Umbra.Agent.Sensors;
using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Health.Kernel;
using Umbra.Core.Sensors;
using Umbra.Linux.ProcFs;
using Xunit;

namespace Umbra.Agent.Tests.Examining;

/// <summary>Examinations with the real canaries of this machine.</summary>
public sealed class ExaminerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly HostId Host = new("a");
    private static readonly VmId Vm = new("v");

    private readonly string _directory =
        Directory.CreateDirectory($"/var/tmp/umbra-examiner-{Guid.NewGuid():N}").FullName;

    private readonly Channel<VmId> _lookedFor = Channel.CreateUnbounded<VmId>();
    private readonly Channel<bool> _changes = Channel.CreateUnbounded<bool>();
    private readonly List<string> _complaints = [];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private AgentPaths Paths => new(_directory, _directory);

    [Fact]
    public async Task Real_canaries_are_run_once_when_the_VM_has_gone_and_the_result_outlives_the_agent()
    {
        bool isGone = false;
        Examination found;
        await using (var examiner = Start(_ => isGone))
        {
            examiner.Asked([Request("one")]);
            Assert.Equal(Vm, await NextAsync(_lookedFor));
            Assert.Empty(examiner.Results);
            isGone = true;
            examiner.Asked([Request("one")]);
            await NextAsync(_changes);
            found = Assert.Single(examiner.Results);
            Assert.Equal(("one", 3), (found.Id, found.OthersThere));
            Assert.Equal(
                [KpiNames.CpuWork, KpiNames.MemoryLatency, KpiNames.DiskLatency, KpiNames.DiskFlush],
                found.Kpis.Select(static kpi => kpi.Kpi));
            var work = found.Kpis[0];
            Assert.InRange(work.Looks, ExaminationRun.Looks / 2, ExaminationRun.Looks);
            Assert.True(work.Low > 1000 && work.Median >= work.Low && work.High >= work.Median);
            Assert.True(found.Ended > found.Began);
            var disk = found.Kpis[2];
            Assert.True(disk is { Looks: > 0, Median: > 0 } || disk.Reason.Contains("EINVAL"), disk.Reason);
        }

        while (_lookedFor.Reader.TryRead(out VmId _))
        {
        }

        await using (var next = Start(static _ => true))
        {
            Assert.Equal(found.Ended, Assert.Single(next.Results).Ended);
            // In the order in which they are asked for: when the second VM is looked for, the first was not.
            next.Asked([Request("one"), Request("two") with { Vm = new VmId("w") }]);
            Assert.Equal(new VmId("w"), await NextAsync(_lookedFor));
            Assert.Equal(found.Ended, Assert.Single(next.Results).Ended);
        }

        Assert.Empty(_complaints);
    }

    [Fact]
    public async Task A_result_that_is_asked_for_no_more_is_forgotten_and_not_before_the_controller_has_spoken()
    {
        File.WriteAllText(Paths.Examinations, """
            [{"id":"old","began":"2026-11-01T10:00:00+00:00","ended":"2026-11-01T10:00:09+00:00","kpis":[
              {"kpi":"cpu.work","looks":10,"low":1,"median":2,"high":3}]}]
            """);
        await using var examiner = Start(static _ => false);
        Assert.Equal(2, Assert.Single(examiner.Results).Kpis[0].Median);
        // What is kept is brought up to date before anything new is begun.
        examiner.Asked([Request("new")]);
        await NextAsync(_lookedFor);
        Assert.Empty(examiner.Results);
        Assert.False(File.Exists(Paths.Examinations));
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_complained_of_and_examined_anew()
    {
        File.WriteAllText(Paths.Examinations, "{");
        await using var examiner = Start(static _ => false);
        Assert.Contains("made again", Assert.Single(_complaints));
        Assert.Empty(examiner.Results);
    }

    [Fact]
    public async Task What_breaks_the_limits_is_not_begun()
    {
        await using var examiner = Start(static _ => false);
        examiner.Asked(
        [
            null!, Request(""), Request(new string('x', ExaminationRequest.IdLengthMax + 1)),
            Request("long") with { Place = Place with { Cpus = new string('1', VmPlace.ListLengthMax + 1) } },
            Request("good") with { Vm = new VmId("w") },
        ]);
        Assert.Equal(new VmId("w"), await NextAsync(_lookedFor));
    }

    [Fact]
    public async Task A_place_that_cannot_be_measured_is_unknown_with_the_reason()
    {
        var place = new VmPlace { Cpus = "8191", Nodes = "", Directory = _directory + "/gone" };
        var request = Request("x") with { Place = place };
        var found = await ExaminationRun.MakeAsync(Examined(static _ => true), request, Stop);
        Assert.All(found.Kpis, static kpi => Assert.Equal((0, null), (kpi.Looks, kpi.Median)));
        Assert.Contains("sched_setaffinity", found.Kpis[0].Reason, StringComparison.Ordinal);
        Assert.Contains("ENOENT", found.Kpis[2].Reason, StringComparison.Ordinal);
        Assert.Equal(EdacScrub.None, found.Memory);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private VmPlace Place
    {
        get
        {
            var here = ThreadPlacement.OfThread(Environment.ProcessId, Environment.ProcessId)!;
            return new VmPlace
            {
                Cpus = NumberList.Format(here.Cpus), Nodes = NumberList.Format(here.Nodes), Directory = _directory,
            };
        }
    }

    private static async Task<T> NextAsync<T>(Channel<T> channel) =>
        await channel.Reader.ReadAsync(Stop).AsTask().WaitAsync(Patience, Stop);

    private ExaminationRequest Request(string id) => new(id, Vm, Place);

    private Examiner Start(Func<VmId, bool> isGone) => new(Examined(vm =>
    {
        bool gone = isGone(vm);
        _lookedFor.Writer.TryWrite(vm);
        return gone;
    }));

    private ExaminedHost Examined(Func<VmId, bool> isGone) => new(Host, Paths, new HostCanaries())
    {
        Root = _directory,
        IsGone = isGone,
        CountHere = static () => 3,
        Changed = () => _changes.Writer.TryWrite(true),
        Complain = _complaints.Add,
    };
}
