using System.Buffers;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Frequency;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>
/// The primary's side of one protected VM: cuts epochs, sends them, keeps what the shadow has not acknowledged, moves
/// the VM onto its shadow when asked, and lets the guest run only while this host may run it. Pure and synchronous: the
/// shell calls it from one thread with the time, and it drives guest and link through their interfaces.
/// <para>
/// Use: construct, then call <see cref="Tick"/> at once and whenever it asked to be called, after every other call, and
/// when the link has room again. <see cref="LinkUp"/> begins with a hello: the shadow either holds an epoch that this
/// session still knows everything since (it goes on), or both sides compare hashes. Link and controller may be away for
/// any time; the guest runs on meanwhile, unless it is under a lease.
/// </para>
/// </summary>
public sealed partial class SourceSession
{
    private readonly ISourceGuest _guest;
    private readonly ISourceEffects _effects;
    private readonly SourceOptions _options;
    private readonly SourcePages _pages;
    private readonly SourceDiskStream _disks;
    private readonly EpochWriter _writer;
    private readonly PauseWindow _pauses = new();
    private readonly ArrayBufferWriter<byte> _deviceState = new();
    private readonly List<PendingSync> _syncs = [];
    private ProtectionPolicy _policy;
    private PrimaryLease? _lease;
    private Generation _generation;
    private IPairLink? _link;
    private LinkPhase _phase;
    private TimeSpan _lastReceived;
    private TimeSpan _lastHeartbeat;
    private string _linkReason = "no connection to the shadow yet";
    private string _trouble = "";

    /// <summary>A session for a guest that runs here, or is held.</summary>
    /// <param name="options">What it is told at its start.</param>
    /// <param name="guest">The VM.</param>
    /// <param name="effects">Where its wishes go.</param>
    /// <param name="now">The session's clock: monotonic, going on while the host is suspended.</param>
    public SourceSession(SourceOptions options, ISourceGuest guest, ISourceEffects effects, TimeSpan now)
    {
        _options = options;
        _guest = guest;
        _effects = effects;
        _policy = options.Policy;
        _frequency = new SyncFrequency(_policy);
        _generation = options.Generation;
        _pages = new SourcePages(guest, options);
        _disks = new SourceDiskStream(guest.Disks, _pages, options);
        _writer = new EpochWriter(options.Hash);
        _newestEpoch = options.LastEpoch;
        _startedAt = _lastCut = _cutDue = _acknowledgedCutAt = now;
        if (_policy.Takeover == TakeoverMode.Automatic)
            _lease = new PrimaryLease(_policy.Lease, options.LeaseCarriedUntil);
        BeginHolding(options.Held, now);
    }

    private enum LinkPhase
    {
        /// <summary>No connection.</summary>
        Down,

        /// <summary>Hello sent, its answer awaited.</summary>
        Hello,

        /// <summary>The shadow's hashes are being fetched.</summary>
        Hashing,

        /// <summary>Epochs flow.</summary>
        Streaming,
    }

    private sealed record PendingSync(string Id, TimeSpan RequestedAt);

    /// <summary>Generation under which the VM runs, or ran, here.</summary>
    public Generation Generation => _generation;

    /// <summary>Newest epoch that the shadow is known to hold.</summary>
    public EpochNumber Acknowledged => _acknowledged;

    /// <summary>A new connection to the shadow's agent; an older one is not used any more.</summary>
    public void LinkUp(IPairLink link, TimeSpan now)
    {
        if (_link is not null) LinkDown("a new connection", now);
        _link = link;
        _lastReceived = _lastHeartbeat = now;
        if (_yielded != Generation.None) CloseLink(_heldReason, now);
        else if (!_lost) SendHello(now);
    }

    /// <summary>The connection is gone.</summary>
    public void LinkDown(string reason, TimeSpan now)
    {
        if (_link is null) return;
        _link = null;
        _phase = LinkPhase.Down;
        _linkReason = reason;
        _writer.Abandon();
        _barrierTail = false;
        SwapLinkDown(now);
    }

