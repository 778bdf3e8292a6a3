using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Qemu.Disks;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>
/// A QEMU with one disk and no guest system, how it is followed, and a shadow's disk kept as an array. The "guest"
/// writes through the disk's device by QEMU's own I/O tester, which holds QEMU's main loop for as long as the write
/// takes.
/// </summary>
internal sealed class MirrorBed : IAsyncDisposable
{
    public const int DiskBytes = 24 * Sizes.MiB;
    private readonly TestVm _host = new();
    private readonly long _logBytes;
    private readonly DiskMode _mode;
    private long _applied;

    public MirrorBed(long logBytes = 64 * Sizes.MiB, DiskMode mode = DiskMode.Mirror)
    {
        (_logBytes, _mode) = (logBytes, mode);
        Server = NbdServer.Start(Path.Combine(_host.Directory, "nbd"));
    }

    public static VmDefinition Definition { get; } =
        TestVm.Small with { Disks = [new DiskDefinition { Id = "d0", Bytes = DiskBytes }] };

    public NbdServer Server { get; }

    /// <summary>Whether the disk's image can be read from outside QEMU.</summary>
    public bool IsReadable { get; init; } = true;

    /// <summary>Whether the VM may run, as its lease would say.</summary>
    public bool MayRun { get; set; } = true;

    public string Directory => _host.Directory;

    public QemuVm Vm { get; private set; } = null!;

    public SourceDisks Disks { get; private set; } = null!;

    /// <summary>The shadow's disk: what the log, applied as far as <see cref="Apply"/> went, has made of it.</summary>
    public byte[] Shadow { get; } = new byte[DiskBytes];

    private string ImagePath => _host.Paths(Definition, "a").Disks["d0"].Path;

    /// <summary>Starts QEMU on this content; the mirror is not started.</summary>
    public async Task Start(byte[]? content = null)
    {
        string image = ImagePath;
        if (content is not null) await File.WriteAllBytesAsync(image, content);
        Vm = await _host.Start(Definition, "a");
        Disks = Follow(_mode);
    }

    /// <summary>What an agent makes of the VM's disks.</summary>
    public SourceDisks Follow(DiskMode mode)
    {
        var options = new SourceDisksOptions
        {
            Vm = Definition.Name,
            Disks =
            [
                new SourceDisk(
                    new DiskGeometry("d0", DiskBytes), QemuNames.DiskNode("d0"), IsReadable ? ImagePath : ""),
            ],
            Monitor = Vm.Monitor,
            Brake = Vm.Brake,
            Server = Server,
            LogBytesMax = _logBytes,
            MayRun = () => MayRun,
        };
        return SourceDisks.Create(options, mode);
    }

    /// <summary>Lets another agent's object take over.</summary>
    public void Replace(SourceDisks disks)
    {
        Disks.Dispose();
        Disks = disks;
        _applied = disks.First;
    }

    public void Restart()
    {
        CallOutcome outcome = Disks.Restart();
        Assert.True(outcome.Succeeded, outcome.Detail);
        _applied = Disks.First;
    }

    /// <summary>Restarts and applies what comes until the copy is complete.</summary>
    public async Task RestartAndCopy()
    {
        Restart();
        await Until(
            () =>
            {
                Apply();
                return Disks.State != DiskMirrorState.Copying;
            },
            "the copy is complete");
        Assert.True(Disks.State == DiskMirrorState.Ready, Disks.Detail);
    }

