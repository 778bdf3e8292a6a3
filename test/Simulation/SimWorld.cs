using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Placement;
using Umbra.Core.Protocol;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>How a seed went.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Failure">What went wrong; null: nothing.</param>
/// <param name="Digest">Sum over everything that happened: the same seed gives the same.</param>
/// <param name="Epochs">Epochs acknowledged.</param>
/// <param name="Swaps">Swaps that succeeded.</param>
/// <param name="Takeovers">Shadows that came to run the VM.</param>
/// <param name="LostVm">Whether the VM was lost, as it may be when all its hosts fail.</param>
/// <param name="Moves">VMs moved in the seed's fleet.</param>
/// <param name="PairMoves">Moves of the seed's pair by suspicion.</param>
internal sealed record SimResult(
    ulong Seed, string? Failure, ulong Digest, int Epochs, int Swaps, int Takeovers, bool LostVm,
    int Moves = 0, int PairMoves = 0)
{
    /// <summary>Begins what went wrong in a fleet, not in a pair.</summary>
    public const string InFleet = "fleet, ";

    /// <summary>What shows it again.</summary>
    public string Replay => $"--seed {Seed} --trace"
        + (Failure?.StartsWith(InFleet, StringComparison.Ordinal) == true ? " --fleet" : "");
}

/// <summary>
/// Three hosts, a controller, one VM, and everything that can go wrong with them, in virtual time and out of one seed:
/// faults for a while, then none, and the VM must be whole again. README.md here says what is real and what a model.
/// </summary>
internal sealed partial class SimWorld
{
    /// <summary>The VM.</summary>
    public static readonly VmId Vm = new("vm");

    /// <summary>What the controller knows of what it is made of.</summary>
    public static readonly VmDefinition Definition = new() { Name = Vm };

    /// <summary>While there are faults, a process dies at one interface call in so many.</summary>
    public const int CrashOneIn = 6000;

    private const int PageCount = 12;

    private const int BackupOneIn = 3;

    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_faultsEnd = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_livenessMax = TimeSpan.FromSeconds(60);

    private readonly PriorityQueue<Action, (TimeSpan At, long Order)> _events = new();
    private readonly SimHost[] _hosts;
    private readonly TextWriter? _trace;
    private readonly Dictionary<(HostId Shadow, EpochNumber Epoch), long> _cutOfEpoch = [];
    private readonly Dictionary<string, VmActionResult> _results = new(StringComparer.Ordinal);
    private readonly HashSet<string> _claims = new(StringComparer.Ordinal);
    private long _order;
    private long _cuts;
    private long _acknowledgedCut = -1;
    private int _epochs;
    private int _runs;
    private ulong _digest;

    public SimWorld(ulong seed, PlantedBug bug, TextWriter? trace)
    {
        Seed = seed;
        Bug = bug;
        _trace = trace;
        Random = new SimRandom(seed);
        _hosts = [new SimHost(this, "a"), new SimHost(this, "b"), new SimHost(this, "c")];
        Policy = new ProtectionPolicy
        {
            Interval = TimeSpan.FromMilliseconds(50 + Random.Below(250)),
            IntervalMax = TimeSpan.FromSeconds(1),
            ThresholdLowBytes = Random.OneIn(4) ? 2000 : 0,
            Takeover = TakeoverMode.Automatic,
            Lease = s_lease,
            ReferenceCacheBytes = Random.Below(12) * Sizes.Page,
            ResyncBytesPerSecond = Random.OneIn(4) ? 400_000 : 0,
            DiskMode = seed % BackupOneIn == 0 ? DiskMode.Backup : DiskMode.Mirror,
        };
        Controller = new SimController(this, _hosts);
    }

    public ulong Seed { get; }

    public PlantedBug Bug { get; }

    public SimRandom Random { get; }

    public SimController Controller { get; }

    public ProtectionPolicy Policy { get; }

    public TimeSpan Now { get; private set; }

    /// <summary>Whether things still go wrong.</summary>
    public bool Faulty { get; private set; } = true;

    public Dictionary<long, ModelSnapshot> Snapshots { get; } = [];

