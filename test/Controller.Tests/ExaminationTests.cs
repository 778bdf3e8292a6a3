using Microsoft.Extensions.Logging.Abstractions;
using Umbra.Controller.Fleet;
using Umbra.Controller.Security;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Health;
using Umbra.Core.Sensors;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>
/// The examination of the host that a VM left, through heartbeats and with the real store, on a clock of the test's.
/// </summary>
public sealed class ExaminationTests : IDisposable
{
    private static readonly VmId Vm = new("v");
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");
    private static readonly VmPlace Place = new() { Cpus = "0-3", Nodes = "0", Directory = "/srv" };

    private readonly TemporaryDirectory _directory = new();
    private readonly ManualTime _time = new();
    private readonly FleetAuthority _authority;
    private SqliteFleetStore _store;
    private FleetService _fleet;
    private long _sequence;

    public ExaminationTests()
    {
        _authority = FleetAuthority.LoadOrCreate(_directory.File("."), _time);
        (_store, _fleet) = Open();
    }

    [Fact]
    public async Task The_old_host_is_asked_once_and_its_result_is_compared_with_what_was_usual()
    {
        string id = await MoveAsync(drifts: true);
        var asked = await BeatAsync(A);
        Assert.Equal([new ExaminationRequest(id, Vm, Place)], asked.Examinations);
        Assert.Empty((await BeatAsync(B, Primary(2))).Examinations);
        Assert.Equal(DiagnosisState.Examining, Record(id).State);

        _time.Advance(TimeSpan.FromSeconds(15));
        var answered = await BeatAsync(A, examinations: Result(id, 5));
        Assert.Empty(answered.Examinations);
        Assert.NotEqual(asked.Revision, answered.Revision);
        // An agent that did not get that answer tells the same again.
        await BeatAsync(A, examinations: Result(id, 0.3));
        _time.Advance(DiagnosisPlanner.LateEventsTime);
        _fleet.Tick();

        var record = Record(id);
        Assert.Equal(DiagnosisState.Completed, record.State);
        var compared = Assert.Single(record.Comparisons);
        Assert.Equal(
            (KpiNames.DiskLatency, 4.5, 5.0, EmptyHostFinding.StillWorse),
            (compared.Kpi, compared.During, compared.After, compared.Finding));
        Assert.Equal(0.8, record.Suspect!.Confidence, 2);
        Assert.Equal(2, record.KpiSeries!.Moments.Count);
        Assert.Equal("mc0 scrubs", record.MemoryScrub);
        Assert.Equal(
            ["diagnosis.started", "diagnosis.examining", "diagnosis.examined", "diagnosis.completed"],
            _store.ReadEvents(0, 1000).Events.Select(static entry => entry.Kind)
                .Where(static kind => kind.StartsWith("diagnosis.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_controller_that_starts_anew_asks_the_same_and_keeps_what_it_was_told()
    {
        string id = await MoveAsync(drifts: true);
        var asked = await BeatAsync(A);
        Restart();
        var again = await BeatAsync(A);
        Assert.Equal(asked.Examinations, again.Examinations);
        await BeatAsync(A, examinations: Result(id, 5));
        Restart();
        Assert.Empty((await BeatAsync(A)).Examinations);
        _time.Advance(DiagnosisPlanner.LateEventsTime);
        _fleet.Tick();
        Assert.Equal(EmptyHostFinding.StillWorse, Assert.Single(Record(id).Comparisons).Finding);
        Assert.Equal(DiagnosisState.Completed, Record(id).State);
    }

    [Fact]
    public async Task A_host_that_falls_silent_leaves_a_report_by_the_clock_alone()
    {
        string id = await MoveAsync(drifts: true);
        _time.Advance(DiagnosisPlanner.ExaminationTime);
        _fleet.Tick();
        var record = Record(id);
        Assert.Equal(DiagnosisState.Completed, record.State);
        Assert.Contains("a is silent", record.ExaminationReason);
        Assert.Contains("The canaries were not run again: a is silent", DiagnosisMarkdown.Of(record));
        Assert.Empty((await BeatAsync(A, examinations: Result(id, 5))).Examinations);
        Assert.Null(Record(id).Examination);
    }

    [Fact]
    public async Task A_late_event_outlives_both_its_host_and_the_controller()
    {
        string id = await MoveAsync(drifts: true);
        var late = new HealthEvent
        {
            Host = A, Component = "sda", Kind = ComponentKind.Drive, Source = "smart", Message = "reallocated sectors",
            Severity = HealthSeverity.Critical, Time = _time.GetUtcNow(),
        };
        _time.Advance(TimeSpan.FromSeconds(5));
        await BeatAsync(A, health: new HostHealth { Events = [late] });
        Restart();
        _time.Advance(DiagnosisPlanner.ExaminationTime);
        _fleet.Tick();
        Assert.Equal("sda", Record(id).Suspect!.Component);
        Assert.Contains(Record(id).Evidence, static seen => seen.Source == "smart");
        Assert.Contains("since the controller started", Record(id).ExaminationReason);
    }

    [Fact]
    public async Task What_breaks_the_limits_is_refused()
    {
        string id = await MoveAsync(drifts: false);
        var good = Result(id, 5)[0];
        Examination[][] bad =
        [
            [.. Enumerable.Range(0, ExaminationRequest.AtOnceMax + 1).Select(i => good with { Id = $"d{i}" })],
            [good with { Id = new string('x', ExaminationRequest.IdLengthMax + 1) }],
            [good with { Memory = new string('x', Examination.TextLengthMax + 1) }],
            [good with { Kpis = [good.Kpis[0] with { Kpi = "NO NAME" }] }],
            [good with { Kpis = [good.Kpis[0] with { Reason = new string('x', Examination.TextLengthMax + 1) }] }],
            [good with { Kpis = [.. Enumerable.Repeat(good.Kpis[0], Examination.KpisMax + 1)] }],
            [good with { Kpis = [null!] }],
            [null!],
        ];
        foreach (var examinations in bad)
        {
            var refused = await HeartbeatAsync(A, [], examinations, null);
            Assert.Equal(ProblemKind.Invalid, refused.Problem?.Kind);
        }

        var place = Place with { Directory = new string('/', VmPlace.DirectoryLengthMax + 1) };
        Assert.NotNull((await HeartbeatAsync(B, [Primary(2) with { Place = place }], [], null)).Problem);
        place = Place with { Cpus = "" };
        Assert.NotNull((await HeartbeatAsync(B, [Primary(2) with { Place = place }], [], null)).Problem);
        Assert.Null(Record(id).Examination);
    }

    public void Dispose()
    {
        _fleet.Dispose();
        _store.Dispose();
        _authority.Dispose();
        _directory.Dispose();
    }

    private static Examination[] Result(string id, double median) =>
    [
        new Examination
        {
            Id = id, Began = DateTimeOffset.UnixEpoch, Ended = DateTimeOffset.UnixEpoch, Memory = "mc0 scrubs",
            Kpis =
            [
                new ExaminedKpi
                {
                    Kpi = KpiNames.DiskLatency, Looks = 10, Low = median, Median = median, High = median,
                },
            ],
        },
    ];

    private static VmStatus Primary(ulong generation) => new()
    {
        Vm = Vm, Role = VmRole.Primary, Generation = new Generation(generation), Guest = GuestState.Running,
        Protection = ProtectionState.Protected, Place = Place,
    };

    private static VmStatus Shadow(DriftStatus? drift, long pairs) => new()
    {
        Vm = Vm, Role = VmRole.Shadow, Generation = new Generation(1), Guest = GuestState.Standby,
        Sync = new SyncStatus { Acknowledged = new EpochNumber(7), Progress = 1 }, Drift = drift,
        Kpis = new KpiStatus
        {
            Primary = [KpiSample.Of(KpiNames.DiskLatency, 4.5)], Here = [KpiSample.Of(KpiNames.DiskLatency, 0.4)],
            Pairs = pairs,
        },
    };

    // A VM on a leaves for b by a person's word, with or without drift against a.
    private async Task<string> MoveAsync(bool drifts)
    {
        foreach (var host in new[] { A, B }) Join(host);
        await BeatAsync(A);
        await BeatAsync(B);
        Assert.Null(_fleet.Create(new CreateVmRequest
        {
            Definition = new VmDefinition { Name = Vm }, Host = A,
            Policy = new ProtectionPolicy { Swap = SwapMode.Observe },
        }).Problem);
        await BeatAsync(A, Primary(1));
        var drift = new DriftStatus
        {
            Kpis =
            [
                new KpiDrift
                {
                    Kpi = KpiNames.DiskLatency, Score = 1, Side = DriftSide.Primary,
                    Onset = _time.GetUtcNow().AddSeconds(-60), PrimaryUsual = new UsualRange(0.2, 0.3, 0.9),
                },
            ],
        };
        for (int pairs = 1; pairs <= 2; pairs++)
        {
            await BeatAsync(B, Shadow(drifts ? drift : null, pairs));
            await BeatAsync(A, Primary(1));
        }

        var action = _fleet.BeginAction(
            Vm, new ActionRequest { Kind = VmActionKind.Swap, Suspect = true, Reason = "a fan" });
        Assert.Null(action.Problem);
        string id = action.Value!.Action.Id;
        Assert.True(_fleet.Fence(B, new FenceRequest(Vm, new FenceClaim(new Generation(1), B, id), "swap"))
            .Value!.Answer.Won);
        var done = new VmActionResult { Id = id, Succeeded = true, Detail = "done" };
        await BeatAsync(B, Primary(2) with { Results = [done] });
        var gone = Primary(1) with { Role = VmRole.None, Guest = GuestState.Absent, Place = null, Results = [done] };
        await BeatAsync(A, gone);
        return id;
    }

    private DiagnosisRecord Record(string id) => _fleet.Diagnosis(id).Value!;

    private void Restart()
    {
        _fleet.Dispose();
        _store.Dispose();
        (_store, _fleet) = Open();
    }

    private (SqliteFleetStore Store, FleetService Fleet) Open()
    {
        var store = new SqliteFleetStore(_directory.File("fleet.db"));
        var fleet = new FleetService(store, _authority, _time, NullLogger<FleetService>.Instance)
        {
            AdvertiseUrl = "https://127.0.0.1:7410",
        };
        return (store, fleet);
    }

    private void Join(HostId host)
    {
        var token = JoinToken.TryParse(_fleet.CreateToken(new TokenRequest()).Value!.Token, out _)!;
        var (key, request) = ApiClient.JoinRequest(token, host.Value);
        using (key) Assert.Null(_fleet.Join(request).Problem);
    }

    private async Task<HeartbeatAnswer> BeatAsync(
        HostId host, VmStatus? vm = null, Examination[]? examinations = null, HostHealth? health = null)
    {
        var answer = await HeartbeatAsync(host, vm is null ? [] : [vm], examinations ?? [], health);
        Assert.Null(answer.Problem);
        return answer.Value!;
    }

    private Task<Outcome<HeartbeatAnswer>> HeartbeatAsync(
        HostId host, VmStatus[] vms, Examination[] examinations, HostHealth? health)
    {
        var heartbeat = new AgentHeartbeat
        {
            Host = new HostDescription
            {
                Name = host, Rack = "r-" + host, PowerFeed = "f-" + host, NetworkSegment = "s-" + host,
                PairEndpoint = host + ":7411", MemoryBytes = 8 * Sizes.GiB, Cpus = 8,
            },
            Instance = "one", Sequence = ++_sequence, SeenRevision = 0, Vms = vms, Examinations = examinations,
            Health = health,
        };
        return _fleet.HeartbeatAsync(host, heartbeat, CancellationToken.None);
    }
}
