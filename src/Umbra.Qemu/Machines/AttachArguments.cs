using System.Globalization;
using System.Text.RegularExpressions;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Qemu.Machines;

/// <summary>What the command line of a VM that Umbra did not start says, apart from its disks and NICs.</summary>
/// <param name="Vm">
/// The definition so far: machine as written (an alias is resolved by asking QEMU), CPU, RAM, kernel, further
/// arguments.
/// </param>
/// <param name="RamFile">File behind the RAM; null when it has no path (a memfd).</param>
/// <param name="QmpSockets">Monitors that Umbra could use, in order; three are needed.</param>
/// <param name="Refusals">What stands in the way, each a sentence for people; empty when nothing does.</param>
public sealed record AttachedArguments(
    VmDefinition Vm, string? RamFile, IReadOnlyList<string> QmpSockets, IReadOnlyList<string> Refusals);

/// <summary>
/// Reads the command line of a running QEMU. Arguments whose meaning is known and that do not change what the guest
/// sees
/// are dropped or taken over; whatever is not known is refused, because a standby that differs unnoticed is worse than
/// none. Disks and NICs are not read here but observed (<see cref="QemuDevices"/>): QEMU knows them best.
/// </summary>
public sealed partial class AttachArguments
{
    /// <summary>
    /// Arguments that say nothing about the guest's hardware, or that Umbra says itself; with a value.
    /// </summary>
    private static readonly HashSet<string> s_dropped =
    [
        "-name", "-pidfile", "-D", "-msg", "-sandbox", "-runas", "-chroot", "-display", "-drive", "-blockdev",
            "-netdev",
        "-monitor", "-parallel", "-run-with",
    ];

    /// <summary>As the others, without a value.</summary>
    private static readonly HashSet<string> s_droppedSwitches =
        ["-daemonize", "-S", "-no-user-config", "-nographic", "-no-shutdown", QemuCommandLine.OnlyMigratable];

    /// <summary>Arguments that the standby needs as well, as they are.</summary>
    private static readonly HashSet<string> s_kept =
        ["-rtc", "-global", "-boot", "-smbios", "-overcommit", "-smp", "-fw_cfg", "-action"];

    private static readonly HashSet<string> s_keptSwitches = ["-no-reboot", "-no-hpet", "-no-acpi"];

    private static readonly HashSet<string> s_keptDevices =
    [
        "pcie-root-port", "pcie-pci-bridge", "virtio-rng-pci", "virtio-balloon-pci", "i6300esb", "pvpanic",
        "virtio-blk-pci", "virtio-blk-pci-non-transitional", "virtio-net-pci", "virtio-net-pci-non-transitional",
    ];

    private static readonly HashSet<string> s_keptObjects = ["iothread", "rng-random", "rng-builtin"];

    private readonly List<string> _extra = [];
    private readonly List<string> _refusals = [];
    private readonly Dictionary<string, QemuOptions> _chardevs = new(StringComparer.Ordinal);
    /// <summary>Monitors of a VM: the agent's, the brake's and the guard's, as a monitor serves one client.</summary>
    public const int MonitorsNeeded = 3;

    private readonly List<string> _qmpSockets = [];
    private readonly Dictionary<string, QemuOptions> _memory = new(StringComparer.Ordinal);
    private string _name = "";
    private string _machine = "";
    private string _memoryId = "";
    private string _accelerator = "tcg";
    private string _cpu = "";
    private long _memoryBytes;
    private int _cpus = 1;
    private int _serials;
    private bool _noDefaults;
    private string? _uuid;
    private string? _kernel;
    private string? _initrd;
    private string _append = "";

    private AttachArguments()
    {
    }

    /// <summary>Reads <paramref name="argv"/>, the program first.</summary>
    public static AttachedArguments Parse(IReadOnlyList<string> argv)
    {
        var reading = new AttachArguments();
        // Monitors name character devices that may come later: those first.
        reading.Walk(argv, (option, value) => reading.ReadChardev(option, value));
        reading.Walk(argv, reading.Read);
        return reading.Result();
    }

    private delegate bool Reader(string option, string? value);

    /// <summary>
    /// Gives every option with the argument after it; the reader says whether it took that as its value.
    /// </summary>
    private void Walk(IReadOnlyList<string> argv, Reader read)
    {
        for (int i = 1; i < argv.Count; i++)
        {
            string option = argv[i].StartsWith("--", StringComparison.Ordinal) ? argv[i][1..] : argv[i];
            if (read(option, i + 1 < argv.Count ? argv[i + 1] : null)) i++;
        }
    }

    private bool ReadChardev(string option, string? value)
    {
        if (option != "-chardev" || value is null || QemuOptions.Parse(value) is not { } chardev) return false;
        if (chardev["id"] is { } id) _chardevs[id] = chardev;
        return true;
    }