    public SimResult Run()
    {
        string? failure = null;
        try
        {
            Begin();
            Advance(() => Now >= s_faultsEnd);
            Heal();
            failure = Recover();
        }
        catch (Exception exception) when (exception is SimFailureException or InvalidOperationException)
        {
            failure = $"at {Now.TotalSeconds:0.000} s: {exception.Message}";
        }

        return new SimResult(
            Seed, failure, _digest, _epochs,
            _results.Values.Count(r => r.Succeeded && r.Id.StartsWith("swap", StringComparison.Ordinal)), _runs,
            _lost, PairMoves: Moves);
    }

    public void At(TimeSpan at, Action action) => _events.Enqueue(action, (at < Now ? Now : at, _order++));

    public void In(TimeSpan delay, Action action) => At(Now + delay, action);

    public void Trace(string text)
    {
        foreach (char c in text) _digest = (_digest ^ c) * 1099511628211;
        _digest ^= (ulong)Now.Ticks;
        _trace?.WriteLine($"{Now.TotalSeconds.ToString("0.000000", CultureInfo.InvariantCulture),11} {text}");
    }

    public long NextCut() => _cuts++;

    public ISourceGuest Wrapped(ModelGuest guest) => Bug == PlantedBug.None ? guest : new PlantedGuest(guest, Bug);

    public IShadowMedia Wrapped(ModelMedia media) => Bug == PlantedBug.None ? media : new PlantedMedia(media, Bug);

    /// <summary>Whether a claim with this id is seen for the first time.</summary>
    public bool FirstTime(string request) => _claims.Add(request);

    /// <summary>What a planted mistake makes of a message before its receiver sees it.</summary>
    public PairMessage Tampered(SimHost host, PairMessage message, TimeSpan now)
    {
        if (Bug == PlantedBug.LeaseDatedFromAnswer && message is HeartbeatEcho echo)
            return echo with { Stamp = now.Ticks };
        if (Bug != PlantedBug.StaleGenerationAccepted) return message;
        if (message is ShadowHello answer && host.Agent?.Source is { } source)
            return answer with { Generation = source.Generation };
        if (host.Agent?.Shadow is not { } shadow) return message;
        return message switch
        {
            SourceHello m when m.Generation < shadow.Store.Promised => m with { Generation = shadow.Store.Promised },
            EpochBegin m when m.Generation < shadow.Store.Promised => m with { Generation = shadow.Store.Promised },
            _ => message,
        };
    }

    /// <summary>A shadow gets an epoch's device state, which tells of which cut it is.</summary>
    public void NoteCut(SimHost shadow, DeviceStatePart part) =>
        _cutOfEpoch[(shadow.Id, part.Epoch)] = ModelGuest.ReadDeviceState(part.Payload.Span).Cut;

    public void Acknowledged(SimHost shadow, EpochReport report)
    {
        long cut = _cutOfEpoch[(shadow.Id, report.Epoch)];
        _acknowledgedCut = Math.Max(_acknowledgedCut, cut);
        _epochs++;
        Trace($"{report.Epoch} (cut {cut}) is acknowledged by {shadow.Name}");
    }

    /// <summary>The controller has an action's result.</summary>
    public void Finished(FinishedAction action)
    {
        Trace($"controller: {action.Pending.Action.Id} has ended, {action.Result.Succeeded}: {action.Result.Detail}");
        _results[action.Result.Id] = action.Result;
        CheckMoved(action);
    }

    /// <summary>
    /// A call to the controller. It may reach it twice, the second time much later; null comes back when it is not
    /// known how it went.
    /// </summary>
    public void Call<T>(SimHost host, Func<SimController, T> serve, Action<T?> reply) where T : class
    {
        bool reaches = ReachesController(host) && !(Faulty && Random.OneIn(30));
        bool returns = !(Faulty && Random.OneIn(30));
        TimeSpan there = Random.Between(0.3, 3) + (Faulty && Random.OneIn(20) ? Random.Between(0, 900) : TimeSpan.Zero);
        TimeSpan back = Random.Between(0.3, 3) + (Faulty && Random.OneIn(8) ? Random.Between(0, 3000) : TimeSpan.Zero);
        if (!reaches)
        {
            In(s_callLost, () => reply(null));
            return;
        }

        if (Faulty && Random.OneIn(12)) Reach(Now + there + Random.Between(0, 3000), serve, static _ => { });
        Reach(Now + there, serve, answer =>
        {
            if (Controller.Alive && Faulty && Random.OneIn(300)) CrashController();
            if (answer is null || !returns || !ReachesController(host)) In(s_callLost, () => reply(null));
            else In(back, () => reply(answer));
        });
    }

