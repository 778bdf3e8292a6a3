using System.Security.Cryptography;
using Umbra.Agent.Links;
using Umbra.Agent.Sensors;
using Umbra.Agent.State;
using Umbra.Agent.Vms;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Umbra.Linux.Machine;
using Umbra.Qemu.Machines;

namespace Umbra.Agent.Shadows;

/// <summary>A shadow that has become the VM.</summary>
/// <param name="Qemu">Its process, running.</param>
/// <param name="Assignment">This host's part from now on.</param>
internal sealed record Promotion(QemuVm Qemu, Assignment Assignment);

/// <summary>
/// Holds one shadow: the thread on which its <see cref="ShadowSession"/> runs, between the source's connection, the
/// shadow's files, its standby and the controller.
/// </summary>
internal sealed partial class ShadowRunner : IShadowEffects, IAsyncDisposable
{
    private static readonly TimeSpan SetUpRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>A takeover that this shadow refused is tried again after this.</summary>
    private static readonly TimeSpan RefusalPause = TimeSpan.FromSeconds(1);

    /// <summary>The word that the VM runs here now gets this long to leave, where the link is slow.</summary>
    private static readonly TimeSpan LastWordsMax = TimeSpan.FromSeconds(1);

    private readonly AgentServices _services;
    private readonly VmPaths _paths;
    private readonly Action _changed;
    private readonly Mailbox _mailbox = new();
    private readonly Queue<ReceivedFrame> _frames = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ActionResults _results = new();
    private readonly ShadowMedia _media;
    private readonly RecordFile _recordFile;
    private readonly DurationMeter _applied = new();
    private readonly DriftKeeper _drift;
    private readonly PairedKpis _paired;
    private readonly KpiSampler _kpis;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Assignment _assignment;
    private ShadowSession? _session;
    private volatile PairConnection? _connection;
    private Standby? _standby;
    private Task<Standby?> _standbyWork = Task.FromResult<Standby?>(null);
    private long _standbyTicket;
    private string _lastAction = "";
    private Generation _refused;
    private TimeSpan _refusedAt;
    private bool _isOwner;
    private VmActionResult? _ran;
    private string _won = "";
    private volatile Task _keeping = Task.CompletedTask;
    private TimeSpan? _applyingSince;
    private TimeSpan _toldDriftAt;
    private volatile VmStatus? _status;
    private volatile Promotion? _promoted;
    private volatile string _trouble = "the shadow is being opened";

    /// <summary>A runner; <see cref="Start"/> sets it going.</summary>
    /// <param name="services">What the agent shares.</param>
    /// <param name="paths">The VM's files.</param>
    /// <param name="assignment">As shadow.</param>
    /// <param name="changed">Called, from any thread, when the VM's keeper or the controller should look.</param>
    public ShadowRunner(AgentServices services, VmPaths paths, Assignment assignment, Action changed)
    {
        (_services, _paths, _assignment, _changed) = (services, paths, assignment, changed);
        _recordFile = new RecordFile(paths);
        _media = new ShadowMedia(paths, services.BootId);
        _drift = new DriftKeeper(services, paths);
        _paired = new PairedKpis(paths.Vm, _drift);
        _kpis = new KpiSampler(
            VmSensors.OfShadow(services, () => _status?.ProcessId ?? 0, () => _connection, _applied),
            TimeProvider.System, static () => BootClock.Now, _paired.OnShadow);
    }

    /// <summary>Set once the VM runs here: the keeper takes it from there.</summary>
    public Promotion? Promoted => _promoted;

    /// <summary>Results of actions, newest last.</summary>
    public IReadOnlyList<VmActionResult> Results => _results.All;

    /// <summary>Begins.</summary>
    public void Start() => new Thread(Run) { IsBackground = true, Name = "shadow " + _paths.Vm }.Start();

    /// <summary>The controller's newest word.</summary>
    public void Update(Assignment assignment) => _mailbox.Post(() => OnAssignment(assignment));

    /// <summary>The controller has this host as the VM's owner: the fence is won, whoever claimed it.</summary>
    public void OwnerHere(Assignment assignment) => _mailbox.Post(() => TakeOver(assignment));

