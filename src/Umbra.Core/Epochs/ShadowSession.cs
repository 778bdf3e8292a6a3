using System.Buffers;
using System.Buffers.Binary;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>What a shadow session is told at its start.</summary>
public sealed record ShadowOptions
{
    /// <summary>The VM.</summary>
    public required VmId Vm { get; init; }

    /// <summary>This host: the claimant of the session's claims.</summary>
    public required HostId Host { get; init; }

    /// <summary>Random number, different for every session object: part of its claims' ids.</summary>
    public required ulong Session { get; init; }

    /// <summary>The pair's content hash.</summary>
    public required IContentHash Hash { get; init; }
}

/// <summary>What a shadow session does besides staging.</summary>
public enum ShadowPhase
{
    /// <summary>Takes epochs, if a source is connected.</summary>
    Following = 0,

    /// <summary>Verifies and commits an epoch, or waits for the standby to fit its configuration.</summary>
    Committing = 1,

    /// <summary>May claim the VM and waits for the standby to have loaded the device state.</summary>
    Permitted = 2,

    /// <summary>Has claimed the VM and does not know yet how that went.</summary>
    Claiming = 3,

    /// <summary>May run the VM; it is being brought up.</summary>
    Starting = 4,

    /// <summary>Runs the VM: the session's work is done.</summary>
    Running = 5,
}

/// <summary>
/// The shadow's side of one protected VM: answers the source, stages and commits epochs into a <see
/// cref="ShadowStore"/>, keeps a standby ready, bears witness to the source's lease, and runs the VM once it has won
/// it. Pure and synchronous, as <see cref="SourceSession"/> is; call <see cref="Tick"/> after every other call and when
/// it asked for it. While
/// <see cref="WantsInput"/> is false the shell must not read from the connection.
/// </summary>
public sealed partial class ShadowSession
{
    private readonly ShadowOptions _options;
    private readonly ShadowStore _store;
    private readonly IShadowEffects _effects;
    private readonly WitnessClock _witness;
    private readonly Queue<HashRequest> _hashRequests = new();
    private byte[] _hashBytes = [];
    private readonly ulong[] _hashes = new ulong[SessionLimits.HashesPerStep];
    private IPairLink? _link;
    private bool _greeted;
    private bool _refusing;
    private int _hashesDone;
    private EpochEnd? _end;
    private bool _verified;

    /// <summary>A session over a store that has recovered.</summary>
    public ShadowSession(ShadowOptions options, ShadowStore store, IShadowEffects effects, TimeSpan now)
    {
        _options = options;
        _store = store;
        _effects = effects;
        _witness = new WitnessClock(now);
        if (store.Committed != EpochNumber.None && store.State == StoreState.Complete) PrepareCommittedStandby();
    }

    /// <summary>What it does.</summary>
    public ShadowPhase Phase { get; private set; }

    /// <summary>What it holds.</summary>
    public ShadowStore Store => _store;

    /// <summary>When the source was last heard; for a takeover's evidence.</summary>
    public TimeSpan LastHeard => _witness.LastHeard;

    /// <summary>
    /// Whether messages may be given to <see cref="On"/> now; they have to wait while an epoch is committed.
    /// </summary>
    public bool WantsInput => _end is null && _hashRequests.Count < SessionLimits.HashRequestsMax;

    /// <summary>A source has connected; an earlier connection is not used any more.</summary>
    public void LinkUp(IPairLink link, TimeSpan now)
    {
        if (_link is not null) LinkDown();
        _link = link;
        _greeted = false;
        _refusing = false;
    }

    /// <summary>
    /// The connection is gone; what was staged is dropped. An epoch that came whole is still committed: its source
    /// finds out at the next hello.
    /// </summary>
    public void LinkDown()
    {
        _link = null;
        _greeted = false;
        _hashRequests.Clear();
        _hashesDone = 0;
        _query = null;
        if (_end is null) _store.Drop();
    }

