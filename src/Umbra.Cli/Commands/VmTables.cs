using System.Globalization;
using Spectre.Console;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary>VMs as tables.</summary>
internal static class VmTables
{
    /// <summary>One line a VM.</summary>
    public static Table List(IEnumerable<VmView> vms)
    {
        var table = Text.Table("VM", "GUEST", "PRIMARY", "SHADOW", "GEN", "PROTECTION", "LAG", "WHY");
        foreach (var vm in vms)
        {
            table.Row(
                vm.Definition.Name.Value, Text.Word(vm.Guest), vm.Primary.Value, vm.Shadow?.Value ?? "-",
                vm.Generation.ToString(), ProtectionOf(vm),
                vm.PrimaryStatus is { } status ? Text.Time(status.Sync.Lag) : "-",
                vm.Reason);
        }

        return table;
    }

    /// <summary>One line a VM: how its replication goes.</summary>
    public static Table Overview(IEnumerable<VmView> vms)
    {
        var table = Text.Table(
            "VM", "PRIMARY", "SHADOW", "PROTECTION", "INTERVAL", "LAG", "EPOCH", "RAW", "WIRE", "PAUSE", "WHY");
        foreach (var vm in vms)
        {
            var sync = vm.PrimaryStatus?.Sync ?? new SyncStatus();
            table.Row(
                vm.Definition.Name.Value, $"{vm.Primary} ({Text.Word(vm.Guest)})", vm.Shadow?.Value ?? "-",
                ProtectionOf(vm), Text.Time(sync.Interval), Text.Time(sync.Lag), sync.Acknowledged.ToString(),
                Text.Bytes(sync.RawBytes), Text.Bytes(sync.WireBytes), Text.Milliseconds(sync.Pause.MeanMs),
                vm.Reason);
        }

        return table;
    }

    /// <summary>What it is and where.</summary>
    public static Grid Show(VmView vm)
    {
        var definition = vm.Definition;
        var policy = vm.Policy;
        return Text.Facts(
        [
            ("vm", definition.Name.Value),
            ("machine", $"{definition.Machine}, cpu {definition.Cpu}, {definition.Accelerator}"),
            ("size", $"{definition.Cpus} vCPUs, {Text.Bytes(definition.MemoryBytes)}"),
            .. definition.Disks.Select(static disk => (
                $"disk {disk.Id}", $"{Text.Bytes(disk.Bytes)} {disk.Format} {disk.SourcePath}".TrimEnd())),
            .. definition.Nics.Select(static nic => ($"nic {nic.Id}", $"{nic.Mac} on {nic.Bridge}")),
            ("power", Text.Word(vm.Power) + (vm.Deleting ? ", being deleted" : "")),
            ("guest", Text.Word(vm.Guest)),
            ("primary", $"{vm.Primary}, {vm.Generation}"),
            ("shadow", vm.Shadow?.Value ?? "-"),
            ("protection", $"{ProtectionOf(vm)}: {vm.Reason}"),
            ("policy", policy.Enabled
                ? $"every {Text.Time(policy.Interval)}, at most {Text.Time(policy.IntervalMax)}"
                : "off"),
            ("takeover", policy.Takeover == TakeoverMode.Automatic
                ? $"automatic, lease {Text.Time(policy.Lease)}"
                : "manual"),
            ("kpis", KpiCommand.Summary(vm)),
            ("old copies", Text.Join(vm.Removing)),
        ]);
    }

    /// <summary>How its replication goes.</summary>
    public static Grid Status(VmView vm)
    {
        var sync = vm.PrimaryStatus?.Sync ?? new SyncStatus();
        var pause = sync.Pause;
        return Text.Facts(
            ("vm", vm.Definition.Name.Value),
            ("guest", $"{Text.Word(vm.Guest)} on {vm.Primary} ({vm.Generation}), heard {Text.Time(vm.StatusAge)} ago"),
            ("shadow", vm.Shadow?.Value ?? "-"),
            ("protection", $"{ProtectionOf(vm)}: {vm.Reason}"),
            ("interval", Text.Time(sync.Interval)),
            ("lag", Text.Time(sync.Lag)),
            ("last epoch", $"{sync.Acknowledged} acknowledged, {sync.Cut} cut, {sync.Epochs} in this session"),
            ("raw bytes", Text.Bytes(sync.RawBytes)),
            ("wire bytes", $"{Text.Bytes(sync.WireBytes)} (ratio {Text.Ratio(sync)})"),
            ("pause", $"mean {Text.Milliseconds(pause.MeanMs)}, p50 {Text.Milliseconds(pause.P50Ms)}, "
                + $"p99 {Text.Milliseconds(pause.P99Ms)} over {pause.Count} epochs"),
            ("pause phases", $"stop {Text.Milliseconds(pause.StopMs)}, "
                + $"scan and copy {Text.Milliseconds(pause.ScanCopyMs)}, "
                + $"device state {Text.Milliseconds(pause.DeviceStateMs)}, cont {Text.Milliseconds(pause.ContMs)}"),
            ("seed or resync", $"{Text.Percent(sync.Progress)} (first seed took {Text.Time(sync.SeedTime)}; "
                + $"{sync.ResyncPages} pages, {sync.ResyncBlocks} blocks by hash)"),
            ("tracker", sync.TrackerReason.Length > 0 ? $"{sync.Tracker}: {sync.TrackerReason}" : sync.Tracker),
            ("brakes", sync.Brakes.ToString(CultureInfo.InvariantCulture)),
            ("kpis", KpiCommand.Summary(vm)),
            ("action", vm.Action is { } action ? $"{Text.Word(action.Action.Kind)} since {action.Started:u}" : "none"));
    }

    private static string ProtectionOf(VmView vm)
    {
        bool copying = vm.Protection is ProtectionState.Seeding or ProtectionState.Resyncing;
        string word = Text.Word(vm.Protection);
        return copying && vm.PrimaryStatus is { } status ? $"{word} {Text.Percent(status.Sync.Progress)}" : word;
    }
}
