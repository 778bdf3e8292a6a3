using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>
/// One agent process: the product's sessions behind model effects. An exception out of any call ends it; a new one
/// finds what is on the host.
/// </summary>
internal sealed class SimAgent : ISourceEffects, IShadowEffects
{
    // Decoders are large and keep nothing from one batch to the next.
    [ThreadStatic]
    private static PageBatchDecoder? s_pages;

    [ThreadStatic]
    private static BlockBatchDecoder? s_blocks;

    private readonly SimWorld _world;
    private readonly SimHost _host;
    private readonly ulong _session;
    private bool _dead;
    private TimeSpan _wakeAt = TimeSpan.MaxValue;
    private bool _guestSeenDead;
    private Generation _failedUnder;
    private Generation _ownedUnder;
    private string? _consentId;
    private TakeoverConsent? _consent;

    public SimAgent(SimWorld world, SimHost host)
    {
        _world = world;
        _host = host;
        _session = world.Random.Next();
        host.Agent = this;
        world.Trace($"{host.Name}: an agent starts as {host.Role}");
        Do(Begin);
        Heartbeat();
    }

    public SimConnection? Connection { get; private set; }

    public SourceSession? Source { get; private set; }

    public ShadowSession? Shadow { get; private set; }

    public bool WantsInput => Shadow is null || Shadow.WantsInput;

    private TimeSpan Now => _host.LocalNow;

    /// <summary>Runs a part of the agent and wakes its session; a crash out of it ends the process.</summary>
    public void Do(Action action)
    {
        Guarded(action);
        Schedule(_world.Now + TimeSpan.FromTicks(1000));
    }

    private void Guarded(Action action)
    {
        if (_dead) return;
        try
        {
            action();
        }
        catch (ModelCrashException crash)
        {
            _world.Trace($"{_host.Name}: {crash.Message}");
            Die();
            return;
        }

        _world.Check(_host);
    }

    public void Die()
    {
        if (_dead) return;
        _dead = true;
        _host.Agent = null;
        Connection?.Cut();
        _world.Trace($"{_host.Name}: the agent is dead");
        _world.In(TimeSpan.FromMilliseconds(30), _host.Guard);
        _world.In(_world.Random.Between(100, 900), () => _world.Restart(_host));
    }

    /// <summary>A call of the agent into the outside; it may die there.</summary>
    public void MayCrash(string call)
    {
        if (_dead) throw new ModelCrashException(call + " after its end");
        if (_world.Faulty && _world.Random.OneIn(SimWorld.CrashOneIn)) throw new ModelCrashException(call);
    }

    public void Wake() => Schedule(_world.Now + TimeSpan.FromTicks(100));

    public void LinkFound(SimConnection connection)
    {
        Connection = connection;
        Do(() =>
        {
            Source?.LinkUp(connection.EndAt(_host), Now);
            Shadow?.LinkUp(connection.EndAt(_host), Now);
        });
    }

    public void LinkLost(SimConnection connection)
    {
        if (Connection != connection) return;
        Connection = null;
        Do(() =>
        {
            Source?.LinkDown("the connection was lost", Now);
            Shadow?.LinkDown();
        });
    }

    public void Receive(SimConnection connection, PairMessage message)
    {
        if (Connection != connection) return;
        message = _world.Tampered(_host, message, Now);
        if (message is DeviceStatePart part)
            _world.CutOfEpoch[part.Epoch.Value] = ModelGuest.ReadDeviceState(part.Payload.Span).Cut;
        if (message is EpochReject { Reason: RejectReason.Corrupt } reject)
            throw new SimFailureException("an epoch was corrupt though nothing was damaged: " + reject.Detail);
        Do(() =>
        {
            Source?.On(message, Now);
            Shadow?.On(message, Now);
        });
    }

    public void RequestSwap(string id) => Do(() => Source?.RequestSwap(id, false, Now));

    public void RequestSync(string id) => Do(() => Source?.RequestSync(id, Now));

    public void SetPolicy(ProtectionPolicy policy) => Do(() => Source?.SetPolicy(policy, Now));

    public void ConfigurationChanged() => Do(() => Source?.ConfigurationChanged(Now));

    void ISourceEffects.CloseLink(string reason) => Close(reason);

    void IShadowEffects.CloseLink(string reason) => Close(reason);

    void ISourceEffects.ClaimFence(FenceClaim claim, string cause) => Ask(claim, cause);

    void IShadowEffects.ClaimFence(FenceClaim claim, string cause) => Ask(claim, cause);

    void IShadowEffects.Rehearse(string swap, FenceClaim claim, ReadOnlyMemory<byte> deviceState) => _world.Call(
        _host, () => Fencing.Decide(_world.Controller.Owner, claim),
        answer => Do(() => Shadow?.OnRehearsed(swap, CallOutcome.Done, answer, Now)));