    /// <summary>A connection of <paramref name="peer"/>; owned from here on.</summary>
    public void Accepted(Stream stream, HostId peer, SourceHello hello)
    {
        var connection = new PairConnection(stream, peer, _services.Codec, _mailbox);
        _mailbox.Post(new Greeted(connection, hello));
    }

    /// <summary>The shadow as the controller is to know it.</summary>
    public VmStatus VmStatus(IReadOnlyList<VmActionResult> earlier)
    {
        VmStatus status = _status ?? new VmStatus
        {
            Vm = _paths.Vm,
            Role = VmRole.Shadow,
            Generation = _assignment.Generation,
            Guest = GuestState.Starting,
            Reason = _trouble,
        };
        return status with
        {
            Results = [.. earlier, .. _results.All],
            Kpis = _paired.AddTo(_kpis.Status),
            Drift = _drift.Status(),
        };
    }

    /// <summary>Stops without touching what has become the VM.</summary>
    public async Task ReleaseAsync()
    {
        _standby = null;
        await DisposeAsync();
    }

    /// <summary>Ends the shadow and removes all that is left of it.</summary>
    public async Task DestroyAsync()
    {
        await DisposeAsync();
        HostTaps.Remove(_assignment.Vm);
        _paths.Destroy();
    }

    /// <summary>Stops; the shadow's files stay for the next agent, its standby does not.</summary>
    public async ValueTask DisposeAsync()
    {
        await _kpis.DisposeAsync();
        await _stop.CancelAsync();
        _mailbox.Post(static () => { });
        await _ended.Task;
        await _standbyWork;
        // One that was told to run is the VM, also where the keeper could not take it any more: the next agent does.
        if (_isOwner) _standby?.Dispose();
        else if (_standby is not null) await _standby.KillAsync();
        _standby = null;
        _media.Dispose();
    }

    private void Run()
    {
        try
        {
            while (!_stop.IsCancellationRequested && !TrySetUp()) Handle(_mailbox.Take(SetUpRetry));
            while (!_stop.IsCancellationRequested) Step();
        }
        finally
        {
            _connection?.Drain(LastWordsMax);
            _connection?.Close("the agent stops holding this shadow");
            _mailbox.Dispose();
            _ended.SetResult();
        }
    }

