using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>What goes wrong.</summary>
internal sealed partial class SimWorld
{
    // While there are faults, a call takes its time once in so many.
    private const int SlowCallOneIn = 2500;

    // A guest dies just after it began to run on another host, once in so many.
    private const int DiesYoungOneIn = 5;

    // Calls that take their time while others do: the inner one ends first.
    private const int StallDepthMax = 3;

    // A device state shows only as it is read, with the guest running again, that it is of no use: once in so many.
    private const int StateUselessOneIn = 60;

    private static readonly TimeSpan s_callLost = TimeSpan.FromMilliseconds(700);

    private TimeSpan _guestTroubleUntil;
    private TimeSpan _controllerStillUntil;
    private SimConnection? _connection;
    private bool _hostCrashed;
    private bool _guestDied;
    private int _plugged;
    private int _actions;
    private int _stalls;

    /// <summary>By how much the wall clock was set.</summary>
    public TimeSpan WallClockSet { get; private set; }

    /// <summary>Calls whose failure is an outcome; all but those that the models themselves count on.</summary>
    public static bool MayFail(string call) => call is not ("ReadFile" or "Replaced" or "Resumed" or "Cleared");

    /// <summary>Calls into the emulator's monitor: they hang with it, and have a deadline.</summary>
    public static bool IsMonitorCall(string call) => call is "Pause" or "Paused" or "Stop" or "Stopped" or "Resume"
        or "Resumed" or "SaveDeviceState" or "TakeDeviceState" or "Disks.Cut" or "Disks.Restart" or "Load" or "Run"
        or "Ran";

    /// <summary>
    /// Messages that stand on their own when they come twice or late. The two that do not are answers without an
    /// identity; that they come once and in order is TLS's promise alone.
    /// </summary>
    public static bool MayBeDisordered(PairMessage message) => message is not (ShadowHello or HashReply);

    public bool GuestTrouble() => Faulty && Now < _guestTroubleUntil && Random.OneIn(3);

    public bool IsStateUseless(string call) =>
        Faulty && call == "TakeDeviceState" && Random.OneIn(StateUselessOneIn);

    public bool StorageTrouble(SimHost host) => Faulty && Now < host.StorageTroubleUntil && Random.OneIn(6);

    /// <summary>How long something takes that takes <paramref name="time"/> when all is well.</summary>
    public TimeSpan Slow(TimeSpan time) => Faulty && Random.OneIn(20) ? time + Random.Between(100, 4000) : time;

    /// <summary>Lets the time pass that a call on <paramref name="host"/> takes.</summary>
    public void PassStall(SimHost host, string call)
    {
        bool monitor = IsMonitorCall(call);
        if (!monitor && call is not ("TakeDirty" or "CopyPages" or "MarkHeld" or "Marked" or "ClearHeld" or "FlushDisk"
            or "FlushFile" or "FlushMetadata" or "MetadataFlushed" or "ReplaceFile" or "Replaced")) return;
        TimeSpan time = TimeSpan.Zero;
        if (Faulty && Random.OneIn(SlowCallOneIn)) time = Random.Between(50, 3000);
        if (monitor && time > TimeSpan.Zero) host.HangsUntil = Now + time;
        if (monitor && host.HangsUntil > Now) time = host.HangsUntil - Now;
        if (time == TimeSpan.Zero) return;
        Trace($"{host.Name}: {call} takes {time.TotalMilliseconds:0} ms");
        PassTime(time);

        // Writes that wait for a mirror whose server waits for the emulator: the brake lets them go.
        if (call is "Stop" or "Pause" && host.Guest is { Alive: true } guest && Random.OneIn(3))
            guest.ModelDisks.Break();
    }

    /// <summary>
    /// The world goes on for <paramref name="time"/>; false: too many calls take their time already, and this one does
    /// not.
    /// </summary>
    public bool PassTime(TimeSpan time)
    {
        if (_stalls == StallDepthMax) return false;
        _stalls++;
        TimeSpan until = Now + time;
        At(until, static () => { });
        Advance(() => Now >= until);
        _stalls--;
        return true;
    }

