using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;

namespace Umbra.Demo;

/// <summary>What the demos have in common: a guest that is made, seeded, watched from outside and checked.</summary>
public abstract class DemoSteps(FleetLab lab, DemoOptions options, Timeline timeline, DemoReport report)
{
    /// <summary>The VM's name.</summary>
    protected const string Name = "demo";

    /// <summary>The VM.</summary>
    protected static readonly VmId Vm = new(Name);

    /// <summary>How long one step may take.</summary>
    protected static readonly TimeSpan StepLimit = TimeSpan.FromSeconds(60);

    private long _lastEvent;

    /// <summary>The lab.</summary>
    protected FleetLab Lab => lab;

    /// <summary>What was asked for.</summary>
    protected DemoOptions Options => options;

    /// <summary>Where it is shown.</summary>
    protected Timeline Timeline => timeline;

    /// <summary>What is measured.</summary>
    protected DemoReport Report => report;

    /// <summary>The controller's API.</summary>
    protected FleetClient Fleet { get; private set; } = null!;

    /// <summary>The guest's commands.</summary>
    protected GuestConsole Guest { get; private set; } = null!;

    /// <summary>Runs all steps; whatever could not be done shows in the report.</summary>
    public abstract Task RunAsync();

    /// <summary>Starts the fleet.</summary>
    protected async Task StartAsync()
    {
        Timeline.Say($"three hosts in racks, feeds and segments of their own (simulated; lab {Lab.Id})");
        Fleet = await Lab.StartFleetAsync(StepLimit);
        Timeline.Say("controller and agents are up");
    }

    /// <summary>Creates the guest.</summary>
    protected async Task CreateAsync()
    {
        VmDefinition vm = GuestImage.Build().Define(Name);
        DiskDefinition disk = vm.Disks[0];
        NicDefinition nic = vm.Nics[0];
        await Lab.UmbraAsync(
            "vm", "create", Name, "--memory", Size(vm.MemoryBytes), "--disk", $"size={Size(disk.Bytes)},id={disk.Id}",
            "--nic", $"bridge={nic.Bridge},mac={nic.Mac},id={nic.Id}", "--kernel", vm.Kernel!.KernelPath,
            "--initrd", vm.Kernel.InitrdPath!, "--append", vm.Kernel.CommandLine, "--interval",
            string.Create(CultureInfo.InvariantCulture, $"{Options.Interval.TotalMilliseconds}ms"));
        VmView view = await Fleet.WaitForVmAsync(Vm, "to run", vm => vm.Guest == GuestState.Running, StepLimit);
        HostDescription host = (await Fleet.FleetAsync()).Hosts.Single(h => h.Name == view.Primary).Description!;
        Report.Accelerator = view.Definition.Accelerator;
        Report.QemuVersion = host.QemuVersion.Length > 0 ? host.QemuVersion : null;
        Timeline.Say($"guest of {Size(vm.MemoryBytes)} runs on {view.Primary} ({view.Definition.Accelerator})");
    }

    /// <summary>Connects the client outside.</summary>
    protected async Task<GuestClient> ConnectAsync()
    {
        GuestClient client = await GuestClient.ConnectAsync(Lab.ClientDoor, GuestImage.AddressDefault, StepLimit);
        Guest = new GuestConsole(Lab.ClientDoor, GuestImage.AddressDefault);
        await client.WaitForLinesAsync(10, StepLimit);
        Timeline.Say("a client outside holds one TCP connection to it");
        return client;
    }

    /// <summary>Waits until the guest is protected.</summary>
    protected async Task SeedAsync()
    {
        int shown = 0;
        VmView view = await Fleet.WaitForVmAsync(Vm, "to be protected", vm =>
        {
            if (vm.Protection == ProtectionState.Protected) return true;
            int tenth = (int)((vm.PrimaryStatus?.Sync.Progress ?? 0) * 10);
            if (tenth > shown) Timeline.Note($"seeding: {tenth * 10} %, while the guest boots");
            shown = Math.Max(shown, tenth);
            return false;
        }, StepLimit);
        Report.SeedSeconds = view.PrimaryStatus!.Sync.SeedTime.TotalSeconds;
        Timeline.Say($"protected: shadow on {view.Shadow}, seeded in {Report.SeedSeconds:0.0} s");
        FailureDomains primary = Lab.Host(view.Primary).Domains;
        FailureDomains shadow = Lab.Host(view.Shadow!.Value).Domains;
        bool apart = primary.Rack != shadow.Rack && primary.PowerFeed != shadow.PowerFeed
            && primary.NetworkSegment != shadow.NetworkSegment;
        Conclude(
            "the shadow shares no rack, feed or segment with the primary", apart, $"{view.Primary}, {view.Shadow}");
    }

    /// <summary>Has the guest check itself, and looks at what the client got.</summary>
    protected async Task CheckGuestAsync(GuestClient client)
    {
        GuestStatus status = await Guest.VerifyAsync();
        Report.RamVerified = status is { RamErrors: 0, RamVerified: > 0 };
        Report.DiskVerified = status is { DiskErrors: 0, DiskVerified: > 0 };
        string found = status.FirstError.Length == 0 ? "checked, no error" : $"checked: {status.FirstError}";
        Conclude("the guest finds its memory right", Report.RamVerified, $"{status.RamVerified} pages {found}");
        Conclude("the guest finds its disk right", Report.DiskVerified, $"{status.DiskVerified} blocks {found}");
        GuestRecord record = client.Record;
        Report.TcpKept = record.IsSound;
        Conclude(
            "the client's TCP connection held", Report.TcpKept,
            record.Broken ?? record.Fault ?? $"{record.Lines} numbered lines, none missing");
    }

    /// <summary>Shows what the controller noted since the last time.</summary>
    protected async Task ShowEventsAsync()
    {
        EventPage page = await Fleet.EventsAsync(_lastEvent);
        foreach (FleetEvent one in page.Events) Timeline.Note($"event {one.Number} {one.Kind}: {one.Text}");
        _lastEvent = page.Newest;
    }

    /// <summary>States something, true or not.</summary>
    protected void Conclude(string name, bool? holds, string detail)
    {
        var check = new Check(name, holds, detail);
        Report.Checks.Add(check);
        Timeline.Show(check);
    }

    private static string Size(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / Sizes.MiB}M");
}