    /// <summary>A message of the shadow. What does not fit the moment is ignored, or ends the connection.</summary>
    public void On(PairMessage message, TimeSpan now)
    {
        if (_link is null || _lost) return;
        _lastReceived = now;
        switch (message)
        {
            case ShadowHello hello:
                if (_phase == LinkPhase.Hello) OnHello(hello, now);
                break;
            case HashReply reply:
                if (_phase == LinkPhase.Hashing) OnHashes(reply, now);
                break;
            case EpochAck ack:
                if (_phase is LinkPhase.Streaming or LinkPhase.Hashing) OnAck(ack, now);
                break;
            case EpochReject reject:
                if (_phase is LinkPhase.Streaming or LinkPhase.Hashing) OnReject(reject, now);
                break;
            case HeartbeatEcho echo:
                OnEcho(echo, now);
                break;
            case SwapDone done:
                OnSwapDone(done, now);
                break;
            case SwapDeclined declined:
                OnSwapDeclined(declined, now);
                break;
            case SwapReadiness readiness:
                OnSwapReadiness(readiness, now);
                break;
            case DriftNotice notice:
                OnDriftNotice(notice, now);
                break;
            default:
                CloseLink($"the shadow sent {message.GetType().Name}, which is the source's to send", now);
                break;
        }
    }

    /// <summary>
    /// The controller answered a heartbeat that was sent at <paramref name="sentAt"/> (on the session's clock), and its
    /// answer still has this host and generation as the VM's owner.
    /// </summary>
    public void ControllerConfirmed(TimeSpan sentAt) => WitnessAnswered(sentAt);

    /// <summary>Another policy from now on.</summary>
    public void SetPolicy(ProtectionPolicy policy, TimeSpan now)
    {
        bool automatic = policy.Takeover == TakeoverMode.Automatic;
        if (!automatic) _lease = null;
        else if (_lease is null) _lease = StartLease(policy.Lease, now);
        else if (_lease.Length != policy.Lease) _lease.SetLength(policy.Lease);
        _policy = policy;
        // A person's word counts at once; what speaks against the hardware is weighed again by the new bounds.
        _frequency = new SyncFrequency(policy);
        UpdateFrequency(now);
        _cutDue = Min(_cutDue, now + Interval);
        SetRunDeadline();
    }

    /// <summary>
    /// Devices were plugged or unplugged: <see cref="ISourceGuest.Configuration"/> and the disks' geometry are the new
    /// ones. The next epoch carries them; other disks mean another hello and a full copy of the disks.
    /// </summary>
    public void ConfigurationChanged(TimeSpan now)
    {
        if (_disks.Geometry.SequenceEqual(_guest.Disks.Geometry)) return;
        _disksNeedCopy = true;
        if (_link is not null && _swap is null) SendHello(now);
    }

    /// <summary>
    /// Cut an epoch now; the action ends when the shadow has acknowledged one that was cut after this call.
    /// </summary>
    public void RequestSync(string id, TimeSpan now)
    {
        if (_syncs.Count >= SessionLimits.SyncRequestsMax || _lost)
        {
            FinishAction(id, false, _lost ? "the VM does not run here any more" : "too many syncs are waiting", []);
            return;
        }

        _syncs.Add(new PendingSync(id, now));
        _cutDue = now;
    }

    /// <summary>
    /// Does at most one step (a chunk of a pre-copy round, or one barrier) and says when it wants to be called again at
    /// the latest; <paramref name="now"/> for at once, <see cref="TimeSpan.MaxValue"/> for not by itself.
    /// </summary>
    public TimeSpan Tick(TimeSpan now)
    {
        if (_lost) return TickStill(now);
        TickFrequency(now);
        TimeSpan next = Min(TickRunning(now), TickClaim(now));
        if (_link is null || _lost) return next;
        next = Min(next, TickLink(now));
        if (_link is null) return next;
        if (IsHeldBack) return Min(next, TickRehearsal(now));
        next = Min(next, Min(TickSwap(now), TickRehearsal(now)));
        if (_link is null) return next;
        return Min(next, _phase switch
        {
            LinkPhase.Hashing => TickHashing(now),
            LinkPhase.Streaming => TickEpoch(now),
            _ => TimeSpan.MaxValue,
        });
    }

    /// <summary>
    /// While set nothing is cut or sent and no swap goes on, because the shell compares both sides at the newest epoch.
    /// Lease, signs of life and claims go on as ever. A shell that asks the shadow past the session tells of its
    /// answers by <see cref="Heard"/>.
    /// </summary>
    public bool IsHeldBack { get; set; }