    /// <summary>The guest's I/O, in the words of qemu-io; how long it took.</summary>
    public async Task<TimeSpan> GuestIo(string command)
    {
        long start = Stopwatch.GetTimestamp();
        string output = await TestVm.Ask(
            Vm, QmpCommands.HumanMonitor($"qemu-io -d /machine/peripheral/d0/virtio-backend \"{command}\""));
        Assert.DoesNotContain("rror", output, StringComparison.Ordinal);
        Assert.DoesNotContain("failed", output, StringComparison.Ordinal);
        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Reads what is new in the log, as the replicating thread does.</summary>
    public void Apply()
    {
        long end = Disks.End;
        bool isWhole = Disks.State is DiskMirrorState.Copying or DiskMirrorState.Ready;
        if (isWhole) LogReplay.Apply(Disks.TryRead, _applied, end, Shadow);
        _applied = end;
        Disks.Release(end);
    }

    /// <summary>
    /// Has a log that was over its limit read and apply what it owes; <paramref name="between"/> is called before each
    /// piece. How many bytes were read.
    /// </summary>
    public async Task<long> CatchUp(Func<Task> between)
    {
        CallOutcome outcome = Disks.CatchUp();
        _applied = Disks.First;
        long owed = Disks.OwedBytes;
        while (outcome.Succeeded && Disks.OwedBytes > 0)
        {
            await between();
            outcome = Disks.ReadOwed();
            long end = Disks.End;
            LogReplay.Apply(Disks.TryRead, Math.Max(_applied, Disks.First), end, Shadow);
            _applied = end;
            Disks.Forgo(end);
        }

        Assert.True(outcome.Succeeded, outcome.Detail);
        return owed;
    }

    /// <summary>
    /// A barrier: stops the guest, cuts, applies and compares the shadow with the image as it was then.
    /// </summary>
    /// <param name="meanwhile">What the guest does before the cut is whole, where that comes later.</param>
    public async Task CutAndCompare(Func<Task>? meanwhile = null)
    {
        QmpOutcome<QmpNothing> stopped = Disks.StopGuest();
        Assert.True(stopped.IsOk, stopped.ToString());
        CallOutcome cut = Disks.Cut();
        Assert.True(cut.Succeeded, cut.Detail);
        byte[] image = await File.ReadAllBytesAsync(ImagePath);
        CallOutcome whole = Disks.Confirm(isStopped: true);
        Assert.True(whole.Succeeded, whole.Detail);
        if (_mode == DiskMode.Mirror) Assert.True(Disks.TryGetCutEnd(out _));
        await TestVm.Ask(Vm, QmpCommands.Cont);
        if (meanwhile is not null) await meanwhile();
        long end = 0;
        await Until(
            () =>
            {
                bool isWhole = Disks.TryGetCutEnd(out end);
                Apply();
                return isWhole;
            },
            "the cut is whole");
        Assert.Equal(Disks.End, end);
        int same = Shadow.AsSpan().CommonPrefixLength(image);
        Assert.True(same == DiskBytes, $"the shadow differs from the image at {same}");
    }

    /// <summary>The disk's job; null when there is none.</summary>
    public BlockJobInfo? Job => Vm.Monitor.Execute(QmpCommands.QueryBlockJobs, TestVm.Deadline).Value.SingleOrDefault();

    /// <summary>A disk's content of which nothing is like anything else.</summary>
    public static byte[] RandomDisk()
    {
        byte[] disk = new byte[DiskBytes];
        new Random(3).NextBytes(disk);
        return disk;
    }

    /// <summary>Another client's monitor: what it does shows on the product's only by events.</summary>
    public async Task<QmpSession> HandAsync()
    {
        QmpOutcome<QmpSession> connected = await QmpSession.ConnectAsync(
            _host.Paths(Definition, "a").GuardSocket!, TestVm.Deadline, TestContext.Current.CancellationToken);
        Assert.True(connected.IsOk, connected.ToString());
        return connected.Value;
    }

    /// <summary>Waits for what happens outside of this process.</summary>
    public static async Task Until(Func<bool> isTrue, string what, int secondsMax = 30)
    {
        long start = Stopwatch.GetTimestamp();
        while (!isTrue())
        {
            Assert.True(
                Stopwatch.GetElapsedTime(start).TotalSeconds < secondsMax, $"not within {secondsMax} s: {what}");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Disks?.Dispose();
        Server.Dispose();
        await _host.DisposeAsync();
    }
}
