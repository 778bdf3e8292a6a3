using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>
/// A host's clock: begins anywhere, runs a little fast or slow, goes on through everything but a reboot.
/// </summary>
internal sealed class SimClock(SimRandom random)
{
    private readonly double _rate = 1 + ((random.Below(2001) - 1000) / 1_000_000.0 * 0.9);
    private TimeSpan _offset = random.Between(0, 100_000);

    public TimeSpan At(TimeSpan world) => _offset + (world * _rate);

    public TimeSpan ToWorld(TimeSpan local) => (local - _offset) / _rate;

    /// <summary>The host boots: its clock begins anew.</summary>
    public void Boot(TimeSpan world) => _offset = -(world * _rate);
}

/// <summary>What a host has of the VM, on disk.</summary>
internal enum SimRole
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The VM's own RAM, disks and process.</summary>
    Primary,

    /// <summary>A shadow.</summary>
    Shadow,
}

/// <summary>
/// A host: its clock, the VM's or shadow's remains, the guest's process, the guard, and an agent or none.
/// </summary>
internal sealed class SimHost(SimWorld world, string name)
{
    private int _boots;

    public string Name => name;

    public HostId Id { get; } = new(name);

    public SimClock Clock { get; } = new(world.Random);

    public TimeSpan LocalNow => Clock.At(world.Now);

    public bool Up { get; private set; } = true;

    public SimAgent? Agent { get; set; }

    public SimRole Role { get; set; }

    /// <summary>Generation under which it is the primary, as its agent has noted it durably.</summary>
    public Generation Generation { get; set; }

    /// <summary>Newest epoch that it knows of as the primary.</summary>
    public EpochNumber LastEpoch { get; set; }

    public ModelMedia Media { get; set; } = new();

    public ModelGuest? Guest { get; set; }

    /// <summary>Device state that the standby's process has loaded; null: none.</summary>
    public byte[]? Loaded { get; set; }

    /// <summary>When the guard stops the guest, on the host's clock.</summary>
    public TimeSpan? RunDeadline { get; private set; }

    /// <summary>When the request was sent that made this host the owner: its first lease is dated from there.</summary>
    public TimeSpan OwnedSince { get; set; }

    public bool Runs => Guest is { Alive: true, Running: true };

    /// <summary>The newest epoch that the shadow here was seen to hold complete, and its cut; for checks.</summary>
    public long CommittedCut { get; set; } = -1;

    public long CheckedChanges { get; set; } = -1;

    /// <summary>Newest generation that the shadow here has consented to refuse.</summary>
    public Generation Refused { get; set; }

    public void SetRunDeadline(TimeSpan? deadline)
    {
        RunDeadline = deadline;
        if (deadline is { } at) world.At(Clock.ToWorld(at) + TimeSpan.FromTicks(1), Guard);
    }

    /// <summary>The guard: stops a guest whose lease is over, lets one run that a dead agent left paused.</summary>
    public void Guard()
    {
        if (!Up || Guest is not { Alive: true } guest) return;
        if (RunDeadline is { } deadline && LocalNow >= deadline)
        {
            if (guest.Running) world.Trace($"{Name}: the guard stops the guest, its lease is over");
            guest.Running = false;
            guest.Held ??= new HeldMark(HeldReason.Lease, Generation, "");
        }
        else if (Agent is null && !guest.Running && guest.Held is null)
        {
            guest.Running = true;
            world.Trace($"{Name}: the guard lets the guest run on");
        }
    }

    /// <summary>Power is lost.</summary>
    public void Crash()
    {
        world.Trace($"{Name}: the host goes down");
        Agent?.Die();
        Up = false;
        RunDeadline = null;
        Loaded = null;
        if (Guest is { } guest)
        {
            guest.Alive = false;
            guest.Running = false;
        }
    }

    /// <summary>Power is back; nothing runs yet.</summary>
    public void Boot()
    {
        if (Up) return;
        Up = true;
        Clock.Boot(world.Now);
        Media.LoseHost($"boot-{Name}-{++_boots}", () => world.Random.OneIn(2));
        world.Trace($"{Name}: the host is up again");
    }

    /// <summary>Everything of the VM is destroyed.</summary>
    public void Wipe()
    {
        Role = SimRole.None;
        Guest = null;
        Loaded = null;
        RunDeadline = null;
        Media = new ModelMedia();
        CommittedCut = -1;
        CheckedChanges = -1;
        Refused = default;
    }
}