    private bool Read(string option, string? value)
    {
        if (s_droppedSwitches.Contains(option)) return false;
        if (s_keptSwitches.Contains(option))
        {
            _extra.Add(option);
            return false;
        }

        switch (option)
        {
            case "-nodefaults":
                _noDefaults = true;
                return false;
            case "-enable-kvm":
                _accelerator = "kvm";
                return false;
            case "-mem-prealloc":
                return false;
        }

        if (value is null)
        {
            _refusals.Add($"argument {option} is not understood");
            return false;
        }

        ReadValue(option, value);
        return true;
    }

    private void ReadValue(string option, string value)
    {
        if (option == "-name") _name = QemuOptions.Parse(value) is { } name ? name["guest"] ?? name[""] ?? "" : "";
        if (option == "-smp") ReadCpus(value);
        if (option == "-drive" && value.Contains("pflash", StringComparison.Ordinal))
            _refusals.Add("UEFI flash (-drive if=pflash) is RAM that is not shared: boot by BIOS or by kernel");
        if (option == "-netdev") ReadNetdev(value);
        if (s_dropped.Contains(option) || option is "-chardev") return;
        if (s_kept.Contains(option))
        {
            _extra.AddRange([option, value]);
            return;
        }

        switch (option)
        {
            case "-machine" or "-M":
                ReadMachine(value);
                break;
            case "-accel":
                _accelerator = value.Split(',')[0];
                break;
            case "-cpu":
                _cpu = value;
                break;
            case "-m":
                ReadMemory(value);
                break;
            case "-object":
                ReadObject(value);
                break;
            case "-device":
                ReadDevice(value);
                break;
            case "-serial":
                AddSerial(new QemuOptions());
                break;
            case "-vga":
                if (value != "none") _refusals.Add(
                    $"graphics card (-vga {value}): its memory is not shared. Use -vga none");
                break;
            case "-qmp" or "-mon":
                ReadMonitor(option, value);
                break;
            case "-uuid":
                _uuid = value;
                break;
            case "-kernel":
                _kernel = value;
                break;
            case "-initrd":
                _initrd = value;
                break;
            case "-append":
                _append = value;
                break;
            default:
                _refusals.Add($"argument {option} {value} is not understood: whether a standby needs it is not known");
                break;
        }
    }

    private void ReadNetdev(string value)
    {
        if (QemuOptions.Parse(value) is not { } netdev) return;
        if (netdev.Kind == "vhost-user") _refusals.Add(ProtectionChecks.WhyDriverIsRefused("vhost-user-net")!);
        if (netdev.IsOn("vhost") || netdev.IsOn("vhostforce")) _refusals.Add(ProtectionChecks.WhyVhostIsRefused);
    }

    private void ReadMachine(string value)
    {
        if (QemuOptions.Parse(value) is not { } machine)
        {
            _refusals.Add($"argument -machine {value} is not understood");
            return;
        }

        _machine = machine[""] ?? machine["type"] ?? _machine;
        _memoryId = machine["memory-backend"] ?? _memoryId;
        if (machine["accel"] is { } accelerator) _accelerator = accelerator.Split(':')[0];
        machine.Remove("", "type", "memory-backend", "accel", "usb", "dump-guest-core", "graphics");
        if (!machine.IsEmpty) _extra.AddRange(["-machine", machine.ToString()]);
    }

    private void ReadCpus(string value)
    {
        if (QemuOptions.Parse(value) is not { } smp || !int.TryParse(smp[""] ?? smp["cpus"], out _cpus))
            _refusals.Add($"-smp {value}: the number of vCPUs is not explicit");
        else if (smp["maxcpus"] is { } max && max != (smp[""] ?? smp["cpus"]))
            _refusals.Add($"-smp {value}: vCPU hot-plug (maxcpus) cannot be followed by a standby");
    }

    private void ReadMemory(string value)
    {
        QemuOptions? memory = QemuOptions.Parse(value);
        if (memory?["maxmem"] is not null)
            _refusals.Add($"-m {value}: RAM hot-plug (maxmem) cannot be followed by a standby");
        string size = memory?["size"] ?? memory?[""] ?? "";
        _memoryBytes = BytesOf(size, defaultUnit: Sizes.MiB);
        if (_memoryBytes <= 0) _refusals.Add($"-m {value}: the size is not understood");
    }

    private void ReadObject(string value)
    {
        QemuOptions? thing = QemuOptions.Parse(value);
        string kind = thing?.Kind ?? "";
        if (thing is not null && kind is "memory-backend-file" or "memory-backend-memfd")
        {
            _memory[thing!["id"] ?? ""] = thing;
            if (!thing.IsOn("share"))
                _refusals.Add($"RAM {thing["id"]} is not shared: start the VM with share=on on its {kind}");
        }
        else if (s_keptObjects.Contains(kind))
            _extra.AddRange(["-object", thing!.ToString()]);
        else if (kind == "memory-backend-ram")
            _refusals.Add("RAM is private memory (memory-backend-ram): use memory-backend-file with share=on");
        else
            _refusals.Add($"object {kind} is not understood");
    }

