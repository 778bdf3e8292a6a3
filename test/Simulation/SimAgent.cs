using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>
/// One agent process: the product's sessions behind model effects. It does one thing at a time; what comes meanwhile,
/// or while the process stands still, waits. An exception out of any call ends it; a new one finds what is on the host.
/// What the product's VmKeeper does with the controller's word is a model of it, in the other part of this class.
/// </summary>
internal sealed partial class SimAgent : ISourceEffects, IShadowEffects
{
    /// <summary>A call into the emulator that takes longer has failed, as in the product.</summary>
    private static readonly TimeSpan MonitorDeadline = TimeSpan.FromSeconds(5);

    private readonly SimWorld _world;
    private readonly SimHost _host;
    private readonly Queue<Action> _mailbox = new();
    private bool _ended;
    private bool _inStep;
    private TimeSpan _standsStillUntil;
    private TimeSpan _wakeAt = TimeSpan.MaxValue;

    public SimAgent(SimWorld world, SimHost host)
    {
        _world = world;
        _host = host;
        _instance = "instance-" + world.Random.Next();
        host.Agent = this;
        world.Trace($"{host.Name}: an agent starts as {host.Role}");
        Do(TakeUp);
        Heartbeat();
    }

    public SimConnection? Connection { get; private set; }

    public SourceSession? Source { get; private set; }

    public ShadowSession? Shadow { get; private set; }

    /// <summary>Whether the process is stopped, as by a signal or with its host.</summary>
    public bool StandsStill => _world.Now < _standsStillUntil;

    public bool IsBusy => _inStep || StandsStill;

    public bool TakesFrames => !_ended && !IsBusy && _mailbox.Count == 0 && Shadow is not { WantsInput: false };

    private TimeSpan Now => _host.LocalNow;

    /// <summary>Runs a part of the agent, now or once it is at leisure, and wakes its session.</summary>
    public void Do(Action action)
    {
        if (_ended) return;
        if (IsBusy || _mailbox.Count > 0) _mailbox.Enqueue(action);
        else Step(action);
        Schedule(_world.Now + TimeSpan.FromTicks(1000));
    }

    public void Die()
    {
        if (_ended) return;
        _ended = true;
        _host.Agent = null;
        Connection?.Cut();
        _world.Trace($"{_host.Name}: the agent is dead");
        _world.In(TimeSpan.FromMilliseconds(30), _host.Guard);
        _world.In(_world.Random.Between(100, 900), () => _world.Restart(_host));
    }

    /// <summary>A call of the agent into the outside; it may die there, its host with it perhaps.</summary>
    public void MayCrash(string call)
    {
        if (_ended) throw new ModelCrashException(call + " after its end");
        if (!_world.Faulty || !_world.Random.OneIn(SimWorld.CrashOneIn)) return;
        if (_world.Random.OneIn(3)) _world.CrashHost(_host);
        throw new ModelCrashException(call);
    }

    /// <summary>The process stands still for a while.</summary>
    public void StandStill(TimeSpan time)
    {
        TimeSpan until = _world.Now + time;
        if (until > _standsStillUntil) _standsStillUntil = until;
        _wakeAt = TimeSpan.MaxValue;
        Schedule(_standsStillUntil);
    }

    public void Wake() => Schedule(_world.Now + TimeSpan.FromTicks(100));

    public void LinkFound(SimConnection connection) => Do(() =>
    {
        Connection = connection;
        Source?.LinkUp(connection.EndAt(_host), Now);
        Shadow?.LinkUp(connection.EndAt(_host), Now);
    });

    public void LinkLost(SimConnection connection) => Do(() =>
    {
        if (Connection != connection) return;
        Connection = null;
        Source?.LinkDown("the connection was lost", Now);
        Shadow?.LinkDown();
    });

    public void Receive(SimConnection connection, PairMessage message)
    {
        if (Connection != connection) return;
        message = _world.Tampered(_host, message, Now);
        if (message is DeviceStatePart part) _world.NoteCut(_host, part);
        if (message is EpochReject { Reason: RejectReason.Corrupt } reject && !connection.Disorderly)
            throw new SimFailureException("an epoch was corrupt though nothing was damaged: " + reject.Detail);
        Do(() =>
        {
            Source?.On(message, Now);
            Shadow?.On(message, Now);
        });
    }

    public void ConfigurationChanged() => Do(() => Source?.ConfigurationChanged(Now));

    void ISourceEffects.CloseLink(string reason) => Close(reason);

    void IShadowEffects.CloseLink(string reason) => Close(reason);

    void ISourceEffects.ClaimFence(FenceClaim claim, string cause) => Claim(claim, cause);

    void IShadowEffects.ClaimFence(FenceClaim claim, string cause) => Claim(claim, cause);

    void IShadowEffects.Rehearse(string swap, FenceClaim claim, ReadOnlyMemory<byte> deviceState)
    {
        CallOutcome standby = _world.GuestTrouble() ? CallOutcome.Failed("the standby has ended") : CallOutcome.Done;
        _world.Call(
            _host, controller => Fencing.Decide(controller.Vm.Ownership, claim),
            answer => Do(() => Shadow?.OnRehearsed(swap, standby, answer, Now)));
    }

    public void GenerationRaised(Generation generation)
    {
        MayCrash("GenerationRaised");
        _host.Part = _host.Part! with { Generation = generation };
        _host.Guest!.Generation = generation.Value;
    }

