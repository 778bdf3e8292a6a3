using System.Globalization;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Umbra.Testing;
using Xunit;

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
    private const string PluggedTap = "plain1";

    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromSeconds(10);

    /// <summary>Its process.</summary>
    public int Process => int.Parse(File.ReadAllText(PathOf("pid")), CultureInfo.InvariantCulture);

    /// <summary>Its first monitor.</summary>
    public string Qmp => PathOf("qmp");

    /// <summary>Its second monitor.</summary>
    public string SecondQmp => PathOf("qmp2");

    /// <summary>
    /// RAM that can be protected: a memfd, where the tests' QEMU leaves it out of device states, else a file.
    /// </summary>
    public static string SharedRam(LabHost host) => TestedQemu.SavesMemfd
        ? $"memory-backend-file,id=mem,size=256M,share=on,mem-path={host.MemoryDirectory}/plain.ram"
        : "memory-backend-memfd,id=mem,size=256M,share=on";

    /// <summary>Starts one on <paramref name="host"/>.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="host">Where.</param>
    /// <param name="memory">The <c>-object</c> that is its RAM, of id <c>mem</c>.</param>
    /// <param name="more">Further arguments.</param>
    public static PlainQemu Start(FleetLab lab, LabHost host, string memory, params string[] more)
    {
        string directory = Path.Combine(lab.Directory, "plain-" + Guid.NewGuid().ToString("N")[..6]);
        Directory.CreateDirectory(directory);
        var plain = new PlainQemu(host, directory);
        using (FileStream disk = File.Create(plain.PathOf("disk.raw"))) disk.SetLength(DiskBytes);
        string[] tap = ["ip", "tuntap", "add", Tap, "mode", "tap"];
        plain.Run(tap);
        plain.Run("ip", "link", "set", Tap, "master", LabHost.GuestBridge, "up");
        plain.Run([.. plain.Command(GuestImage.Build(), memory), .. more]);
        return plain;
    }

    /// <summary>Has Umbra take it over.</summary>
    public Task<CommandResult> AttachAsync(GuestBed bed, string name, params string[] more) =>
        bed.UmbraAsync(AttachCommand(name, more));

    /// <summary>The command that takes it over.</summary>
    public string[] AttachCommand(string name, params string[] more) =>
    [
        "vm", "attach", name, "--host", _host.Name.Value,
        "--pid", Process.ToString(CultureInfo.InvariantCulture), "--qmp", Qmp, "--qmp2", SecondQmp, .. more,
    ];

    /// <summary>Plugs a disk into the running VM as its operator would: by QEMU's own monitor.</summary>
    public async Task PlugDiskAsync(string id, string port = "rp0")
    {
        string image = PathOf(id + ".raw");
        using (FileStream disk = File.Create(image)) disk.SetLength(DiskBytes);
        using QmpSession monitor = await ByHandAsync();
        await DoAsync(monitor, QmpCommands.BlockdevAdd(QmpCommands.Object(
            ("driver", "raw"), ("node-name", "node-" + id), ("cache", QmpCommands.Object(("direct", true))),
            ("file", QmpCommands.Object(
                ("driver", "file"), ("filename", image), ("cache", QmpCommands.Object(("direct", true))))))));
        await DoAsync(monitor, QmpCommands.DeviceAdd(QmpCommands.Object(
            ("driver", "virtio-blk-pci"), ("id", id), ("drive", "node-" + id), ("bus", port), ("serial", "by-hand"))));
    }

    /// <summary>Plugs something else into the running VM, by its driver alone.</summary>
    public async Task<QmpOutcome<QmpNothing>> PlugAsync(string id, string driver, string port = "rp0")
    {
        using QmpSession monitor = await ByHandAsync();
        return await monitor.ExecuteAsync(
            QmpCommands.DeviceAdd(QmpCommands.Object(("driver", driver), ("id", id), ("bus", port))), AnswerDeadline);
    }

    /// <summary>Plugs a NIC on a tap of its own into the running VM.</summary>
    public async Task PlugNicAsync(string id, string port = "rp1")
    {
        Run("ip", "tuntap", "add", PluggedTap, "mode", "tap");
        Run("ip", "link", "set", PluggedTap, "master", LabHost.GuestBridge, "up");
        using QmpSession monitor = await ByHandAsync();
        await DoAsync(monitor, QmpCommands.NetdevAdd(QmpCommands.Object(
            ("type", "tap"), ("id", "back-" + id), ("ifname", PluggedTap), ("script", "no"), ("downscript", "no"),
            ("vhost", false))));
        await DoAsync(monitor, QmpCommands.DeviceAdd(QmpCommands.Object(
            ("driver", "virtio-net-pci"), ("id", id), ("netdev", "back-" + id), ("bus", port), ("romfile", ""),
            ("mac", "52:54:00:77:00:34"))));
    }

    /// <summary>Takes a device out of the running VM; done when the guest has let it go.</summary>
    public async Task UnplugAsync(string id)
    {
        using QmpSession monitor = await ByHandAsync();
        using QmpEventWait gone = monitor.Expect(QmpEvent.DeviceDeleted, e => e.Text("device") == id);
        await DoAsync(monitor, QmpCommands.DeviceDel(id));
        QmpOutcome<QmpEvent> went = await gone.WaitAsync(GuestBed.Patience);
        Assert.True(went.IsOk, went.ToString());
    }

    /// <summary>Ends it, if it is still there, and removes its tap.</summary>
    public void Remove()
    {
        if (NetworkNamespace.Processes(_host.Space.Name).Contains(Process))
            ShellCommand.Run("kill", "-KILL", Process.ToString(CultureInfo.InvariantCulture));
        _host.Space.TryRun("ip", "link", "delete", Tap);
        _host.Space.TryRun("ip", "link", "delete", PluggedTap);
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
        "-qmp", $"unix:{PathOf("qmp3")},server=on,wait=off", "-qmp", $"unix:{PathOf("hand")},server=on,wait=off",
        "-device", "pcie-root-port,id=rp0,bus=pcie.0,addr=0x10,chassis=1,slot=1",
        "-device", "pcie-root-port,id=rp1,bus=pcie.0,addr=0x11,chassis=2,slot=2",
        "-pidfile", PathOf("pid"), "-daemonize",
    ];

    private async Task<QmpSession> ByHandAsync()
    {
        QmpOutcome<QmpSession> connected = await QmpSession.ConnectAsync(PathOf("hand"), AnswerDeadline);
        Assert.True(connected.IsOk, connected.ToString());
        return connected.Value;
    }

    private static async Task DoAsync(QmpSession monitor, QmpCommand<QmpNothing> command)
    {
        QmpOutcome<QmpNothing> done = await monitor.ExecuteAsync(command, AnswerDeadline);
        Assert.True(done.IsOk, done.ToString());
    }

    private string PathOf(string name) => Path.Combine(_directory, name);

    private void Run(params string[] command)
    {
        CommandResult result = _host.Space.TryRun(command);
        if (result.ExitCode != 0) throw new CommandException($"{string.Join(' ', command)}: {result.Error}");
    }
}