    /// <summary>Something came over the link that the shell has taken for itself.</summary>
    public void Heard(TimeSpan now) => _lastReceived = now;

    /// <summary>
    /// Sends a sign of life where one is due: for a shell that is busy within a call of <see cref="ISourceGuest"/> for
    /// longer than a lease, and gives the session the <see cref="HeartbeatEcho"/>es and
    /// <see cref="ControllerConfirmed"/> that come meanwhile, but nothing else.
    /// </summary>
    public void KeepAlive(TimeSpan now)
    {
        if (_link is not null && !_lost) Beat(now);
    }

    /// <summary>The session at this moment.</summary>
    public SourceStatus Status(TimeSpan now)
    {
        (ProtectionState state, string reason) = Protection(now);
        return new SourceStatus
        {
            Generation = _generation,
            Protection = state,
            Reason = reason,
            Paused = !_mayRun,
            Lease = _lease?.Deadline is null ? null : _lease.Length,
            LeaseUntil = _lease?.Deadline,
            Sync = new SyncStatus
            {
                Interval = Interval,
                Lag = _acknowledged == EpochNumber.None ? now - _startedAt : now - _acknowledgedCutAt,
                Cut = _newestCut,
                Acknowledged = _acknowledged,
                Epochs = _epochs,
                RawBytes = _rawBytes + (_writer.IsOpen ? _writer.RawBytes : 0),
                WireBytes = _wireBytes + (_writer.IsOpen ? _writer.WireBytes : 0),
                DiskRawBytes = _diskRawBytes + (_writer.IsOpen ? _writer.DiskRawBytes : 0),
                DiskWireBytes = _diskWireBytes + (_writer.IsOpen ? _writer.DiskWireBytes : 0),
                DiskReplacedBytes = _disks.ReplacedBytes,
                ResyncPages = _resyncPages,
                ResyncBlocks = _disks.BlocksSent,
                Progress = ResyncProgress(),
                SeedTime = _seedTime,
                Pause = _pauses.Statistics(),
            },
        };
    }

    private (ProtectionState State, string Reason) Protection(TimeSpan now)
    {
        if (_lost) return (ProtectionState.Unprotected, "another host runs the VM");
        if (IsYielded) return (ProtectionState.Unprotected, _heldReason);
        if (_swap is not null && _swap.Phase != SwapPhase.Prepare)
            return (ProtectionState.Swapping, "a swap is under way");
        if (!_mayRun) return (ProtectionState.Degraded, _heldReason);
        bool holds = _acknowledged != EpochNumber.None;
        string trouble = _trouble.Length > 0 ? "; " + _trouble : "";
        if (_link is null || _phase == LinkPhase.Hello)
        {
            return holds
                ? (ProtectionState.Degraded, $"{_linkReason}; the shadow holds {_acknowledged}{trouble}")
                : (ProtectionState.Unprotected, _linkReason + trouble);
        }

        if (_resyncing)
        {
            return _blankSeed
                ? (ProtectionState.Seeding, $"the first epoch is being sent{trouble}")
                : (ProtectionState.Resyncing, $"the shadow is being compared by hashes{trouble}");
        }

        if (_trouble.Length > 0) return (ProtectionState.Degraded, _trouble);
        TimeSpan lagMax = Max(_policy.IntervalMax, _policy.Interval * 2) + SessionLimits.LagTolerance;
        return now - _acknowledgedCutAt > lagMax
            ? (ProtectionState.Degraded, $"the shadow is {(now - _acknowledgedCutAt).TotalSeconds:0.0} s behind")
            : (ProtectionState.Protected, _budgetTrouble.Length > 0 ? _budgetTrouble : "epochs flow within policy");
    }

    private void FinishAction(
        string id, bool succeeded, string detail, IReadOnlyList<PhaseTime> phases,
        IReadOnlyList<ReadinessCheck>? checks = null) =>
        _effects.ActionFinished(new VmActionResult
        {
            Id = id,
            Succeeded = succeeded,
            Detail = detail,
            Phases = phases,
            Checks = checks ?? [],
            Epoch = _acknowledged,
            Generation = _generation,
        });

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
