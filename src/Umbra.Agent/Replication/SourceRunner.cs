using System.Security.Cryptography;
using Umbra.Agent.Links;
using Umbra.Agent.Sensors;
using Umbra.Agent.State;
using Umbra.Agent.Vms;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Sensors;
using Umbra.Core.Swap;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Replication;

/// <summary>
/// Replicates one VM: the thread on which its <see cref="SourceSession"/> runs, between guest, connection and
/// controller.
/// </summary>
internal sealed partial class SourceRunner : ISourceEffects, IAsyncDisposable
{
    private static readonly TimeSpan SetUpRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StatusInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly AgentServices _services;
    private readonly VmPaths _paths;
    private readonly PrimaryVm _vm;
    private readonly Action _changed;
    private readonly SourceLink _peer;
    private readonly HostId _peerHost;
    private readonly string _peerEndpoint;
    private readonly DiskMode _diskMode;
    private readonly Mailbox _mailbox = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ActionResults _results = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Assignment _assignment;
    private SourceSession? _session;
    private SourceGuest? _guest;
    private readonly Queue<object> _later = new();
    private volatile PairConnection? _connection;
    private TimeSpan _steppedAt;
    private string _lastAction = "";
    private string _swap = "";
    private TaskCompletionSource? _turn;
    private KpiSet? _kpis;
    private volatile SourceStatus? _status;
    private TimeSpan _publishedAt;
    private TimeSpan _weighedAt;
    private volatile string _trouble = "replication is being set up";

    /// <summary>A runner for <paramref name="vm"/>; <see cref="Start"/> sets it going.</summary>
    /// <param name="services">What the agent shares.</param>
    /// <param name="paths">The VM's files.</param>
    /// <param name="vm">The VM.</param>
    /// <param name="assignment">With a peer.</param>
    /// <param name="changed">Called, from any thread, when the VM's keeper or the controller should look.</param>
    public SourceRunner(
        AgentServices services, VmPaths paths, PrimaryVm vm, Assignment assignment, Action changed)
    {
        (_services, _paths, _vm, _assignment, _changed) = (services, paths, vm, assignment, changed);
        (_peerHost, _peerEndpoint) = (assignment.Peer!.Value, assignment.PeerEndpoint!);
        _diskMode = assignment.Policy.DiskMode;
        _peer = new SourceLink(services, _peerHost, _peerEndpoint, _mailbox);
    }

    /// <summary>Whether another host runs the VM by now: this copy is to be destroyed.</summary>
    public bool IsLost => LostTo != Generation.None;

    /// <summary>Generation under which another host runs the VM; none while this one does.</summary>
    public Generation LostTo { get; private set; }

    /// <summary>Results of actions, newest last.</summary>
    public IReadOnlyList<VmActionResult> Results => _results.All;

    /// <summary>
    /// The result of the swap by which the VM went; not among <see cref="Results"/>, because it is whole only once the
    /// copy here is gone.
    /// </summary>
    public VmActionResult? Moved { get; private set; }

    /// <summary>How replication stands.</summary>
    public SourceStatus? Status => _status;

    /// <summary>Why there is no replication; empty while there is.</summary>
    public string Trouble => _trouble.Length > 0 ? _trouble : _peer.Trouble;

    /// <summary>How dirty pages are found.</summary>
    public string Tracker => _guest?.TrackerKind ?? "";

    /// <summary>Why they are not found by the kernel's tracking; empty when they are.</summary>
    public string TrackerReason => _guest?.TrackerReason ?? "";

    /// <summary>
    /// Whether there is a guard that stops the VM when its lease is over and this agent cannot: without one no lease
    /// may count.
    /// </summary>
    public bool IsGuarded => _services.Guard.IsAlive;

    /// <summary>How often the brake let the guest go.</summary>
    public long Brakes => _guest?.Brakes ?? 0;

    /// <summary>The connection to the shadow's agent; null: there is none.</summary>
    public PairConnection? Connection => _connection;

    /// <summary>Pauses of acknowledged epochs.</summary>
    public DurationMeter Pauses { get; } = new();

    /// <summary>Whether this runner serves the pair that the assignment names, in the way it names.</summary>
    public bool IsFor(Assignment assignment) =>
        assignment.Peer == _peerHost && assignment.PeerEndpoint == _peerEndpoint
        && assignment.Policy.DiskMode == _diskMode;

    /// <summary>Begins.</summary>
    public void Start() => new Thread(Run) { IsBackground = true, Name = "replicate " + _paths.Vm }.Start();

