using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Qemu.Machines;

/// <summary>
/// The command line of a VM that can be protected: everything the guest sees is pinned and explicit, so that a QEMU of
/// another host, or another version, offers the very same hardware. <see cref="DefinitionChecks"/> comes first.
/// </summary>
public static class QemuCommandLine
{
    /// <summary>Arguments (without the program) for this VM with this host's paths.</summary>
    public static IReadOnlyList<string> Build(VmDefinition definition, HostPaths paths, QemuRole role)
    {
        VmDefinition vm = PciLayout.Assign(definition) ?? definition;
        Invariant.Holds(DefinitionChecks.Check(definition).Count == 0, "a definition that was checked");
        var arguments = new List<string>();
        AddMachine(arguments, vm, paths);
        arguments.AddRange(["-chardev", $"file,id=console,path={Escape(paths.ConsoleLog)},append=on"]);
        if (!vm.IsForeign) AddFixedDevices(arguments);
        arguments.AddRange(vm.ExtraArguments);
        foreach (DiskDefinition disk in vm.Disks) AddDisk(arguments, vm, disk, paths.Disks[disk.Id]);
        foreach (NicDefinition nic in vm.Nics) AddNic(arguments, vm, nic, paths.Taps[nic.Id]);
        AddKernel(arguments, vm);
        AddMonitor(arguments, "qmp", paths.QmpSocket);
        AddMonitor(arguments, "brake", paths.BrakeSocket);
        if (paths.GuardSocket is not null) AddMonitor(arguments, "guard", paths.GuardSocket);
        arguments.AddRange(["-pidfile", paths.PidFile]);
        if (role == QemuRole.Standby) arguments.AddRange(["-S", "-incoming", "defer"]);
        return arguments;
    }

    /// <summary>Has QEMU refuse every device whose state it cannot save.</summary>
    internal const string OnlyMigratable = "-only-migratable";

    /// <summary>Ids of the devices that Umbra gives every VM that it starts itself.</summary>
    internal static IReadOnlyList<string> FixedDeviceIds { get; } =
        ["serial0", .. Enumerable.Range(0, PciLayout.HotPlugPorts).Select(PciLayout.Port)];

    /// <summary>A comma inside a value of QEMU's <c>a=b,c=d</c> lists is written twice.</summary>
    public static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    /// <summary>Options of a disk's block node, for the command line and <c>blockdev-add</c>.</summary>
    internal static IEnumerable<(string Name, string Value)> DiskNodeOptions(string diskId, ImageFile file) =>
    [
        ("driver", file.Format),
        ("node-name", QemuNames.DiskNode(diskId)),
        ("cache.direct", file.Direct ? "on" : "off"),
        ("file.driver", "file"),
        ("file.filename", file.Path),
        ("file.cache.direct", file.Direct ? "on" : "off"),
    ];

    /// <summary>Properties of a disk's device, for the command line and <c>device_add</c>.</summary>
    internal static IEnumerable<(string Name, string Value)> DiskDevice(VmDefinition vm, DiskDefinition disk)
    {
        yield return ("driver", "virtio-blk-pci");
        yield return ("id", disk.Id);
        yield return ("drive", QemuNames.DiskNode(disk.Id));
        yield return ("bus", disk.Bus ?? PciLayout.RootBus(vm.Machine));
        yield return ("addr", disk.Bus is null ? disk.Address! : disk.Address ?? PciLayout.PortAddress);
    }

    /// <summary>Options of a NIC's back end, for the command line and <c>netdev_add</c>.</summary>
    internal static IEnumerable<(string Name, string Value)> NicBackend(NicDefinition nic, string tap) =>
    [
        ("type", "tap"),
        ("id", QemuNames.Netdev(nic.Id)),
        ("ifname", tap),
        ("script", "no"),
        ("downscript", "no"),
        ("vhost", "off"), // vhost writes guest RAM from the kernel, and packet filters do not see its frames
    ];

