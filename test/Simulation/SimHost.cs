using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Swap;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>
/// A monotonic clock: begins anywhere, runs a little fast or slow. A host's goes on through everything but a reboot
/// (Linux: CLOCK_BOOTTIME), a controller's stands still while it is suspended (CLOCK_MONOTONIC).
/// </summary>
internal sealed class SimClock(SimRandom random)
{
    private readonly double _rate = 1 + ((random.Below(2001) - 1000) / 1_000_000.0 * 0.9);
    private TimeSpan _offset = random.Between(0, 100_000);

    public TimeSpan At(TimeSpan world) => _offset + (world * _rate);

    public TimeSpan ToWorld(TimeSpan local) => (local - _offset) / _rate;

    /// <summary>The host boots: its clock begins anew.</summary>
    public void Boot(TimeSpan world) => _offset = -(world * _rate);

    public void StandStill(TimeSpan time) => _offset -= time * _rate;
}

/// <summary>
/// A host: its clock, the VM's or shadow's remains, the guest's process, the guard, and an agent or none.
/// </summary>
internal sealed class SimHost(SimWorld world, string name)
{
    private int _boots;
    private int _ownerOfBoot = -1;

    public string Name => name;

    public HostId Id { get; } = new(name);

    public HostDescription Description { get; } = new()
    {
        Name = new HostId(name), Rack = name, PowerFeed = name, NetworkSegment = name, PairEndpoint = name,
        MemoryBytes = Sizes.GiB, Cpus = 8,
    };

    public SimClock Clock { get; } = new(world.Random);

    public TimeSpan LocalNow => Clock.At(world.Now);

    public bool Up { get; private set; } = true;

    public SimAgent? Agent { get; set; }

    /// <summary>Its part in the VM, as its agent has noted it durably; null: it has none.</summary>
    public Assignment? Part { get; set; }

    public VmRole Role => Part?.Role ?? VmRole.None;

    public ModelMedia Media { get; set; } = new();

    public ModelGuest? Guest { get; set; }

    /// <summary>Device state that the standby's process has loaded; null: none.</summary>
    public byte[]? Loaded { get; set; }

    /// <summary>When the guard stops the guest, on the host's clock.</summary>
    public TimeSpan? RunDeadline { get; private set; }

    /// <summary>The whole host stands still until then: agent, guard and guest; its clock goes on.</summary>
    public TimeSpan SuspendedUntil { get; private set; }

    public bool Suspended => world.Now < SuspendedUntil;

    /// <summary>The emulator answers nobody until then, its vCPUs run on.</summary>
    public TimeSpan HangsUntil { get; set; }

    /// <summary>No new connection to or from here before then.</summary>
    public TimeSpan PairCutUntil { get; set; }

    /// <summary>The controller cannot be reached from here before then.</summary>
    public TimeSpan ControllerCutUntil { get; set; }

    /// <summary>Until then some calls to its disks fail.</summary>
    public TimeSpan StorageTroubleUntil { get; set; }

    public bool Runs => Guest is { Alive: true, Running: true } && !Suspended;

    /// <summary>Whether <see cref="BecomeOwner"/> was called since the last boot.</summary>
    public bool IsOwnerOfThisBoot => _ownerOfBoot == _boots;

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

    /// <summary>
    /// The guard: stops a guest whose lease is over (one that hangs is killed), lets one run that a dead agent left
    /// paused.
    /// </summary>
    public void Guard()
    {
        if (!Up || Suspended || Guest is not { Alive: true } guest) return;
        if (RunDeadline is { } deadline && LocalNow >= deadline)
        {
            if (guest.Running) world.Trace($"{Name}: the guard stops the guest, its lease is over");
            if (guest.Running && world.Now < HangsUntil) world.KillGuest(this);
            guest.Running = false;
            guest.Held ??= new HeldMark(HeldReason.Lease, Part!.Generation, "");
        }
        else if (Agent is null && !guest.Running && guest.Held is null)
        {
            guest.Running = true;
            world.Trace($"{Name}: the guard lets the guest run on");
        }
    }

    /// <summary>
    /// The host is suspended. When it wakes the guard is taken to act before the guest's first instruction.
    /// </summary>
    public void Suspend(TimeSpan time)
    {
        if (!Up || Suspended) return;
        SuspendedUntil = world.Now + time;
        world.Trace($"{Name}: is suspended for {time.TotalMilliseconds:0} ms");
        world.At(SuspendedUntil, Guard);
        Agent?.StandStill(time + TimeSpan.FromTicks(10));
    }

    /// <summary>The agent of a process that stands still; its guard acts once it has missed its pulse.</summary>
    public void Silent(SimAgent agent)
    {
        if (Agent != agent || !agent.StandsStill || Suspended || Guest is not { Alive: true } guest) return;
        guest.ModelDisks.Break();
        bool inBarrier = !guest.Running && guest.Held is null && !(RunDeadline <= LocalNow);
        if (!inBarrier) return;
        world.Trace($"{Name}: the guard kills the agent, which stands still in a barrier");
        agent.Die();
    }

    /// <summary>The standby is about to be run: from here on the record says that this host is the primary.</summary>
    public void BecomeOwner(Generation generation)
    {
        Part = Part! with { Role = VmRole.Primary, Generation = generation, Peer = null, Action = null };
        _ownerOfBoot = _boots;
    }

    /// <summary>Power is lost.</summary>
    public void Crash()
    {
        world.Trace($"{Name}: the host goes down");
        SuspendedUntil = TimeSpan.Zero;
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
        Part = null;
        Guest = null;
        Loaded = null;
        RunDeadline = null;
        Media = new ModelMedia();
        CommittedCut = -1;
        CheckedChanges = -1;
        Refused = default;
    }
}
