using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Swap;
using Umbra.Testing;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>
/// What the agent reports, and what it makes of the controller's word: a model of the product's HeartbeatLoop, VmKeeper
/// and the runners' ways with assignments, step for step but without their processes and files.
/// </summary>
internal sealed partial class SimAgent
{
    private const int ResultsMax = 8;

    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan RefusalPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SwapNewsPatience = TimeSpan.FromSeconds(3);

    private readonly string _instance;
    private readonly List<VmActionResult> _results = [];
    private long _sequence;
    private long _revision;
    private VmStatus? _status;
    private Generation _floor;
    private bool _guestGone;
    private string _lastAction = "";
    private Generation _refused;
    private TimeSpan _refusedAt;
    private TimeSpan? _newsUntil;

    /// <summary>The guest's process has ended by itself.</summary>
    public void GuestDied() => Do(() =>
    {
        if (_host.Role != VmRole.Primary || _guestGone) return;
        _guestGone = true;
        Source = null;
        Connection?.Cut();
        _world.Trace($"{_host.Name}: the guest's process is gone");
        // News like this does not wait for its turn.
        _world.In(TimeSpan.FromMilliseconds(1), Beat);
    });

    private void Heartbeat()
    {
        if (_ended) return;
        if (StandsStill)
        {
            _world.At(_standsStillUntil, Heartbeat);
            return;
        }

        _world.In(HeartbeatInterval, Heartbeat);
        Beat();
    }

    private void Beat()
    {
        if (_ended || StandsStill) return;
        if (!_inStep) _status = Status();
        var heartbeat = new AgentHeartbeat
        {
            Host = _host.Description, Instance = _instance, Sequence = ++_sequence, SeenRevision = _revision,
            Vms = _status is null ? [] : [_status],
        };
        TimeSpan sentAt = Now;
        _world.Call(
            _host, controller => controller.OnHeartbeat(_host.Id, heartbeat), answer => Do(() =>
            {
                // An answer that comes after the next report was sent is nobody's.
                if (answer is not null && heartbeat.Sequence == _sequence) Answered(answer, sentAt);
            }));
        _world.ConnectIfApart(_host);
    }

    private VmStatus? Status()
    {
        var status = new VmStatus
        {
            Vm = SimWorld.Vm, Role = _host.Role, Generation = _host.Part?.Generation ?? default,
            Guest = GuestState.Absent, Results = [.. _results],
        };
        if (_host.Role == VmRole.None) return _results.Count == 0 ? null : status;
        if (_host.Role == VmRole.Shadow)
        {
            if (Shadow is not { } shadow) return status with { Guest = GuestState.Starting };
            return status with
            {
                Guest = GuestState.Standby,
                GivenUp = shadow.GivenUp,
                Generation = shadow.Store.Promised > status.Generation ? shadow.Store.Promised : status.Generation,
                Sync = new SyncStatus { Acknowledged = shadow.Store.Committed },
                Drift = _host.Part?.Peer is { } primary ? _world.DriftOf(primary, _host.Id) : null,
            };
        }

        if (_guestGone) return status with { Guest = GuestState.Dead };
        SourceStatus? source = Source?.Status(Now);
        return status with
        {
            Generation = source?.Generation ?? status.Generation,
            Guest = source?.Paused ?? !_host.Runs ? GuestState.Paused : GuestState.Running,
            Protection = source?.Protection ?? ProtectionState.Unprotected,
            Lease = source?.Lease,
            Definition = SimWorld.Definition,
            Sync = source?.Sync ?? new SyncStatus(),
        };
    }

    private void Answered(HeartbeatAnswer answer, TimeSpan sentAt)
    {
        _revision = answer.Revision;
        if (answer.Removed.Count > 0) Remove();
        foreach (Assignment word in answer.Assignments)
        {
            bool confirms = word.Role == VmRole.Primary && Source is { } own && own.Generation == word.Generation;
            if (confirms)
                Source!.ControllerConfirmed(_world.Bug == PlantedBug.LeaseDatedFromAnswer ? Now : sentAt);
            if (word.Generation < _floor) continue;
            if (word.Role == VmRole.Primary) BePrimary(word);
            else if (word.Role == VmRole.Shadow) BeShadow(word);
            else if (word.Peer is { } owner) OwnedElsewhere(word, new Ownership(word.Generation, owner, ""));
        }
    }