    /// <summary>The guest writes while its session is inside a call.</summary>
    public void Race(SimHost host, string call)
    {
        if (host.Runs && call is "TakeDirty" or "TakenDirty" or "CopyPages" or "CopiedPage" or "Pause" or "Stop"
            or "Resumed" or "TakeDeviceState" or "Disks.ReadOwed" or "Disks.OwedRead")
        {
            if (host.Runs && Random.OneIn(3)) Write(host.Guest!);
        }
    }

    /// <summary>
    /// A shadow has just consented: a good moment for the primary to come back, and the controller to go.
    /// </summary>
    public void Consented()
    {
        if (!Faulty || !Random.OneIn(3)) return;
        foreach (SimHost host in _hosts) host.PairCutUntil = Now;
        CrashController();
    }

    /// <summary>A new agent on a host that has none.</summary>
    public void Restart(SimHost host)
    {
        if (host.Up && host.Agent is null) _ = new SimAgent(this, host);
    }

    /// <summary>The guest's process dies, at most one in a run.</summary>
    public void KillGuest(SimHost host)
    {
        if (_guestDied || host.Guest is not { Alive: true } guest) return;
        _guestDied = true;
        guest.Alive = false;
        guest.Running = false;
        Trace($"{host.Name}: the guest's process dies");
        host.Agent?.GuestDied();
    }

    // While the old primary hears that the VM runs here, and destroys its copy, the controller may hear that it died.
    private void MayDieYoung(SimHost host)
    {
        // The mistake that shows in this moment alone would else take many thousand seeds to find for certain.
        int oneIn = Bug == PlantedBug.KeeperNotAsked ? 1 : DiesYoungOneIn;
        if (Faulty && Random.OneIn(oneIn)) In(Random.Between(0, 60), () => KillGuest(host));
    }

    private bool ReachesController(SimHost host) =>
        Controller.Alive && !(Faulty && Now < host.ControllerCutUntil);

    private void Reach<T>(TimeSpan at, Func<SimController, T> serve, Action<T?> answered) where T : class =>
        At(at, () =>
        {
            if (Now < _controllerStillUntil) Reach(_controllerStillUntil, serve, answered);
            else answered(Controller.Alive ? serve(Controller) : null);
        });

    private void ControllerStep()
    {
        In(TimeSpan.FromMilliseconds(100), ControllerStep);
        if (Controller.Alive && Now >= _controllerStillUntil) Controller.Tick();
    }

    private void PlanFaults()
    {
        for (TimeSpan at = Random.Between(200, 1500); at < s_faultsEnd; at += Random.Between(50, 900)) At(at, Fault);
    }

    // Mostly on a host that has a part in the VM.
    private SimHost Victim()
    {
        SimHost host = _hosts[Random.Below(_hosts.Length)];
        return host.Role == VmRole.None ? _hosts[Random.Below(_hosts.Length)] : host;
    }

    private void Fault()
    {
        if (!Faulty) return;
        SimHost host = Victim();
        int what = Random.Below(30);
        if (what < 8) CutSomething(host, what);
        else if (what < 18) StopSomething(host, what);
        else BreakOrAsk(host, what);
    }

    private void CutSomething(SimHost host, int what)
    {
        switch (what)
        {
            case 0 or 1:
                host.PairCutUntil = Now + Random.Between(0, 2500);
                Trace($"{host.Name} is cut from the other hosts until {host.PairCutUntil.TotalSeconds:0.000}");
                _connection?.Cut();
                break;
            case 2:
                _connection?.Cut();
                break;
            case 3:
                Trace($"nothing goes through from {host.Name} any more");
                _connection?.StallFrom(host);
                host.PairCutUntil = Now + Random.Between(0, 1500);
                break;
            case 4 or 5:
                host.ControllerCutUntil = Now + Random.Between(100, 3500);
                Trace($"{host.Name} does not reach the controller for a while");
                break;
            default:
                Trace($"{host.Name} is cut off");
                host.ControllerCutUntil = host.PairCutUntil = Now + Random.Between(500, 4000);
                if (Random.OneIn(2)) _connection?.Cut();
                else _connection?.StallFrom(host);
                break;
        }
    }

