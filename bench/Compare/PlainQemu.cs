using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Umbra.Bench.Guests;
using Umbra.Core.Basics;
using Umbra.Lab;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Bench.Compare;

/// <summary>The same guest in a QEMU without Umbra, on a host of the lab.</summary>
internal sealed class PlainQemu : IDisposable
{
    private const string Tap = "plain0";
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private readonly LabHost _host;
    private readonly string _directory;
    private LabProcess? _process;
    private QmpSession? _monitor;

    private PlainQemu(LabHost host, string directory) => (_host, _directory) = (host, directory);

    /// <summary>Whether its process is there.</summary>
    public bool IsAlive => _process is { HasExited: false };

    /// <summary>What QEMU said last on its standard error.</summary>
    public string LastWords => string.Join(
        " | ", File.Exists(PathOf("log")) ? File.ReadLines(PathOf("log")).TakeLast(3) : []);

    /// <summary>
    /// Starts one; <paramref name="incoming"/>: as a migration's destination. Disks are files that both sides share.
    /// </summary>
    public static async Task<PlainQemu> StartAsync(
        GuestLab lab, LabHost host, Workload workload, string disks, bool incoming, long memoryBytes)
    {
        string directory = Path.Combine(lab.Lab.Directory, "plain-" + Guid.NewGuid().ToString("N")[..6]);
        Directory.CreateDirectory(directory);
        var qemu = new PlainQemu(host, directory);
        host.Space.TryRun("ip", "tuntap", "add", Tap, "mode", "tap");
        host.Space.Ip($"link set {Tap} master {LabHost.GuestBridge} up");
        IReadOnlyList<string> command =
            [QemuVm.Program, .. qemu.Arguments(workload, disks, memoryBytes), .. incoming ? s_incoming : []];
        qemu._process = LabProcess.Start(host.Space, qemu.PathOf("log"), command);
        await Wait.UntilAsync("QEMU's monitor", () => qemu.IsAlive
            ? Task.FromResult(File.Exists(qemu.PathOf("qmp")))
            : throw new CommandException($"QEMU: {qemu.LastWords}"), s_deadline);
        QmpOutcome<QmpSession> monitor = await QmpSession.ConnectAsync(qemu.PathOf("qmp"), s_deadline);
        qemu._monitor = monitor.IsOk ? monitor.Value : throw new IOException(monitor.Description);
        return qemu;
    }

    /// <summary>Runs a command; its answer, or an <see cref="IOException"/> with QEMU's reason.</summary>
    public async Task<JsonElement> RunAsync(string command, JsonObject? arguments = null)
    {
        var call = new QmpCommand<JsonElement>(command, arguments, static answer => answer.Clone());
        QmpOutcome<JsonElement> outcome = await _monitor!.ExecuteAsync(call, s_deadline);
        return outcome.IsOk ? outcome.Value : throw new IOException($"{command}: {outcome.Description}");
    }

    /// <summary>Turns migration capabilities on.</summary>
    public async Task EnableAsync(params string[] capabilities)
    {
        JsonNode?[] all = [.. capabilities.Select(name => new JsonObject { ["capability"] = name, ["state"] = true })];
        if (all.Length > 0)
            await RunAsync("migrate-set-capabilities", new JsonObject { ["capabilities"] = new JsonArray(all) });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _monitor?.Dispose();
        if (IsAlive) _process!.Kill();
        _process?.Dispose();
        _process = null;
        _host.Space.TryRun("ip", "link", "delete", Tap);
    }

    private static readonly string[] s_incoming = ["-incoming", "defer"];

    private IEnumerable<string> Arguments(Workload workload, string disks, long memoryBytes)
    {
        GuestImage image = GuestLab.BuildImage();
        string size = memoryBytes.ToString(CultureInfo.InvariantCulture);
        return
        [
            "-name", "plain", "-machine", "pc-q35-7.2,memory-backend=mem", "-accel", "tcg", "-cpu", "qemu64",
            "-smp", "1", "-m", (memoryBytes / Sizes.MiB).ToString(CultureInfo.InvariantCulture),
            "-object", $"memory-backend-memfd,id=mem,size={size},share=on", "-nodefaults", "-display", "none",
            "-vga", "none", "-serial", "file:" + PathOf("console.log"),
            "-kernel", image.KernelPath, "-initrd", image.InitrdPath, "-append",
            $"console=ttyS0 quiet panic=5 umbra.ip={GuestImage.AddressDefault}/24 {GuestLab.OptionsOf(workload)}",
            .. Disk("disk0", disks), .. Disk("disk1", disks),
            "-netdev", $"tap,id=n0,ifname={Tap},script=no,downscript=no,vhost=off",
            "-device", "virtio-net-pci,id=nic0,netdev=n0,mac=52:54:00:77:00:32,romfile=",
            "-qmp", $"unix:{PathOf("qmp")},server=on,wait=off",
        ];
    }

    private static string[] Disk(string id, string disks) =>
    [
        "-drive", $"if=none,id={id},format=raw,cache=none,file={Path.Combine(disks, id + ".raw")}",
        "-device", $"virtio-blk-pci,drive={id}",
    ];

    private string PathOf(string name) => Path.Combine(_directory, name);
}