    public void OwnershipLost(Generation generation, string reason)
    {
        _world.Trace($"{_host.Name}: ownership is lost: {reason}");
        _floor = generation;
        _world.In(TimeSpan.FromMilliseconds(5), () => Do(() => Destroy(byWinnersWord: true)));
    }

    public void EpochAcknowledged(EpochReport report) => _world.Acknowledged(Connection!.Shadow, report);

    public void ActionFinished(VmActionResult result)
    {
        bool repeated = !result.Succeeded
            && _results.Exists(r => r.Id == result.Id && !r.Succeeded && r.Detail == result.Detail);
        if (repeated) return;
        _world.Trace($"{_host.Name}: action {result.Id}: {(result.Succeeded ? "done" : "failed")}, {result.Detail}");
        if (_results.Count == ResultsMax) _results.RemoveAt(0);
        _results.Add(result);
        if (!result.Succeeded || Shadow is null || result.Id != _lastAction) return;
        if (result.Generation > _host.Refused) _host.Refused = result.Generation;
        _world.Consented();
    }

    public void Report(string kind, string text) => _world.Trace($"{_host.Name}: {kind}: {text}");

    public void PrepareStandby(long ticket, ReadOnlyMemory<byte> configuration)
    {
        MayCrash("PrepareStandby");
        _host.Loaded = null;
        CallOutcome outcome = _world.GuestTrouble() ? CallOutcome.Failed("no standby") : CallOutcome.Done;
        _world.In(
            _world.Slow(_world.Random.Between(20, 80)), () => Do(() => Shadow?.OnStandbyReady(ticket, outcome, Now)));
    }

    public void LoadDeviceState(long ticket, EpochNumber epoch, ReadOnlyMemory<byte> deviceState)
    {
        MayCrash("LoadDeviceState");
        byte[] state = deviceState.ToArray();
        bool fails = Stalls("Load") is not null || _world.GuestTrouble();
        if (!fails) _host.Loaded = state;
        _world.In(_world.Random.Between(2, 10), () => Do(() =>
            Shadow?.OnLoaded(ticket, fails ? CallOutcome.Failed("does not load") : CallOutcome.Done, Now)));
    }

    public void Run(long ticket, Generation generation)
    {
        MayCrash("Run");
        Assignment before = _host.Part!;
        // The record goes first: an agent that dies right after the VM began to run must be found running it.
        _host.BecomeOwner(generation);
        MayCrash("Owner");
        bool fails = Stalls("Run") is not null || _world.GuestTrouble();
        if (fails) _host.Part = before;
        else _world.RunShadow(_host);
        Stalls("Ran");
        MayCrash("Ran");
        _world.In(TimeSpan.FromMilliseconds(1), () => Do(() =>
        {
            Shadow?.OnRunning(ticket, fails ? CallOutcome.Failed("does not run") : CallOutcome.Done, Now);
            if (!fails) Promoted();
        }));
    }

    private void Step(Action action)
    {
        _inStep = true;
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
        finally
        {
            _inStep = false;
        }

        _world.Check(_host);
    }

    // The world goes on while a call takes its time; this agent does nothing else.
    private CallOutcome? Stalls(string call)
    {
        TimeSpan begin = _world.Now;
        _world.PassStall(_host, call);
        while (StandsStill && !_ended && _world.PassTime(_standsStillUntil - _world.Now)) continue;
        if (_ended) throw new ModelCrashException(call + " that outlived its agent");
        return _world.Now - begin >= MonitorDeadline && SimWorld.IsMonitorCall(call)
            ? CallOutcome.Failed("the emulator does not answer") : null;
    }

    private void Close(string reason)
    {
        _world.Trace($"{_host.Name}: closes the connection: {reason}");
        SimConnection? connection = Connection;
        Connection = null;
        connection?.Cut();
    }

    private void Claim(FenceClaim claim, string cause)
    {
        MayCrash("ClaimFence");
        _world.Trace($"{_host.Name}: claims {claim.Expected.Next} ({cause})");
        _world.Call(_host, controller => controller.OnClaim(claim), answer => Do(() =>
        {
            Source?.OnClaimAnswered(claim.Request, answer, Now);
            Shadow?.OnClaimAnswered(claim.Request, answer, Now);
        }));
    }

    private void Schedule(TimeSpan at)
    {
        if (_ended || at >= _wakeAt) return;
        _wakeAt = at;
        _world.At(at, () =>
        {
            if (_wakeAt != at) return;
            _wakeAt = TimeSpan.MaxValue;
            Tick();
        });
    }

    private void Tick()
    {
        if (_ended || _inStep) return;
        if (StandsStill)
        {
            Schedule(_standsStillUntil);
            return;
        }

        while (!_ended && !IsBusy && _mailbox.TryDequeue(out Action? action)) Step(action);
        if (_ended || IsBusy) return;
        TimeSpan next = TimeSpan.MaxValue;
        Step(() => next = Source?.Tick(Now) ?? Shadow?.Tick(Now) ?? TimeSpan.MaxValue);
        Connection?.Deliver(_host);
        TimeSpan soonest = _world.Now + TimeSpan.FromTicks(500);
        if (_mailbox.Count > 0) Schedule(soonest);
        if (next == TimeSpan.MaxValue) return;
        TimeSpan at = _host.Clock.ToWorld(next) + TimeSpan.FromTicks(1);
        Schedule(at > soonest ? at : soonest);
    }
}