    private void OwnedElsewhere(Assignment word, Ownership owner)
    {
        Source?.OnOwnership(owner, runsThere: false, Now);
        if (word.Action is not { Kind: VmActionKind.TakeoverConsent } keep || keep.Id == _lastAction) return;
        if (Source is not { } source) return;
        _lastAction = keep.Id;
        source.PromiseToKeep(keep.Id, owner, Now);
    }

    private void BePrimary(Assignment word)
    {
        if (_host.Role == VmRole.Shadow)
        {
            if (Shadow is not null) TakeOver(word);
            return;
        }

        if (_host.Role == VmRole.None) throw new SimFailureException($"{_host.Name} owns a VM it has nothing of");
        if (word.Generation < _host.Part!.Generation) return;
        if (!_guestGone) Update(word);
        else _host.Part = _host.Part with { Generation = word.Generation };
    }

    private void Update(Assignment word)
    {
        Assignment known = _host.Part!;
        bool wanted = word.Peer is not null;
        if (Source is { } source && word.Peer != known.Peer)
        {
            if (!wanted && !source.TryEndProtection(Now))
            {
                Told(word);
                return;
            }

            if (wanted) OwnedHere(source, word.Generation);
            Connection?.Cut();
            Connection = null;
            Source = null;
        }

        _host.Part = word;
        if (wanted && Source is null) BeginSource();
        Told(word);
    }

    private void Told(Assignment word)
    {
        if (Source is not { } source) return;
        OwnedHere(source, word.Generation);
        if (word.Action is not { } action || action.Id == _lastAction) return;
        _lastAction = action.Id;
        if (action.Kind == VmActionKind.Sync) source.RequestSync(action.Id, Now);
        else if (action.Kind == VmActionKind.Swap) source.RequestSwap(action.Id, false, Now);
    }

    private void OwnedHere(SourceSession source, Generation generation)
    {
        if (generation > source.Generation)
            source.OnOwnership(new Ownership(generation, _host.Id, ""), runsThere: false, Now);
    }

    private void BeShadow(Assignment word)
    {
        if (_host.Role == VmRole.Primary)
        {
            if (word.Generation <= _host.Part!.Generation || WaitsForNews()) return;
            Destroy();
        }

        bool opens = _host.Part is null;
        _host.Part = word;
        if (opens) BeginShadow();
        if (word.Action is not { Kind: VmActionKind.TakeoverConsent } consent || consent.Id == _lastAction
            || Shadow is null) return;
        _lastAction = consent.Id;
        Shadow.RequestConsent(consent.Id, word.Generation, consent.ProvenOff ? null : word.Policy.Lease, Now);
    }

    private void TakeOver(Assignment word)
    {
        if (Shadow is not { Phase: ShadowPhase.Following or ShadowPhase.Committing or ShadowPhase.Permitted } shadow)
            return;
        if (word.Generation == _refused && Now < _refusedAt + RefusalPause) return;
        _host.Part = word with { Role = VmRole.Shadow };
        string id = word.Action is { Kind: VmActionKind.Takeover } action
            ? action.Id : "owner-" + word.Generation.Value;
        shadow.TakeOver(id, word.Generation, Now);
        if (shadow.Phase != ShadowPhase.Starting) (_refused, _refusedAt) = (word.Generation, Now);
    }

    private void Remove()
    {
        if (_host.Part is not null && !WaitsForNews()) Destroy();
    }

    // The winner of a swap says so itself: the loser's end waits for that, a little.
    private bool WaitsForNews()
    {
        bool swapping = Source is { } source && source.Status(Now).Protection == ProtectionState.Swapping;
        if (_host.Role != VmRole.Primary || !swapping) return false;
        _newsUntil ??= Now + SwapNewsPatience;
        return Now < _newsUntil;
    }

