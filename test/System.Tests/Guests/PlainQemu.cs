using System.Globalization;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Qemu.Machines;

namespace Umbra.System.Tests.Guests;

/// <summary>A test guest in a QEMU that a person started by hand on a host, without Umbra.</summary>
internal sealed class PlainQemu
{
    private readonly LabHost _host;
    private readonly string _directory;

    private PlainQemu(LabHost host, string directory) => (_host, _directory) = (host, directory);

    /// <summary>Its address on the guests' LAN.</summary>
    public const string Address = "10.77.0.51";

    private const long DiskBytes = 64L * Sizes.MiB;
    private const string Tap = "plain0";

    /// <summary>Its process.</summary>
    public int Process => int.Parse(File.ReadAllText(PathOf("pid")), CultureInfo.InvariantCulture);

    /// <summary>Its first monitor.</summary>
    public string Qmp => PathOf("qmp");

    /// <summary>Its second monitor.</summary>
    public string SecondQmp => PathOf("qmp2");

    /// <summary>Starts one on <paramref name="host"/>.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">Where.</param>
    /// <param name="memory">The <c>-object</c> that is its RAM, of id <c>mem</c>.</param>
    public static PlainQemu Start(FleetLab lab, LabHost host, string memory)
    {
        string directory = Path.Combine(lab.Directory, "plain-" + Guid.NewGuid().ToString("N")[..6]);
        Directory.CreateDirectory(directory);
        var plain = new PlainQemu(host, directory);
        using (FileStream disk = File.Create(plain.PathOf("disk.raw"))) disk.SetLength(DiskBytes);
        string[] tap = ["ip", "tuntap", "add", Tap, "mode", "tap"];
        plain.Run(tap);
        plain.Run("ip", "link", "set", Tap, "master", LabHost.GuestBridge, "up");
        plain.Run([.. plain.Command(GuestImage.Build(), memory)]);
        return plain;
    }

    /// <summary>Ends it, if it is still there, and removes its tap.</summary>
    public void Remove()
    {
        if (NetworkNamespace.Processes(_host.Space.Name).Contains(Process))
            ShellCommand.Run("kill", "-KILL", Process.ToString(CultureInfo.InvariantCulture));
        _host.Space.TryRun("ip", "link", "delete", Tap);
    }

    private IEnumerable<string> Command(GuestImage image, string memory) =>
    [
        QemuVm.Program, "-name", "plain", "-machine", "pc-q35-7.2,memory-backend=mem", "-accel", "tcg",
        "-cpu", "qemu64", "-smp", "1", "-m", "256M", "-object", memory, "-nodefaults",
        "-display", "none", "-vga", "none",
        "-serial", "file:" + PathOf("console.log"),
        "-kernel", image.KernelPath, "-initrd", image.InitrdPath!,
        "-append", $"console=ttyS0 quiet panic=5 umbra.ip={Address}/24",
        "-drive", $"if=none,id=d0,format=raw,cache=none,file={PathOf("disk.raw")}",
        "-device", "virtio-blk-pci,id=disk0,drive=d0",
        "-netdev", $"tap,id=n0,ifname={Tap},script=no,downscript=no,vhost=off",
        "-device", "virtio-net-pci,id=nic0,netdev=n0,mac=52:54:00:77:00:33,romfile=",
        "-qmp", $"unix:{Qmp},server=on,wait=off", "-qmp", $"unix:{SecondQmp},server=on,wait=off",
        "-qmp", $"unix:{PathOf("qmp3")},server=on,wait=off",
        "-pidfile", PathOf("pid"), "-daemonize",
    ];

    private string PathOf(string name) => Path.Combine(_directory, name);

    private void Run(params string[] command)
    {
        CommandResult result = _host.Space.TryRun(command);
        if (result.ExitCode != 0) throw new CommandException($"{string.Join(' ', command)}: {result.Error}");
    }
}