    /// <summary>Done by the session's thread, so in no pause of the guest; never once it has ended.</summary>
    public Task BetweenPauses()
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // One is asked for at a time, however long the thread is busy.
        if (Interlocked.CompareExchange(ref _turn, turn, null) is { } asked) return asked.Task;
        _mailbox.Post(() => Interlocked.Exchange(ref _turn, null)!.SetResult());
        return turn.Task;
    }

    /// <summary>Sends the VM's KPIs to the shadow's agent; what finds no connection is lost.</summary>
    public void Send(KpiSet kpis)
    {
        // The newest takes the place of one that has not gone yet.
        if (Interlocked.Exchange(ref _kpis, kpis) is null) _mailbox.Post(SendKpis);
    }

    /// <summary>The controller's newest word.</summary>
    public void Update(Assignment assignment) => _mailbox.Post(() => OnAssignment(assignment));

    /// <summary>
    /// The controller, asked at <paramref name="sentAt"/>, still has this host and generation as the owner.
    /// </summary>
    public void ControllerConfirmed(TimeSpan sentAt, Generation generation) =>
        _mailbox.Post(new ControllerWord(sentAt, generation));

    /// <summary>
    /// Protection is turned off: ends the lease and a swap under way, and leaves a guest that runs by itself.
    /// </summary>
    /// <returns>
    /// False: another host may win the VM, or no witness confirms the lease. The runner goes on; try again later.
    /// </returns>
    public async Task<bool> TryEndAsync()
    {
        var answer = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _mailbox.Post(() => answer.SetResult(TryEnd()));
        await Task.WhenAny(answer.Task, _ended.Task);
        return !answer.Task.IsCompleted || await answer.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Wake();
        await _ended.Task;
        _peer.Dispose();
        // A hundred mebibytes and more, at which the collector seldom looks: a next session would take as much again.
        (_session, _guest, _compare) = (null, null, null);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: false);
    }

    private void Run()
    {
        try
        {
            while (!_stop.IsCancellationRequested && !TrySetUp()) Wait(SetUpRetry);
            if (_stop.IsCancellationRequested) return;
            _peer.Start();
            while (!_stop.IsCancellationRequested) Step();
        }
        finally
        {
            _connection?.Close("the agent stops replicating this VM");
            _guest?.Dispose();
            foreach (object item in _later) (item as IDisposable)?.Dispose();
            _mailbox.Dispose();
            _ended.SetResult();
        }
    }

    private void Step()
    {
        TimeSpan now = BootClock.Now;
        _steppedAt = now;
        if (_compare is { IsAsking: true } && now >= _compareUntil)
            EndCompare($"the shadow's hashes took longer than {CompareLimits.AskingMax.TotalMinutes:0} minutes");
        WeighHardware(now);
        TimeSpan next = _session!.Tick(now);
        PublishStatus(now);
        TimeSpan wait = next > now + LookInterval ? LookInterval : next - now;
        object? item = TakeItem(wait);
        while (item is not null && !_stop.IsCancellationRequested)
        {
            Handle(item);
            item = TakeItem(TimeSpan.Zero);
        }
    }

    // The shadow's agent knows of drift, this one of the hardware here.
    private void WeighHardware(TimeSpan now)
    {
        if (now < _weighedAt + LookInterval) return;
        _weighedAt = now;
        Suspicion found = SuspicionRule.Weigh(
            null, DriftSide.Primary, _services.RecentHealth.Events, DateTimeOffset.UtcNow);
        _session!.SetHardwareEvidence(found.Weight, found.Explanation, now);
    }

    private object? TakeItem(TimeSpan wait) => _later.TryDequeue(out object? later) ? later : _mailbox.Take(wait);

    private void PublishStatus(TimeSpan now)
    {
        // While the disks are copied a status costs a question to the emulator.
        if (_status is not null && now < _publishedAt + StatusInterval) return;
        _publishedAt = now;
        _status = _session!.Status(now);
    }

    private void Wake() => _mailbox.Post(static () => { });

    private void Wait(TimeSpan time)
    {
        if (_mailbox.Take(time) is Action work) work();
    }

    private void Handle(object item)
    {
        switch (item)
        {
            case ReceivedFrame frame:
                using (frame) OnFrame(frame);
                break;
            case Connected { Connection: { } connection }:
                _connection = connection;
                connection.Start();
                _session!.LinkUp(connection, BootClock.Now);
                break;
            case ControllerWord word:
                if (_session?.Generation == word.Generation) _session.ControllerConfirmed(word.SentAt);
                break;
            case ConnectionClosed closed when closed.Connection == _connection:
                _connection = null;
                EndCompare("the link was lost");
                _session!.LinkDown(closed.Reason, BootClock.Now);
                _peer.Want();
                break;
            case Action work:
                work();
                break;
            default:
                break; // room in the connection, or news of an older one: the tick that follows is the answer
        }
    }

    private void OnFrame(ReceivedFrame frame)
    {
        if (frame.Connection != _connection) return;
        FrameOutcome outcome = frame.Decode();
        if (outcome.Message is HashReply reply && _compare is { IsAsking: true } compare)
        {
            _session!.Heard(BootClock.Now);
            OnCompared(compare, reply);
        }
        else if (outcome.Message is { } message) _session!.On(message, BootClock.Now);
        else Refuse(outcome.Error);
    }

    private void SendKpis()
    {
        KpiSet kpis = Interlocked.Exchange(ref _kpis, null)!;
        _connection?.Send(new KpiReport(_session!.Generation, kpis));
    }

    private void Refuse(string error)
    {
        _services.Report("link.closed", _paths.Vm, error);
        _connection!.Close(error);
    }

    private bool TryEnd()
    {
        EndCompare("protection was turned off");
        // Without a session nobody has looked yet at what an earlier agent left behind.
        bool ended = _session?.TryEndProtection(BootClock.Now)
            ?? (HeldFile.Read(_paths.Durable) is null && LeaseFile.Read(_paths) is null);
        // No further step: it could pause the guest again.
        if (ended) _stop.Cancel();
        return ended;
    }

    private bool TrySetUp()
    {
        (SourceGuest? guest, string error) = SourceGuest.Open(
            _services, _paths, _vm, _assignment, _changed, Wake);
        _trouble = error;
        if (guest is null) return false;
        _guest = guest;
        Assignment known = _vm.Record.Assignment;
        _session = new SourceSession(
            new SourceOptions
            {
                Vm = _paths.Vm,
                Host = _services.Host,
                Generation = known.Generation,
                Session = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)),
                Policy = known.Policy,
                Hash = _services.Hash,
                Codecs = AgentServices.NewCodecs(),
                Held = HeldFile.Read(_paths.Durable),
                LeaseCarriedUntil = guest.LeaseCarriedUntil,
            },
            guest,
            this,
            BootClock.Now);
        return true;
    }

    private void OnAssignment(Assignment assignment)
    {
        bool policyChanged = assignment.Policy != _assignment.Policy;
        _assignment = assignment;
        if (_session is null || IsLost) return;
        TimeSpan now = BootClock.Now;
        if (policyChanged) _session.SetPolicy(assignment.Policy, now);
        OwnedHere(assignment.Generation, now);
        if (assignment.Action is not { } action || action.Id == _lastAction) return;
        _lastAction = action.Id;
        switch (action.Kind)
        {
            case VmActionKind.Sync:
                _session.RequestSync(action.Id, now);
                break;
            case VmActionKind.Swap or VmActionKind.SwapRehearsal:
                _swap = action.Kind == VmActionKind.Swap ? action.Id : "";
                _session.RequestSwap(action.Id, action.Kind == VmActionKind.SwapRehearsal, now);
                break;
            case VmActionKind.Verify:
                BeginCompare(action.Id, now);
                break;
            default:
                break; // for the shadow's agent, or the keeper's own
        }
    }

    void ISourceEffects.CloseLink(string reason) => _connection?.Close(reason);

    void ISourceEffects.ClaimFence(FenceClaim claim, string cause) => _ = ClaimAsync(claim, cause);

    void ISourceEffects.GenerationRaised(Generation generation)
    {
        _vm.RaiseGeneration(generation);
        _changed();
    }

    void ISourceEffects.OwnershipLost(Generation generation, string reason)
    {
        LostTo = generation;
        _services.Report("vm.moved", _paths.Vm, $"another host runs it under {generation}: {reason}");
        _changed();
    }

    void ISourceEffects.EpochAcknowledged(EpochReport report)
    {
        Pauses.Add(report.Pause);
        CompareAcknowledged(report);
    }

    void ISourceEffects.ActionFinished(VmActionResult result)
    {
        // A comparison's own epoch: its failure is the comparison's, its success only the beginning.
        if (result.Id == _compare?.Action)
        {
            if (!result.Succeeded) EndCompare(result.Detail);
            return;
        }

        // Or that of one which has come to nothing since.
        if (_results.All.Any(known => known.Id == result.Id)) return;
        if (result.Succeeded && result.Id == _swap) Moved = result;
        else _results.Add(result);
        _changed();
    }

    void ISourceEffects.Report(string kind, string text) => _services.Report(kind, _paths.Vm, text);

    private async Task ClaimAsync(FenceClaim claim, string cause)
    {
        FenceAnswer? answer = await _services.Controller.ClaimAsync(_paths.Vm, claim, cause, _stop.Token)
            .ConfigureAwait(false);
        _mailbox.Post(() => _session?.OnClaimAnswered(claim.Request, answer, BootClock.Now));
    }

    /// <summary>The controller, asked at that time, still has this host and generation as the owner.</summary>
    private sealed record ControllerWord(TimeSpan SentAt, Generation Generation);
}