    private void Destroy(bool byWinnersWord = false)
    {
        if (_host.Part is null) return;
        Connection?.Cut();
        Connection = null;
        Source = null;
        Shadow = null;
        _guestGone = false;
        _newsUntil = null;
        _world.Trace($"{_host.Name}: its copy is destroyed");
        _world.CheckMayGo(_host, byWinnersWord);
        _host.Wipe();
    }

    // What an earlier agent left goes on as it was, before the controller has said a word.
    private void TakeUp()
    {
        if (_host.Part is { Role: VmRole.Primary } part && _host.Guest is null && _host.IsOwnerOfThisBoot)
            _host.Part = part with { Role = VmRole.Shadow };
        if (_host.Role == VmRole.Shadow) BeginShadow();
        if (_host.Role != VmRole.Primary) return;
        _guestGone = _host.Guest is not { Alive: true };
        if (!_guestGone && _host.Part!.Peer is not null) BeginSource();
    }

    private void Promoted()
    {
        // The last message to the source still goes out.
        if (Connection is { } connection) _world.In(TimeSpan.FromMilliseconds(30), connection.Cut);
        Connection = null;
        Shadow = null;
        _guestGone = _host.Guest is not { Alive: true };
    }

    private void BeginSource()
    {
        ModelGuest guest = _host.Guest!;
        Arm(guest);
        _lastAction = "";
        Source = new SourceSession(
            new SourceOptions
            {
                Vm = SimWorld.Vm, Host = _host.Id, Generation = _host.Part!.Generation, Session = _world.Random.Next(),
                Policy = _world.Policy, Hash = SimHash.Instance, Held = guest.Held,
                LeaseCarriedUntil = _host.RunDeadline, Codecs = NewCodecs(), Compression = BatchCompression.Stream,
            },
            _world.Wrapped(guest), this, Now);
    }

    // Every batch against those before it: a session that forgets to begin anew, or one time too many, is found out.
    private static BatchCodecs NewCodecs() => new(null, null, new BatchHistory(new RememberingCompressor()));

    private void Arm(ModelGuest guest)
    {
        guest.Intercept = call =>
        {
            _world.Race(_host, call);
            MayCrash(call);
            if (Stalls(call) is { } failure) return failure;
            if (_world.IsStateUseless(call)) return CallOutcome.Failed("a device was plugged in");
            return _world.GuestTrouble() && SimWorld.MayFail(call)
                ? CallOutcome.Failed("the emulator does not answer") : null;
        };
        guest.NextCut = _world.NextCut;
        guest.Snapshot = snapshot => _world.Snapshots[snapshot.Cut] = snapshot;
        guest.RunDeadline = deadline => _host.SetRunDeadline(deadline);
        guest.MayResume = () => _host.RunDeadline is { } deadline && Now >= deadline
            ? CallOutcome.Failed("its lease is over") : CallOutcome.Done;
    }

    private void BeginShadow()
    {
        ModelMedia media = _host.Media;
        media.Intercept = call =>
        {
            MayCrash(call);
            Stalls(call);
            return _world.StorageTrouble(_host) && SimWorld.MayFail(call) ? CallOutcome.Failed("no space left") : null;
        };
        _lastAction = "";
        ShadowStore store = new(
            _world.Wrapped(media), SimHash.Instance, NewCodecs(), 1);
        CallOutcome recovered = store.Recover();
        if (!recovered.Succeeded)
        {
            _world.Trace($"{_host.Name}: recovery failed: {recovered.Detail}");
            _world.In(TimeSpan.FromMilliseconds(300), () => Do(() =>
            {
                if (Shadow is null && _host.Role == VmRole.Shadow) BeginShadow();
            }));
            return;
        }

        _world.CheckDisksOnly(_host, store);
        Shadow = new ShadowSession(
            new ShadowOptions
            {
                Vm = SimWorld.Vm, Host = _host.Id, Session = _world.Random.Next(), Hash = SimHash.Instance,
            },
            store, this, Now);
    }
}