    public void GenerationRaised(Generation generation)
    {
        MayCrash("GenerationRaised");
        _host.Generation = generation;
        _host.Guest!.Generation = generation.Value;
    }

    public void OwnershipLost(Generation generation, string reason)
    {
        _world.Trace($"{_host.Name}: ownership is lost: {reason}");
        Source = null;
        _world.In(TimeSpan.FromMilliseconds(5), () => Do(() =>
        {
            if (_host.Role != SimRole.Primary) return;
            Connection?.Cut();
            _host.Wipe();
        }));
    }

    public void EpochAcknowledged(EpochReport report) => _world.Acknowledged(report);

    public void ActionFinished(VmActionResult result)
    {
        _world.Trace($"{_host.Name}: action {result.Id}: {(result.Succeeded ? "done" : "failed")}, {result.Detail}");
        _world.Results[result.Id] = result;
        bool takeover = result.Id.StartsWith("takeover", StringComparison.Ordinal);
        if (takeover && !result.Succeeded && Shadow is { Store.Committed.Value: 0 })
            _failedUnder = _ownedUnder;
        if (result.Id == _consentId && result.Succeeded)
        {
            _consent = new TakeoverConsent(result.Generation, Now - Shadow!.LastHeard);
            if (result.Generation > _host.Refused) _host.Refused = result.Generation;
            _world.Consented();
        }
        else if (result.Id == _consentId)
        {
            _consentId = null;
        }
    }

    public void Report(string kind, string text) => _world.Trace($"{_host.Name}: {kind}: {text}");

    public void PrepareStandby(long ticket, ReadOnlyMemory<byte> configuration)
    {
        MayCrash("PrepareStandby");
        _host.Loaded = null;
        CallOutcome outcome = _world.GuestTrouble() ? CallOutcome.Failed("no standby") : CallOutcome.Done;
        _world.In(_world.Random.Between(20, 80), () => Do(() => Shadow?.OnStandbyReady(ticket, outcome, Now)));
    }

    public void LoadDeviceState(long ticket, EpochNumber epoch, ReadOnlyMemory<byte> deviceState)
    {
        MayCrash("LoadDeviceState");
        byte[] state = deviceState.ToArray();
        bool fails = _world.GuestTrouble();
        _world.In(_world.Random.Between(2, 10), () => Do(() =>
        {
            if (!fails) _host.Loaded = state;
            Shadow?.OnLoaded(ticket, fails ? CallOutcome.Failed("does not load") : CallOutcome.Done, Now);
        }));
    }

    public void Run(long ticket, Generation generation)
    {
        MayCrash("Run");
        bool fails = _world.GuestTrouble();
        if (!fails) _world.RunShadow(_host, generation);
        MayCrash("Ran");
        _world.In(TimeSpan.FromMilliseconds(1), () => Do(() =>
        {
            Shadow?.OnRunning(ticket, fails ? CallOutcome.Failed("does not run") : CallOutcome.Done, Now);
            if (!fails) BecomePrimary();
        }));
    }

    private void Begin()
    {
        Source = null;
        Shadow = null;
        if (_host.Role == SimRole.Primary) BeginSource();
        else if (_host.Role == SimRole.Shadow) BeginShadow();
    }

    private void BeginSource()
    {
        ModelGuest guest = _host.Guest!;
        if (!guest.Alive) return;
        Arm(guest);
        Source = new SourceSession(
            new SourceOptions
            {
                Vm = SimWorld.Vm, Host = _host.Id, Generation = _host.Generation, Session = _session,
                Policy = _world.Policy, Hash = SimHash.Instance, Held = guest.Held,
                LastEpoch = _host.LastEpoch, LeaseCarriedUntil = _host.RunDeadline,
            },
            _world.Wrapped(guest), this, Now);
    }

    private void Arm(ModelGuest guest)
    {
        guest.Intercept = call =>
        {
            _world.Race(_host, call);
            MayCrash(call);
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
            return _world.StorageTrouble(_host) && SimWorld.MayFail(call) ? CallOutcome.Failed("no space left") : null;
        };
        ShadowStore store = new(
            _world.Wrapped(media), SimHash.Instance,
            s_pages ??= new PageBatchDecoder(SimHash.Instance, BatchCodecs.None),
            s_blocks ??= new BlockBatchDecoder(SimHash.Instance, BatchCodecs.None), 1);
        CallOutcome recovered = store.Recover();
        if (!recovered.Succeeded)
        {
            _world.Trace($"{_host.Name}: recovery failed: {recovered.Detail}");
            _world.In(TimeSpan.FromMilliseconds(300), () => Do(() =>
            {
                if (Shadow is null && _host.Role == SimRole.Shadow) BeginShadow();
            }));
            return;
        }

        _world.CheckDisksOnly(_host, store);
        Shadow = new ShadowSession(
            new ShadowOptions
            {
                Vm = SimWorld.Vm, Host = _host.Id, Session = _session, Hash = SimHash.Instance,
            },
            store, this, Now);
    }