    /// <summary>A message of the source; only while <see cref="WantsInput"/>.</summary>
    public void On(PairMessage message, TimeSpan now)
    {
        Invariant.Holds(WantsInput, "messages wait while an epoch is committed");
        if (_link is null) return;
        switch (message)
        {
            case SourceHello hello:
                OnHello(hello, now);
                return;
            case Heartbeat heartbeat:
                OnHeartbeat(heartbeat, now);
                return;
        }

        if (!_greeted)
        {
            CloseLink("the source spoke before its hello was accepted");
            return;
        }

        switch (message)
        {
            case HashRequest request:
                if (request.Count is <= 0 or > ProtocolLimits.HashesPerMessage)
                    CloseLink("a request for too many hashes");
                else _hashRequests.Enqueue(request);
                break;
            case EpochBegin begin:
                OnBegin(begin);
                break;
            case PageBatch batch:
                if (!_refusing) Staged(batch.Epoch, _store.Stage(batch));
                break;
            case BlockBatch batch:
                if (!_refusing) Staged(batch.Epoch, _store.Stage(batch));
                break;
            case DeviceStatePart part:
                if (!_refusing) Staged(part.Epoch, _store.Stage(part));
                break;
            case ConfigurationPart part:
                if (!_refusing) Staged(part.Epoch, _store.Stage(part));
                break;
            case EpochEnd end:
                if (!_refusing) OnEnd(end, now);
                break;
            case SwapPermit permit:
                OnPermit(permit, now);
                break;
            case SwapQuery query:
                OnQuery(query);
                break;
            default:
                CloseLink($"the source sent {message.GetType().Name}, which is the shadow's to send");
                break;
        }
    }

    /// <summary>
    /// Does at most one bounded step and says when it wants to be called again at the latest; <paramref name="now"/>
    /// for at once, <see cref="TimeSpan.MaxValue"/> for not by itself.
    /// </summary>
    public TimeSpan Tick(TimeSpan now)
    {
        TimeSpan next = TickStarting(now);
        if (_finalCommitted) LoadFinal(now);
        if (_hashRequests.Count > 0 && _link is { HasRoom: true })
        {
            HashSome();
            return now;
        }

        if (_end is not null && Phase == ShadowPhase.Committing) return TickCommit(now) < next ? now : next;
        return next;
    }

    private void OnHello(SourceHello hello, TimeSpan now)
    {
        _refusing = false;
        _hashRequests.Clear();
        _hashesDone = 0;
        _store.Drop();
        _store.BeginReceiving();
        (HelloOutcome outcome, string reason) = Judge(hello);
        _greeted = outcome == HelloOutcome.Accepted;
        if (_greeted)
        {
            _witness.Heard(now);
            CallOutcome promised = _store.Promise(hello.Generation);
            StoreOutcome prepared = promised.Succeeded
                ? _store.Prepare(hello.PageCount, hello.Disks)
                : StoreOutcome.Refused(RejectReason.Storage, promised.Detail);
            if (!prepared.Accepted)
            {
                _greeted = false;
                reason = prepared.Detail;
                outcome = prepared.Reason == RejectReason.Gap ? HelloOutcome.GeometryMismatch : HelloOutcome.NotReady;
            }
        }

        _link!.Send(new ShadowHello(
            outcome, reason, _store.Promised, _store.Committed, _store.Digest, _store.State == StoreState.Blank));
    }

    private (HelloOutcome Outcome, string Reason) Judge(SourceHello hello)
    {
        if (hello.Vm != _options.Vm) return (HelloOutcome.UnknownVm, $"this is the shadow of {_options.Vm}");
        if (hello.Generation < _store.Promised)
            return (HelloOutcome.StaleGeneration, $"promised to {_store.Promised}");
        return Phase is ShadowPhase.Following or ShadowPhase.Permitted && _store.State != StoreState.Retired
            ? (HelloOutcome.Accepted, "")
            : (HelloOutcome.NotReady, $"the shadow is {Phase}");
    }

    private void OnHeartbeat(Heartbeat heartbeat, TimeSpan now)
    {
        if (heartbeat.Generation != _store.Promised || _store.State == StoreState.Retired || !_greeted) return;
        _witness.Heard(now);
        _link!.Send(new HeartbeatEcho(heartbeat.Generation, heartbeat.Stamp));
    }