    /// <summary>Properties of a NIC's device, for the command line and <c>device_add</c>.</summary>
    internal static IEnumerable<(string Name, string Value)> NicDevice(VmDefinition vm, NicDefinition nic)
    {
        yield return ("driver", "virtio-net-pci");
        yield return ("id", nic.Id);
        yield return ("netdev", QemuNames.Netdev(nic.Id));
        yield return ("mac", nic.Mac);
        yield return ("romfile", ""); // a boot ROM is a RAM block of its own, and differs between QEMU versions
        yield return ("bus", nic.Bus ?? PciLayout.RootBus(vm.Machine));
        yield return ("addr", nic.Bus is null ? nic.Address! : nic.Address ?? PciLayout.PortAddress);
    }

    private static void AddMachine(List<string> arguments, VmDefinition vm, HostPaths paths)
    {
        long mebibytes = vm.MemoryBytes / Sizes.MiB;
        arguments.AddRange(["-name", $"guest={vm.Name},debug-threads=on"]);
        arguments.AddRange(["-machine", $"{vm.Machine},memory-backend={vm.MemoryId}"]);
        arguments.AddRange(["-accel", vm.Accelerator, "-cpu", vm.Cpu]);
        if (!vm.ExtraArguments.Contains("-smp"))
            arguments.AddRange(["-smp", $"cpus={vm.Cpus},sockets=1,cores={vm.Cpus},threads=1"]);
        arguments.AddRange(["-m", $"size={mebibytes}M"]);
        arguments.AddRange(
        [
            "-object",
            $"memory-backend-file,id={vm.MemoryId},size={mebibytes}M,mem-path={Escape(paths.RamFile)},share=on",
        ]);
        arguments.AddRange(["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"]);
        // A device that QEMU cannot save, plugged in between the question about such devices and the save, would kill
        // it: it refuses them itself.
        arguments.Add(OnlyMigratable);
        if (vm.Uuid is not null) arguments.AddRange(["-uuid", vm.Uuid]);
    }

    private static void AddFixedDevices(List<string> arguments)
    {
        arguments.AddRange(["-device", "isa-serial,id=serial0,chardev=console"]);
        for (int i = 0; i < PciLayout.HotPlugPorts; i++)
        {
            string chassis = (i + 1).ToString(CultureInfo.InvariantCulture);
            arguments.AddRange(
            [
                "-device",
                $"pcie-root-port,id={PciLayout.Port(i)},bus=pcie.0,addr={PciLayout.PortSlot(i)},"
                    + $"chassis={chassis},slot={chassis}",
            ]);
        }
    }

    private static void AddDisk(List<string> arguments, VmDefinition vm, DiskDefinition disk, ImageFile file)
    {
        arguments.AddRange(["-blockdev", Join(DiskNodeOptions(disk.Id, file))]);
        AddDevice(arguments, vm, disk.Id, DiskDevice(vm, disk));
    }

    private static void AddNic(List<string> arguments, VmDefinition vm, NicDefinition nic, string tap)
    {
        arguments.AddRange(["-netdev", Join(NicBackend(nic, tap))]);
        AddDevice(arguments, vm, nic.Id, NicDevice(vm, nic));
    }

    /// <summary>An attached VM brings its devices along, with properties of its own.</summary>
    private static void AddDevice(
        List<string> arguments, VmDefinition vm, string id, IEnumerable<(string Name, string Value)> properties)
    {
        if (!vm.ExtraArguments.Any(a => QemuOptions.Parse(a)?["id"] == id))
            arguments.AddRange(["-device", Join(properties)]);
    }

    private static void AddKernel(List<string> arguments, VmDefinition vm)
    {
        if (vm.Kernel is not { } kernel) return;
        arguments.AddRange(["-kernel", kernel.KernelPath]);
        if (kernel.InitrdPath is not null) arguments.AddRange(["-initrd", kernel.InitrdPath]);
        if (kernel.CommandLine.Length > 0) arguments.AddRange(["-append", kernel.CommandLine]);
    }

    private static void AddMonitor(List<string> arguments, string id, string socket)
    {
        arguments.AddRange(["-chardev", $"socket,id={id},path={Escape(socket)},server=on,wait=off"]);
        arguments.AddRange(["-mon", $"chardev={id},mode=control"]);
    }

    private static string Join(IEnumerable<(string Name, string Value)> options) =>
        string.Join(',', options.Select(o => $"{o.Name}={Escape(o.Value)}"));
}