    private void BecomePrimary()
    {
        // The last message to the source still goes out.
        if (Connection is { } connection) _world.In(TimeSpan.FromMilliseconds(30), connection.Cut);
        Connection = null;
        Shadow = null;
        _guestSeenDead = false;
        BeginSource();
    }

    private void Close(string reason)
    {
        _world.Trace($"{_host.Name}: closes the connection: {reason}");
        SimConnection? connection = Connection;
        Connection = null;
        connection?.Cut();
    }

    private void Ask(FenceClaim claim, string cause)
    {
        MayCrash("ClaimFence");
        _host.OwnedSince = Now;
        _world.Trace($"{_host.Name}: claims {claim.Expected.Next} ({cause})");
        _world.Call(_host, () => _world.Controller.Claim(claim), answer => Do(() =>
        {
            Source?.OnClaimAnswered(claim.Request, answer, Now);
            Shadow?.OnClaimAnswered(claim.Request, answer, Now);
        }));
    }

    private void Heartbeat()
    {
        if (_dead) return;
        _world.In(TimeSpan.FromMilliseconds(200), Heartbeat);
        if (_host is { Role: SimRole.Primary, Guest.Alive: false } && !_guestSeenDead)
        {
            _guestSeenDead = true;
            Source = null;
            Connection?.Cut();
            _world.Trace($"{_host.Name}: the guest's process is gone");
        }

        bool primary = _host.Role == SimRole.Primary;
        SimHeartbeat heartbeat = new(
            _host, Now, primary || _failedUnder != default, primary ? _host.Generation : _failedUnder,
            primary ? _guestSeenDead && !_host.Runs : _failedUnder != default, SimWorld.Lease,
            Shadow?.Store.Committed ?? (Source is { IsYielded: true } ? new EpochNumber(1) : EpochNumber.None),
            _consentId, _consent);
        _world.Call(_host, () => _world.Controller.OnHeartbeat(heartbeat), answer => Do(() => OnAnswer(answer)));
        _world.ConnectIfApart(_host);
    }

    private void OnAnswer(SimAnswer? answer)
    {
        if (answer is null) return;
        bool mine = answer.Owner.Holder == _host.Id;
        if (_host.Role == SimRole.Primary)
        {
            if (mine && answer.Owner.Generation == _host.Generation)
                Source?.ControllerConfirmed(_world.Bug == PlantedBug.LeaseDatedFromAnswer ? Now : answer.SentAt);
            else if (Source is not null)
                Source.OnOwnership(answer.Owner, answer.Runs, Now);
            else if (mine && answer.Owner.Generation > _host.Generation)
                _host.Generation = answer.Owner.Generation;
            else if (!mine && answer.Owner.Generation > _host.Generation)
                OwnershipLost(answer.Owner.Generation, "another host owns the VM");
            return;
        }

        if (_host.Role == SimRole.None && !mine)
        {
            _host.Role = SimRole.Shadow;
            BeginShadow();
        }

        if (Shadow is null) return;
        if (mine) _host.OwnedSince = answer.SentAt;
        if (mine) _ownedUnder = answer.Owner.Generation;
        if (mine) Shadow.TakeOver("takeover-" + answer.Owner.Generation, answer.Owner.Generation, Now);
        else if (answer.WantsConsent is { } id && id != _consentId) Consent(id, answer.Owner.Generation);
    }

    private void Consent(string id, Generation refused)
    {
        _consentId = id;
        _consent = null;
        Shadow!.RequestConsent(id, refused, SimWorld.Lease, Now);
    }

    private void Schedule(TimeSpan at)
    {
        if (_dead || at >= _wakeAt) return;
        _wakeAt = at;
        _world.At(at, () =>
        {
            if (_wakeAt != at) return;
            _wakeAt = TimeSpan.MaxValue;
            Guarded(TickOnce);
        });
    }

    private void TickOnce()
    {
        TimeSpan next = TimeSpan.MaxValue;
        if (_world.Stalled(_host)) next = Now + TimeSpan.FromMilliseconds(20);
        else if (Source is not null) next = Source.Tick(Now);
        else if (Shadow is not null) next = Shadow.Tick(Now);
        Connection?.Deliver(_host);
        if (next == TimeSpan.MaxValue) return;
        TimeSpan at = _host.Clock.ToWorld(next) + TimeSpan.FromTicks(1);
        TimeSpan soonest = _world.Now + TimeSpan.FromTicks(500);
        Schedule(at > soonest ? at : soonest);
    }
}