    // Processes and hosts that stand still, and clocks that jump.
    private void StopSomething(SimHost host, int what)
    {
        switch (what)
        {
            case 8 or 9 when host.Agent is { } agent:
                TimeSpan still = Random.Between(50, 4000);
                Trace($"{host.Name}: the agent stands still for {still.TotalMilliseconds:0} ms");
                agent.StandStill(still);
                In(TimeSpan.FromMilliseconds(700), () => host.Silent(agent));
                break;
            case 10 or 11:
                host.Suspend(Random.Between(100, 4000));
                break;
            case 12 or 13 or 14:
                host.HangsUntil = Now + Random.Between(100, 6000);
                Trace($"{host.Name}: the emulator hangs until {host.HangsUntil.TotalSeconds:0.000}");
                break;
            case 15:
                _controllerStillUntil = Now + Random.Between(100, 3000);
                if (Random.OneIn(2)) Controller.Suspended(_controllerStillUntil - Now);
                Trace($"the controller stands still until {_controllerStillUntil.TotalSeconds:0.000}");
                break;
            default:
                WallClockSet += Random.Between(-7_200_000, 7_200_000);
                Trace($"the wall clock is set by {WallClockSet.TotalSeconds:0} s in all");
                break;
        }
    }

    private void BreakOrAsk(SimHost host, int what)
    {
        switch (what)
        {
            case 18 or 19:
                Trace($"{host.Name}: the agent is killed");
                host.Agent?.Die();
                break;
            case 20:
                CrashController();
                break;
            case 21:
                CrashHost(host);
                break;
            case 22:
                KillGuest(host);
                break;
            case 23:
                _guestTroubleUntil = Now + Random.Between(50, 600);
                break;
            case 24:
                host.StorageTroubleUntil = Now + Random.Between(50, 600);
                break;
            case 25:
                if (host.Runs) host.Guest!.ModelDisks.Break();
                break;
            case 26:
                Plug(host);
                break;
            case 27:
                Controller.Ask(VmActionKind.Sync, $"sync-{_actions++}");
                break;
            default:
                Controller.Ask(VmActionKind.Swap, $"swap-{_actions++}");
                break;
        }
    }

    private void CrashController()
    {
        if (!Controller.Alive) return;
        Controller.Crash();
        In(Random.Between(50, 2500), Controller.Restart);
    }

    /// <summary>A host's power is lost for a while, once in a run at most.</summary>
    public void CrashHost(SimHost host)
    {
        if (_hostCrashed) return;
        _hostCrashed = true;
        host.Crash();
        In(Random.Between(200, 2500), () =>
        {
            host.Boot();
            Restart(host);
        });
    }

    private void Plug(SimHost host)
    {
        if (!host.Runs || _plugged > 0) return;
        string id = "disk" + (2 + _plugged++);
        ModelGuest guest = host.Guest!;
        if (!host.Media.Disks.TryGetValue(id, out ModelDisk? disk))
            host.Media.Disks.Add(id, disk = new ModelDisk(8192));
        guest.ModelDisks.Plug(id, disk);
        guest.Configuration = ModelGuest.ConfigurationOf(2 + _plugged, guest.ModelDisks.All.Select(d => d.Key));
        Trace($"{host.Name}: {id} is plugged");
        host.Agent?.ConfigurationChanged();
    }

    private void Heal()
    {
        Trace("nothing goes wrong any more");
        Faulty = false;
        Controller.Uncordon();
        Controller.Restart();
        foreach (SimHost host in _hosts)
        {
            host.PairCutUntil = host.HangsUntil = TimeSpan.Zero;
            host.Boot();
            Restart(host);
        }
    }
}