    private void OnBegin(EpochBegin begin)
    {
        _refusing = false;
        ForgetPermit();
        (_final, _finalCommitted) = (null, false);
        Staged(begin.Epoch, _store.Begin(begin));
        if (!_refusing && _standby == Standby.Loaded) PrepareCommittedStandby();
    }

    private void Staged(EpochNumber epoch, StoreOutcome outcome)
    {
        if (outcome.Accepted) return;
        // An open epoch goes with what is refused, whichever that is of, and its source has to hear of that one.
        if (_store.Open > epoch) epoch = _store.Open;
        _refusing = true;
        _store.Drop();
        _effects.Report("shadow.refused", $"{epoch} was refused: {outcome.Detail}");
        string detail = outcome.Detail.Length <= 200 ? outcome.Detail : outcome.Detail[..200];
        _link?.Send(new EpochReject(epoch, outcome.Reason, detail));
    }

    private void OnEnd(EpochEnd end, TimeSpan now)
    {
        StoreOutcome outcome = _store.End(end);
        Staged(end.Epoch, outcome);
        if (!outcome.Accepted) return;
        _end = end;
        _verified = false;
        _final = end.Final ? new PhaseClock(now) : null;
        Phase = ShadowPhase.Committing;
    }

    private TimeSpan TickCommit(TimeSpan now)
    {
        if (!_verified)
        {
            StoreOutcome outcome = _store.Verify(SessionLimits.HashesPerStep * 8, out bool done);
            if (!outcome.Accepted) FinishCommit(outcome);
            _verified = done;
            if (_verified && outcome.Accepted && _store.ConfigurationChanged)
                PrepareStandby(_store.StagedConfiguration);
            return now;
        }

        if (_final is { Phases.Count: 0 }) _final.Passed(SwapPhases.Verify, now);
        // A standby with the devices of this configuration first, so that a committed epoch can be run.
        if (_standby == Standby.Preparing && _store.ConfigurationChanged) return TimeSpan.MaxValue;
        if (_standby == Standby.Broken && _store.ConfigurationChanged)
            FinishCommit(StoreOutcome.Refused(RejectReason.Storage, "no standby for it: " + _standbyTrouble));
        else
            FinishCommit(_store.Commit(_final is not null && _standby == Standby.Ready ? LoadStaged : null));
        return now;
    }

    private void FinishCommit(StoreOutcome outcome)
    {
        EpochEnd end = _end!;
        _end = null;
        Phase = ShadowPhase.Following;
        Staged(end.Epoch, outcome);
        if (!outcome.Accepted)
        {
            if (_standby is Standby.Loading or Standby.Loaded) DropStandby("the epoch that it has was taken back");
            if (_standby != Standby.Preparing && _store.State == StoreState.Complete) PrepareCommittedStandby();
            return;
        }

        _link?.Send(new EpochAck(end.Epoch, end.Digest));
        if (end.Final) _finalCommitted = true;
        else if (_standby == Standby.Broken) PrepareCommittedStandby();
    }

    private void HashSome()
    {
        HashRequest request = _hashRequests.Peek();
        int count = Math.Min(request.Count - _hashesDone, _hashes.Length);
        if (!_store.TryHash(request.Disk, request.First + _hashesDone, _hashes.AsSpan(0, count)))
        {
            CloseLink("hashes that cannot be had were asked for");
            return;
        }

        if (_hashBytes.Length < request.Count * 8) _hashBytes = new byte[request.Count * 8];
        for (int i = 0; i < count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(_hashBytes.AsSpan((_hashesDone + i) * 8), _hashes[i]);
        _hashesDone += count;
        if (_hashesDone < request.Count) return;
        _hashRequests.Dequeue();
        _hashesDone = 0;
        _link!.Send(new HashReply(request.Disk, request.First, _hashBytes.AsMemory(0, request.Count * 8)));
    }

    private void CloseLink(string reason)
    {
        _effects.Report("link.closed", reason);
        _effects.CloseLink(reason);
        LinkDown();
    }
}
