using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Core.Tests.Placement;

/// <summary>Builds fleets in a few words and lets the planner run them until nothing changes.</summary>
internal sealed class FleetBuilder
{
    /// <summary>Wall-clock time at the fleet's time zero.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public FleetState Fleet { get; } = new();

    public List<PlannedEvent> Events { get; } = [];

    public List<FenceClaim> Claims { get; } = [];

    public DateTimeOffset UtcNow => Start + Fleet.Now + ClockSet;

    /// <summary>By how much somebody has set the wall clock meanwhile.</summary>
    public TimeSpan ClockSet { get; set; }

    /// <summary>A host that is heard; its domains are its own unless named.</summary>
    public FleetBuilder Host(
        string name, string? rack = null, string? feed = null, string? segment = null, long memory = 8 * Sizes.GiB,
        string[]? accelerators = null, int cpus = 8)
    {
        var host = new HostState(
            new HostRecord
            {
                Name = new HostId(name), KeyFingerprint = "key-" + name, Joined = Start,
                Description = new HostDescription
                {
                    Name = new HostId(name), Rack = rack ?? "r-" + name, PowerFeed = feed ?? "f-" + name,
                    NetworkSegment = segment ?? "s-" + name, PairEndpoint = name + ":7411", MemoryBytes = memory,
                    Cpus = cpus, Accelerators = accelerators ?? ["tcg"],
                },
            },
            Fleet.Now);
        Fleet.Put(host);
        host.Report(Fleet.Now, new Dictionary<VmId, VmStatus>());
        return this;
    }

    public FleetBuilder Cordon(string name, string reason = "test")
    {
        var host = Fleet.Host(new HostId(name))!;
        host.Record = host.Record with { Cordon = reason };
        return this;
    }

    /// <summary>A VM of 1 GiB on <paramref name="primary"/>, generation 1.</summary>
    public FleetBuilder Vm(
        string name, string primary, string? shadow = null, long memory = Sizes.GiB, ProtectionPolicy? policy = null)
    {
        Fleet.Put(new VmRecord
        {
            Definition = new VmDefinition { Name = new VmId(name), MemoryBytes = memory },
            Policy = policy ?? new ProtectionPolicy(),
            Ownership = new Ownership(new Generation(1), new HostId(primary), "create"),
            Shadow = shadow is null ? null : new HostId(shadow),
        });
        return this;
    }

    public VmRecord Record(string name = "v") => Fleet.Vm(new VmId(name))!;

    public FleetBuilder Change(Func<VmRecord, VmRecord> change, string name = "v")
    {
        Fleet.Put(change(Record(name)));
        return this;
    }

    /// <summary>The hosts are heard and say this of their VMs.</summary>
    public FleetBuilder Report(string host, params VmStatus[] vms)
    {
        Fleet.Host(new HostId(host))!.Report(Fleet.Now, vms.ToDictionary(static vm => vm.Vm));
        return this;
    }

    /// <summary>Time goes on while only these hosts are heard, saying what they said before.</summary>
    public FleetBuilder Pass(TimeSpan time, params string[] heard)
    {
        Fleet.AdvanceTo(Fleet.Now + time);
        foreach (string name in heard)
        {
            var host = Fleet.Host(new HostId(name))!;
            host.Report(Fleet.Now, host.Vms);
        }

        return this;
    }

    /// <summary>Lets the planner go on until nothing changes.</summary>
    public FleetBuilder Settle()
    {
        for (int step = 0; step < 100; step++)
        {
            bool changed = false;
            foreach (var vm in Fleet.Vms.ToList())
            {
                var plan = FleetPlanner.Step(Fleet, vm, UtcNow);
                if (plan.ChangesNothingOf(vm)) continue;
                changed = true;
                Events.AddRange(plan.Events);
                if (plan.Claim is { } claim) Claims.Add(claim);
                if (plan.Cordon is { } cordon) Cordon(cordon.Host.Value, cordon.Reason);
                if (plan.Gone) Fleet.Remove(vm.Name);
                else Fleet.Put(plan.Vm);
            }

            if (!changed) return this;
        }

        throw new InvalidOperationException("the plan does not settle");
    }

    public static VmStatus Primary(
        string name = "v", ulong generation = 1, GuestState guest = GuestState.Running, VmDefinition? definition = null,
        params VmActionResult[] results) => new()
        {
            Vm = new VmId(name), Role = VmRole.Primary, Generation = new Generation(generation), Guest = guest,
            Protection = ProtectionState.Protected, Reason = "epochs flow", Definition = definition, Results = results,
        };

    public static VmStatus Shadow(
        string name = "v", ulong generation = 1, ulong epoch = 7, params VmActionResult[] results) =>
        new()
        {
            Vm = new VmId(name), Role = VmRole.Shadow, Generation = new Generation(generation),
            Guest = GuestState.Standby,
            Sync = new SyncStatus { Acknowledged = new EpochNumber(epoch) }, Results = results,
        };

    public Assignment Assigned(string host, string vm = "v") =>
        Assert.Single(AssignmentPlanner.For(Fleet, new HostId(host)).Assignments, a => a.Vm.Name.Value == vm);

    public IReadOnlyList<VmId> Removed(string host) => AssignmentPlanner.For(Fleet, new HostId(host)).Removed;
}