    private bool TrySetUp()
    {
        var store = new ShadowStore(_media, _services.Hash, AgentServices.NewCodecs(),
            _assignment.Policy.KnownGoodEpochs);
        CallOutcome recovered = store.Recover();
        _trouble = recovered.Detail;
        if (!recovered.Succeeded) return false;
        Keep();
        _session = new ShadowSession(
            new ShadowOptions
            {
                Vm = _paths.Vm,
                Host = _services.Host,
                Session = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)),
                Hash = _services.Hash,
            },
            store,
            this,
            BootClock.Now);
        OnAssignment(_assignment);
        return true;
    }

    private void Step()
    {
        TimeSpan now = BootClock.Now;
        NoteApplying(now);
        TimeSpan next = _session!.Tick(now);
        NoteApplying(BootClock.Now);
        // While an epoch is committed its connection waits; how many frames may be here is the connection's limit.
        if (_session.WantsInput && _frames.TryDequeue(out ReceivedFrame? frame))
        {
            using (frame) OnFrame(frame);
            Handle(_mailbox.Take(TimeSpan.Zero));
            return;
        }

        PublishStatus(now);
        TellDrift(now);
        TimeSpan wait = next > now + LookInterval ? LookInterval : next - now;
        Handle(_mailbox.Take(wait));
    }

    private void Handle(object? item)
    {
        switch (item)
        {
            case ReceivedFrame frame:
                _frames.Enqueue(frame);
                break;
            case Greeted greeted:
                OnGreeted(greeted);
                break;
            case Prepared prepared:
                OnPrepared(prepared);
                break;
            case ConnectionClosed closed when closed.Connection == _connection:
                DropConnection();
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
        if (outcome.Message is KpiReport report) OnKpis(report);
        else if (outcome.Message is { } message) _session!.On(message, BootClock.Now);
        else Refuse(outcome.Error);
    }

    // No part of the session: it may come before the hello is accepted, or while an epoch is committed.
    private void OnKpis(KpiReport report)
    {
        if (report.Generation == _session!.Store.Promised) _paired.OnPrimary(report.Set, BootClock.Now);
    }

    private void NoteApplying(TimeSpan now)
    {
        if (_session!.Phase == ShadowPhase.Committing)
        {
            _applyingSince ??= now;
            return;
        }

        if (_applyingSince is { } since) _applied.Add(now - since);
        _applyingSince = null;
    }

    // Each second, also that there is nothing: a source that hears no more of it forgets what it heard.
    private void TellDrift(TimeSpan now)
    {
        if (_connection is null || now < _toldDriftAt + LookInterval) return;
        _toldDriftAt = now;
        _connection.Send(_drift.Notice(_session!.Store.Promised));
    }

    private void Refuse(string error)
    {
        _services.Report("link.closed", _paths.Vm, error);
        _connection!.Close(error);
    }

    private void OnGreeted(Greeted greeted)
    {
        if (_session is null || greeted.Connection.Peer != _assignment.Peer)
        {
            greeted.Connection.Close($"{greeted.Connection.Peer} is not the host that this shadow follows");
            return;
        }

        DropConnection();
        _connection = greeted.Connection;
        TimeSpan now = BootClock.Now;
        _session.LinkUp(_connection, now);
        _paired.Connected();
        _connection.Start();
        if (_session.WantsInput) _session.On(greeted.Hello, now);
        else _connection.Close("an epoch is being committed");
    }

    private void DropConnection()
    {
        _connection?.Close("replaced or closed");
        _connection = null;
        while (_frames.TryDequeue(out ReceivedFrame? frame)) frame.Dispose();
        _session?.LinkDown();
    }

    private void OnAssignment(Assignment assignment)
    {
        // A word from before the VM ran here would have the record say that it does not.
        if (_isOwner) return;
        _assignment = assignment;
        if (assignment.Peer is { } primary) _drift.Follow(primary);
        if (_session is null) return;
        _session.Store.KnownGood = assignment.Policy.KnownGoodEpochs;
        Keep();
        if (assignment.Action is not { Kind: VmActionKind.TakeoverConsent } consent
            || consent.Id == _lastAction) return;
        _lastAction = consent.Id;
        TimeSpan? lease = consent.ProvenOff ? null : assignment.Policy.Lease;
        _session.RequestConsent(consent.Id, assignment.Generation, lease, BootClock.Now);
    }

    private void TakeOver(Assignment assignment)
    {
        // A claim of this shadow's own is under way, or has won: its answer says the same, and the swap goes its way.
        if (_session is not { Phase: ShadowPhase.Following or ShadowPhase.Committing or ShadowPhase.Permitted } session)
            return;
        TimeSpan now = BootClock.Now;
        if (assignment.Generation == _refused && now < _refusedAt + RefusalPause) return;
        _assignment = assignment;
        string action = assignment.Action is { Kind: VmActionKind.Takeover } takeover
            ? takeover.Id
            : "owner-" + assignment.Generation.Value;
        session.TakeOver(action, assignment.Generation, now);
        if (session.Phase != ShadowPhase.Starting) (_refused, _refusedAt) = (assignment.Generation, now);
    }

    private Assignment Owner(Generation generation, Standby standby) => _assignment with
    {
        Role = VmRole.Primary,
        Generation = generation,
        Vm = standby.Definition,
        Peer = null,
        PeerEndpoint = null,
        Action = null,
    };

    private VmRecord RecordOf(Assignment assignment) => new()
    {
        Assignment = assignment,
        BootId = _services.BootId,
        ProcessId = _standby?.Qemu.Identity.Pid ?? 0,
        ProcessStart = _standby?.Qemu.Identity.StartTicks ?? 0,
        OwnImages = true,
    };

    private void Keep()
    {
        _keeping.Wait();
        // Until it runs it is a shadow for the next agent, also where the controller has this host as the owner.
        Write(RecordOf(_isOwner ? _assignment : _assignment with { Role = VmRole.Shadow }));
    }

    private void Write(VmRecord record)
    {
        if (_recordFile.Write(record) is { } error) _services.Report("agent.record-failed", _paths.Vm, error.Message);
    }

    private void PublishStatus(TimeSpan now)
    {
        ShadowSession session = _session!;
        _status = new VmStatus
        {
            Vm = _paths.Vm,
            Role = VmRole.Shadow,
            Generation = session.Store.Promised > _assignment.Generation
                ? session.Store.Promised : _assignment.Generation,
            Guest = _standby is null ? GuestState.Starting : GuestState.Standby,
            Reason = _trouble.Length > 0 ? _trouble : $"{session.Phase}, holds {session.Store.Committed}",
            ProcessId = _standby?.Qemu.Identity.Pid ?? 0,
            GivenUp = session.GivenUp,
            Sync = new SyncStatus
            {
                Acknowledged = session.Store.Committed,
                Lag = now - session.LastHeard,
                Progress = session.Store.Committed == EpochNumber.None ? 0 : 1,
            },
        };
    }

    void IShadowEffects.CloseLink(string reason) => _connection?.Close(reason);

    void IShadowEffects.PrepareStandby(long ticket, ReadOnlyMemory<byte> configuration)
    {
        VmDefinition? definition = FleetJson.TryDeserialize<VmDefinition>(configuration.Span, out string error);
        if (definition is null || definition.Name != _paths.Vm)
        {
            string what = error.Length > 0 ? error : "it is of another VM";
            _mailbox.Post(() => _session?.OnStandbyReady(
                ticket, CallOutcome.Failed("the configuration cannot be read: " + what), BootClock.Now));
            return;
        }

        Standby? old = _standby;
        _standby = null;
        // A claim that was won has the record say that the old one is the VM: it never ran, and never will.
        if (_won.Length > 0) Keep();
        _standbyTicket = ticket;
        _standbyWork = PrepareAsync(_standbyWork, old, definition, ticket);
    }

    void IShadowEffects.ActionFinished(VmActionResult result)
    {
        if (_isOwner && result.Succeeded)
        {
            _ran = result; // told once the VM is announced
            return;
        }

        // The keeper's next word brings the same refusal again: to tell of it each time would be a loop.
        bool isRepeated = !result.Succeeded && _results.All.Any(
            known => known.Id == result.Id && !known.Succeeded && known.Detail == result.Detail);
        if (isRepeated) return;
        _results.Add(result);
        _changed();
    }

    void IShadowEffects.Report(string kind, string text) => _services.Report(kind, _paths.Vm, text);

    /// <summary>The newest standby, once those before it are gone: they share taps, RAM and disks.</summary>
    private async Task<Standby?> PrepareAsync(
        Task<Standby?> before, Standby? old, VmDefinition definition, long ticket)
    {
        await Task.Yield();
        Standby? standby = null;
        string error = "";
        try
        {
            Standby? earlier = await before;
            if (earlier is not null && earlier != old) await earlier.KillAsync();
            if (old is not null) await old.KillAsync();
            if (_stop.IsCancellationRequested) return null;
            (standby, error) = await Standby.StartAsync(_services, _paths, definition, CancellationToken.None);
        }
        catch (Exception e) when (Refusals.Is(e))
        {
            error = e.Message;
        }

        if (standby is not null && _stop.IsCancellationRequested)
        {
            await standby.KillAsync();
            return null;
        }

        _mailbox.Post(new Prepared(ticket, standby, error));
        return standby;
    }

    private void OnPrepared(Prepared prepared)
    {
        if (prepared.Ticket != _standbyTicket) return; // the one that was asked for since ends it
        _standby = prepared.Standby;
        Keep();
        CallOutcome outcome = _standby is null ? CallOutcome.Failed(prepared.Error) : CallOutcome.Done;
        _session!.OnStandbyReady(prepared.Ticket, outcome, BootClock.Now);
    }

    /// <summary>A standby that was started, or why not. One that nobody takes any more is ended.</summary>
    private sealed record Prepared(long Ticket, Standby? Standby, string Error) : IDisposable
    {
        public void Dispose() => _ = Standby?.KillAsync();
    }

    private sealed record Greeted(PairConnection Connection, SourceHello Hello) : IDisposable
    {
        public void Dispose() => Connection.Dispose();
    }
}