    private void ReadDevice(string value)
    {
        QemuOptions? device = QemuOptions.Parse(value);
        string kind = device?.Kind ?? "";
        if (device is not null && kind == "isa-serial")
            AddSerial(device);
        else if (device is null || !s_keptDevices.Contains(kind))
            _refusals.Add(RefusalOf(kind));
        else
        {
            string id = device["id"] ?? "";
            if (id.Length == 0 && (kind.Contains("blk", StringComparison.Ordinal)
                || kind.Contains("net", StringComparison.Ordinal)))
                _refusals.Add($"device {value} has no id: give it one (id=...)");
            if (device["drive"] is not null) device.Set("drive", QemuNames.DiskNode(id));
            if (device["netdev"] is not null) device.Set("netdev", QemuNames.Netdev(id));
            _extra.AddRange(["-device", device.ToString()]);
        }
    }

    /// <summary>The console goes to a file on every side, whatever it went to before.</summary>
    private void AddSerial(QemuOptions device)
    {
        if (++_serials > 1)
        {
            _refusals.Add("more than one serial port");
            return;
        }

        device.Remove("", "driver");
        device.Set("chardev", "console");
        _extra.AddRange(["-device", "isa-serial," + device]);
    }

    private void ReadMonitor(string option, string value)
    {
        QemuOptions? monitor = QemuOptions.Parse(value);
        if (option == "-mon" && monitor?["mode"] != "control") return;
        string? path = option == "-mon"
            ? _chardevs.GetValueOrDefault(monitor?["chardev"] ?? monitor?[""] ?? "")?["path"]
            : monitor?[""] is { } address && address.StartsWith("unix:", StringComparison.Ordinal)
                ? address[5..]
                : null;
        if (path is not null) _qmpSockets.Add(path);
    }

    private AttachedArguments Result()
    {
        if (!_noDefaults) _refusals.Add(
            "the VM has QEMU's default devices: start it with -nodefaults and name each device");
        if (_cpu.Length == 0) _refusals.Add("the CPU model is QEMU's default: name one with -cpu");
        if (_accelerator is not ("kvm" or "tcg")) _refusals.Add($"accelerator {_accelerator} is neither kvm nor tcg");
        if (_memoryId.Length == 0 || !_memory.ContainsKey(_memoryId))
        {
            _refusals.Add(
                "RAM is private memory: use -object memory-backend-memfd,id=ram0,size=...,share=on with "
                    + "-machine ...,memory-backend=ram0");
        }

        if (_qmpSockets.Count < MonitorsNeeded)
        {
            _refusals.Add(
                $"{_qmpSockets.Count} QMP sockets, three are needed (for the agent, its brake against hung disks, and "
                    + "its guard): -qmp unix:PATH,server=on,wait=off");
        }

        var vm = new VmDefinition
        {
            Name = new VmId(_name),
            Machine = _machine,
            Cpu = _cpu,
            Accelerator = _accelerator,
            Cpus = _cpus,
            MemoryBytes = _memoryBytes,
            MemoryId = _memoryId,
            Uuid = _uuid,
            Kernel = _kernel is null
                ? null
                : new KernelBoot { KernelPath = _kernel, InitrdPath = _initrd, CommandLine = _append },
            ExtraArguments = _extra,
            IsForeign = true,
        };
        return new(vm, _memory.GetValueOrDefault(_memoryId)?["mem-path"], _qmpSockets, _refusals);
    }

    private static string RefusalOf(string driver) =>
        ProtectionChecks.WhyDriverIsRefused(driver) ?? $"device {driver} is not known to be safe to mirror";

    /// <summary>QEMU's sizes: <c>512</c>, <c>512M</c>, <c>2G</c>; -1 when it is none.</summary>
    internal static long BytesOf(string text, long defaultUnit)
    {
        Match match = SizeText().Match(text);
        if (!match.Success || !long.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out long number))
            return -1;
        long unit = match.Groups[2].Value.ToUpperInvariant() switch
        {
            "" => defaultUnit,
            "B" => 1,
            "K" => Sizes.KiB,
            "M" => Sizes.MiB,
            "G" => Sizes.GiB,
            _ => 1024 * Sizes.GiB,
        };
        return number > long.MaxValue / unit ? -1 : number * unit;
    }

    [GeneratedRegex(@"\A([0-9]{1,15})([bBkKmMgGtT]?)\z")]
    private static partial Regex SizeText();
}