    /// <summary>Lets the primary's agent on <paramref name="host"/> find its shadow, if they are apart.</summary>
    public void ConnectIfApart(SimHost host)
    {
        if (host.Agent is not { IsBusy: false, Source.IsYielded: false } source) return;
        if (source.Connection is { Dead: false } || host.Part?.Peer is not { } peer) return;
        SimHost other = _hosts.Single(h => h.Id == peer);
        if (other.Agent?.Shadow is null || other.Part?.Peer != host.Id) return;
        if (Now < host.PairCutUntil || Now < other.PairCutUntil || other.Suspended) return;
        SimConnection connection = new(this, host, other);
        _connection = connection;
        Trace($"{host.Name} connects to {other.Name}{(connection.Disorderly ? ", disorderly" : "")}");
        other.Agent.LinkFound(connection);
        if (host.Agent == source) source.LinkFound(connection);
    }

    /// <summary>
    /// The standby on <paramref name="host"/> is let run: what it runs must be an epoch, and the right one.
    /// </summary>
    public void RunShadow(SimHost host)
    {
        ShadowStore store = host.Agent!.Shadow!.Store;
        Require(store.State == StoreState.Retired, "a shadow is retired before it runs");
        Require(host.Loaded is not null, "a standby has loaded a device state before it runs");
        (long cut, long steps) = ModelGuest.ReadDeviceState(host.Loaded);
        CompareShadow(host, cut);
        Require(cut >= _acknowledgedCut, $"cut {cut} runs, {_acknowledgedCut} was acknowledged");
        ModelSnapshot snapshot = Snapshots[cut];
        Generation generation = host.Part!.Generation;
        host.Guest = NewGuest(host, snapshot.Disks.Keys);
        host.Guest.Steps = steps;
        host.Guest.Configuration = snapshot.Configuration;
        host.Guest.Generation = generation.Value;
        _runs++;
        Trace($"{host.Name}: runs cut {cut} under {generation}");
        MayDieYoung(host);
    }

    private void Begin()
    {
        SimHost first = _hosts[0];
        first.Part = new Assignment
        {
            Role = VmRole.Primary, Generation = Controller.Vm.Ownership.Generation, Vm = Definition, Policy = Policy,
            Peer = _hosts[1].Id,
        };
        first.Media.PrepareMemory(PageCount);
        first.Media.PrepareDisk(new DiskGeometry("disk0", Sizes.Block + 4096));
        first.Media.PrepareDisk(new DiskGeometry("disk1", 4096));
        first.Guest = NewGuest(first, first.Media.Disks.Keys);
        first.Guest.Generation = first.Part.Generation.Value;
        first.Guest.Configuration = ModelGuest.ConfigurationOf(1, first.Media.Disks.Keys);
        first.SetRunDeadline(first.LocalNow + s_lease);
        _hosts[1].Part = first.Part with { Role = VmRole.Shadow, Peer = first.Id };
        foreach (SimHost host in _hosts) _ = new SimAgent(this, host);
        GuestStep();
        CopyStep();
        ControllerStep();
        PlanFaults();
        PlanSuspicion();
    }

    private ModelGuest NewGuest(SimHost host, IEnumerable<string> disks) => new(
        host.Media.Memory, [.. disks.Select(id => KeyValuePair.Create(id, host.Media.Disks[id]))],
        Random.OneIn(3) ? 90_000 + Random.Below(60_000) : Sizes.MiB, Policy.DiskMode);

    private void Advance(Func<bool> done)
    {
        while (!done())
        {
            if (!_events.TryDequeue(out Action? action, out (TimeSpan At, long Order) key))
                throw new SimFailureException("nothing is left to happen");
            Now = key.At;
            action();
            int running = 0;
            foreach (SimHost host in _hosts) running += host.Runs ? 1 : 0;
            if (running > 1) throw new SimFailureException("two copies of the VM run");
        }
    }

    private static void Require(bool condition, string what)
    {
        if (!condition) throw new SimFailureException(what);
    }
}
