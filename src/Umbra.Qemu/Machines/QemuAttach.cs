using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Processes;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>What Umbra learned about a VM that it did not start.</summary>
/// <param name="Definition">As a standby needs it; null when the VM is refused.</param>
/// <param name="Paths">Where the VM keeps its things on this host; null when the VM is refused.</param>
/// <param name="Identity">Its process.</param>
/// <param name="Refusals">Why it cannot be protected, each a sentence for people; empty when it can.</param>
public sealed record AttachedVm(
    VmDefinition? Definition, HostPaths? Paths, ProcessIdentity Identity, IReadOnlyList<string> Refusals);

/// <summary>
/// Reads a running QEMU, from its command line and by asking it, until it can be protected or is refused.
/// </summary>
public static class QemuAttach
{
    /// <summary>Reads the QEMU with this process id. It is not changed and not paused.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="name">Name to give the VM; null: its own (<c>-name</c>).</param>
    /// <param name="deadline">For every single question.</param>
    /// <param name="wanted">Monitors to use before all others, in this order.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<Outcome<AttachedVm>> ReadAsync(
        int pid, VmId? name, TimeSpan deadline, IReadOnlyList<string>? wanted = null,
        CancellationToken cancel = default)
    {
        Outcome<ProcessHandle> process = ProcessHandle.Open(pid);
        if (!process.IsOk) return process.Error;
        using ProcessHandle handle = process.Value;
        Outcome<IReadOnlyList<string>> commandLine = handle.CommandLine();
        if (!commandLine.IsOk) return commandLine.Error;
        AttachedArguments arguments = AttachArguments.Parse(commandLine.Value);
        AttachedVm Refused(IEnumerable<string> why) =>
            new(null, null, handle.Identity, [.. arguments.Refusals.Concat(why).Distinct(StringComparer.Ordinal)]);
        string[] sockets = [.. (wanted ?? []).Union(arguments.QmpSockets, StringComparer.Ordinal)];
        if (arguments.QmpSockets.Count < AttachArguments.MonitorsNeeded) return Refused([]);

        QmpOutcome<QmpSession> connected = await QmpSession.ConnectAsync(sockets[0], deadline, cancel);
        if (!connected.IsOk) return Refused([connected.Description]);
        using QmpSession monitor = connected.Value;
        QmpOutcome<IReadOnlyList<string>> checks = await ProtectionChecks.RunAsync(monitor, deadline, cancel);
        QmpOutcome<string> machine = await monitor.ExecuteAsync(QmpCommands.MachineType, deadline, cancel);
        QmpOutcome<ObservedDevices> devices = await QemuDevices.ObserveAsync(monitor, deadline, cancel);
        if (!checks.IsOk) return Refused([checks.Description]);
        if (!machine.IsOk) return Refused([machine.Description]);
        if (!devices.IsOk) return Refused([devices.Description]);

        VmDefinition vm = devices.Value.Update(
            arguments.Vm with
            {
                Name = name ?? arguments.Vm.Name,
                Machine = ProtectionChecks.MachineName(machine.Value),
                Revision = 0,
            },
            BridgeOfTap) with
        { Revision = 1 };
        vm = vm with { ExtraArguments = WithAddresses(vm) };
        string[] refusals =
        [
            .. arguments.Refusals, .. checks.Value, .. DefinitionChecks.Check(vm),
            .. ProtectionChecks.WhyFilesAreRefused(ProcessFiles.Targets(pid)),
            .. devices.Value.Nics.Select(ProtectionChecks.WhyNicIsRefused).OfType<string>(),
            .. devices.Value.Disks.SelectMany(ProtectionChecks.WhyDiskIsRefused),
        ];
        if (refusals.Length > 0) return Refused(refusals);
        return new AttachedVm(vm, PathsOf(arguments, sockets, devices.Value), handle.Identity, []);
    }

    /// <summary>The bridge that a tap of this network namespace hangs on; empty when on none.</summary>
    public static string BridgeOfTap(string tap)
    {
        if (tap.Length == 0 || tap.Contains('/', StringComparison.Ordinal)) return "";
        try
        {
            return Path.GetFileName(File.ResolveLinkTarget($"/sys/class/net/{tap}/master", false)?.FullName ?? "");
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>Devices that left their place to QEMU get the one they have.</summary>
    private static List<string> WithAddresses(VmDefinition vm)
    {
        var arguments = new List<string>(vm.ExtraArguments);
        for (int i = 1; i < arguments.Count; i++)
        {
            if (arguments[i - 1] != "-device" || QemuOptions.Parse(arguments[i]) is not { } device) continue;
            (string? Bus, string? Address)? place =
                vm.Disks.Where(d => d.Id == device["id"]).Select(d => ((string?, string?)?)(d.Bus, d.Address))
                    .Concat(vm.Nics.Where(n => n.Id == device["id"])
                        .Select(n => ((string?, string?)?)(n.Bus, n.Address)))
                    .FirstOrDefault();
            if (place is null) continue;
            device.Set("bus", place.Value.Bus ?? PciLayout.RootBus(vm.Machine));
            device.Set("addr", place.Value.Address!);
            arguments[i] = device.ToString();
        }

        return arguments;
    }

    /// <summary>RAM without a path (a memfd) is reached through the process.</summary>
    private static HostPaths PathsOf(AttachedArguments arguments, string[] sockets, ObservedDevices devices) => new()
    {
        RamFile = arguments.RamFile ?? "",
        QmpSocket = sockets[0],
        BrakeSocket = sockets[1],
        GuardSocket = sockets[2],
        PidFile = "",
        ConsoleLog = "",
        ErrorLog = "",
        Disks = devices.Disks.ToDictionary(
            d => d.Id, d => new ImageFile(d.Path, d.Format, d.IsDirect), StringComparer.Ordinal),
        Taps = devices.Nics.ToDictionary(n => n.Id, n => n.Tap, StringComparer.Ordinal),
    };
}
