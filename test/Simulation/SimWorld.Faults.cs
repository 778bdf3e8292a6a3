using Umbra.Core.Basics;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>What the guest does, and what goes wrong around it.</summary>
internal sealed partial class SimWorld
{
    private readonly TimeSpan[] _controllerCutUntil = new TimeSpan[2];
    private readonly TimeSpan[] _stalledUntil = new TimeSpan[2];
    private readonly TimeSpan[] _storageTroubleUntil = new TimeSpan[2];
    private TimeSpan _pairCutUntil;
    private TimeSpan _guestTroubleUntil;
    private SimConnection? _connection;
    private bool _hostCrashed;
    private bool _guestDied;
    private int _plugged;
    private int _actions;

    /// <summary>Calls whose failure is an outcome; all but those that the models themselves count on.</summary>
    public static bool MayFail(string call) => call is not ("ReadFile" or "Replaced" or "Resumed" or "Cleared");

    public bool GuestTrouble() => Faulty && Now < _guestTroubleUntil && Random.OneIn(3);

    public bool StorageTrouble(SimHost host) => Faulty && Now < _storageTroubleUntil[Index(host)] && Random.OneIn(6);

    public bool Stalled(SimHost host) => Faulty && Now < _stalledUntil[Index(host)];

    /// <summary>The guest writes while its session is inside a call.</summary>
    public void Race(SimHost host, string call)
    {
        if (host.Runs && call is "TakeDirty" or "TakenDirty" or "CopyPages" or "CopiedPage" or "Pause" or "Stop"
            or "Resumed")
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
        _pairCutUntil = Now;
        CrashController();
    }

    /// <summary>A new agent on a host that has none.</summary>
    public void Restart(SimHost host)
    {
        if (host.Up && host.Agent is null) _ = new SimAgent(this, host);
    }

    private int Index(SimHost host) => host == _hosts[0] ? 0 : 1;

    private bool CanReachController(SimHost host) => !Faulty || Now >= _controllerCutUntil[Index(host)];

    private void GuestStep()
    {
        In(Random.Between(2, 12), GuestStep);
        foreach (SimHost host in _hosts)
        {
            if (!host.Runs) continue;
            for (int n = Random.Below(4); n > 0; n--) Write(host.Guest!);
        }
    }

    private void Write(ModelGuest guest)
    {
        int what = Random.Below(20);
        if (what < 14)
        {
            guest.WriteWord(
                Random.OneIn(5) ? Random.Below(PageCount) : Random.Below(4), Random.Below(512), Random.Next());
        }
        else if (what < 15)
        {
            guest.ClearPage(Random.Below(PageCount));
        }
        else
        {
            int disk = Random.Below(guest.ModelDisks.All.Count);
            int sectors = guest.ModelDisks.All[disk].Value.Content.Length / 512;
            int first = Random.Below(sectors);
            int count = 1 + Random.Below(Math.Min(8, sectors - first));
            if (what == 19) guest.ModelDisks.Zero(disk, first * 512L, count * 512);
            else guest.ModelDisks.Write(disk, first * 512L, Noise(count * 512));
        }
    }

    private byte[] Noise(int bytes)
    {
        byte[] data = new byte[bytes];
        BitConverter.TryWriteBytes(data, Random.Next());
        data[^1] = (byte)Random.Next();
        return data;
    }

    private void CopyStep()
    {
        In(TimeSpan.FromMilliseconds(15), CopyStep);
        foreach (SimHost host in _hosts)
        {
            if (host.Guest is { Alive: true } guest) guest.ModelDisks.CopyStep(Sizes.Block);
        }
    }

    private void ControllerStep()
    {
        In(TimeSpan.FromMilliseconds(100), ControllerStep);
        if (Controller.Alive) Controller.Decide();
    }

    private void PlanFaults()
    {
        for (TimeSpan at = Random.Between(200, 1500); at < s_faultsEnd; at += Random.Between(50, 900)) At(at, Fault);
    }

    private void Fault()
    {
        SimHost host = _hosts[Random.Below(2)];
        switch (Random.Below(22))
        {
            case 0 or 1:
                _pairCutUntil = Now + Random.Between(0, 2500);
                Trace($"the pair is cut until {_pairCutUntil.TotalSeconds:0.000}");
                _connection?.Cut();
                break;
            case 2:
                _connection?.Cut();
                break;
            case 3:
                Trace($"nothing goes through from {host.Name} any more");
                _connection?.StallFrom(host);
                _pairCutUntil = Now + Random.Between(0, 1500);
                break;
            case 4 or 5:
                _controllerCutUntil[Index(host)] = Now + Random.Between(100, 3500);
                Trace($"{host.Name} does not reach the controller for a while");
                break;
            case 6 or 20:
                Trace($"{host.Name} is cut off");
                _controllerCutUntil[Index(host)] = _pairCutUntil = Now + Random.Between(500, 4000);
                if (Random.OneIn(2)) _connection?.Cut();
                else _connection?.StallFrom(host);
                break;
            case 7 or 8:
                Trace($"{host.Name}: the agent is killed");
                host.Agent?.Die();
                break;
            case 9:
                CrashController();
                break;
            case 10:
                CrashHost(host);
                break;
            case 11:
                KillGuest(host);
                break;
            case 12:
                _stalledUntil[Index(host)] = Now + Random.Between(50, 2500);
                break;
            case 13:
                _guestTroubleUntil = Now + Random.Between(50, 600);
                break;
            case 14:
                _storageTroubleUntil[Index(host)] = Now + Random.Between(50, 600);
                break;
            case 15:
                if (host.Runs) host.Guest!.ModelDisks.Break();
                break;
            case 16:
                Plug(host);
                break;
            case 17 or 21:
                host.Agent?.RequestSync($"sync-{_actions++}");
                break;
            default:
                string id = $"swap-{_actions++}";
                foreach (SimHost any in _hosts) any.Agent?.RequestSwap(id);
                break;
        }
    }

    private void CrashController()
    {
        if (!Controller.Alive) return;
        Controller.Crash();
        In(Random.Between(50, 2500), Controller.Restart);
    }

    private void CrashHost(SimHost host)
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

    private void KillGuest(SimHost host)
    {
        if (_guestDied || host.Guest is not { Alive: true } guest) return;
        _guestDied = true;
        guest.Alive = false;
        guest.Running = false;
        Trace($"{host.Name}: the guest's process dies");
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
        _pairCutUntil = TimeSpan.Zero;
        Controller.Restart();
        foreach (SimHost host in _hosts)
        {
            host.Boot();
            Restart(host);
        }
    }
}
