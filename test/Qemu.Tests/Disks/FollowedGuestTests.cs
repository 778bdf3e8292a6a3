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

/// <summary>Disks of a real guest that writes as fast as it can and checks what it reads.</summary>
public sealed class FollowedGuestTests
{
    private const int DiskBytes = 32 * Sizes.MiB;

    [Theory]
    [InlineData(DiskMode.Mirror)]
    [InlineData(DiskMode.Backup)]
    public async Task Every_cut_under_load_equals_the_image_and_a_dead_server_does_not_stop_the_guest(DiskMode mode)
    {
        await using var host = new TestVm();
        (QemuVm vm, HostPaths paths) = await Boot(host);
        using NbdServer server = NbdServer.Start(Path.Combine(host.Directory, "nbd"));
        using SourceDisks disks = Follow(vm, paths, server, mode);
        byte[] shadow = new byte[DiskBytes];
        await CopyAndCut(disks, vm, paths, shadow, cuts: 20);
        long written = await WritesOf(vm);
        server.DisconnectAll();
        await UntilBroken(disks, vm);
        await MirrorBed.Until(() => WritesOf(vm).Result > written + 50, "the guest writes on");
        await CopyAndCut(disks, vm, paths, shadow, cuts: 5);
        Assert.DoesNotContain("ERROR", ConsoleOf(paths), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DiskMode.Mirror)]
    [InlineData(DiskMode.Backup)]
    public async Task A_cut_around_a_servers_death_under_load_fails_or_equals_the_image(DiskMode mode)
    {
        await using var host = new TestVm();
        (QemuVm vm, HostPaths paths) = await Boot(host);
        using NbdServer server = NbdServer.Start(Path.Combine(host.Directory, "nbd"));
        using SourceDisks disks = Follow(vm, paths, server, mode);
        byte[] shadow = new byte[DiskBytes];
        CancellationToken cancel = TestContext.Current.CancellationToken;
        for (int i = 0; i < 12; i++)
        {
            long applied = await CopyAndCut(disks, vm, paths, shadow, cuts: 1);
            // In a pause's length of the stop, before it or after it: by turns.
            Task killed = Kill(server, TimeSpan.FromMilliseconds(i));
            Assert.True(disks.StopGuest().IsOk, disks.Detail);
            bool isCut = disks.Cut().Succeeded;
            byte[] image = await File.ReadAllBytesAsync(paths.Disks["d0"].Path, cancel);
            await TestVm.Ask(vm, QmpCommands.Cont);
            if (isCut && await EndOf(disks) is { } end)
            {
                LogReplay.Apply(disks.TryRead, applied, end, shadow);
                Assert.True(shadow.AsSpan().SequenceEqual(image), $"cut {i} equals the image");
            }

            await killed;
            await UntilBroken(disks, vm);
        }

        Assert.DoesNotContain("ERROR", ConsoleOf(paths), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DiskMode.Mirror)]
    [InlineData(DiskMode.Backup)]
    public async Task Restarting_again_and_again_under_load_leaves_the_vm_unharmed(DiskMode mode)
    {
        await using var host = new TestVm();
        (QemuVm vm, HostPaths paths) = await Boot(host);
        using NbdServer server = NbdServer.Start(Path.Combine(host.Directory, "nbd"));
        using SourceDisks disks = Follow(vm, paths, server, mode);
        for (int i = 0; i < 40; i++)
        {
            CallOutcome restarted = disks.Restart();
            Assert.True(restarted.Succeeded, $"{restarted.Detail}; QEMU said: {vm.LastWords}");
            if (i % 2 == 0) await UntilCopied(disks);
            if (i % 3 == 0) server.DisconnectAll();
            Assert.Equal("running", await TestVm.Ask(vm, QmpCommands.QueryStatus));
        }

        await CopyAndCut(disks, vm, paths, new byte[DiskBytes], cuts: 3);
        Assert.True(disks.Stop().Succeeded);
        Assert.Equal("running", await TestVm.Ask(vm, QmpCommands.QueryStatus));
        Assert.DoesNotContain("ERROR", ConsoleOf(paths), StringComparison.Ordinal);
    }

    private static async Task<(QemuVm Vm, HostPaths Paths)> Boot(TestVm host)
    {
        VmDefinition definition = Guest(await BuildGuest());
        QemuVm vm = await host.Start(definition, "a");
        HostPaths paths = host.Paths(definition, "a");
        await MirrorBed.Until(
            () => ConsoleOf(paths).Contains("umbra-guest: ready", StringComparison.Ordinal), "the guest is ready", 120);
        return (vm, paths);
    }

    private static SourceDisks Follow(QemuVm vm, HostPaths paths, NbdServer server, DiskMode mode)
    {
        var options = new SourceDisksOptions
        {
            Vm = TestVm.Small.Name,
            Disks =
            [
                new SourceDisk(new DiskGeometry("d0", DiskBytes), QemuNames.DiskNode("d0"), paths.Disks["d0"].Path),
            ],
            Monitor = vm.Monitor,
            Brake = vm.Brake,
            Server = server,
            LogBytesMax = 64 * Sizes.MiB,
        };
        return SourceDisks.Create(options, mode);
    }

    private static async Task Kill(NbdServer server, TimeSpan after)
    {
        await Task.Delay(after, TestContext.Current.CancellationToken);
        server.DisconnectAll();
    }

    // Without a server the next cut fails at the latest: backups write nothing in between.
    private static Task UntilBroken(SourceDisks disks, QemuVm vm) => MirrorBed.Until(
        () =>
        {
            if (disks is BackedUpDisks && disks.StopGuest().IsOk)
            {
                disks.Cut();
                TestVm.Ask(vm, QmpCommands.Cont).Wait();
            }

            return disks.State == DiskMirrorState.Broken;
        },
        "it is seen to be broken");

    // Null: the cut has failed.
    private static async Task<long?> EndOf(SourceDisks disks)
    {
        long? end = null;
        await MirrorBed.Until(
            () =>
            {
                if (disks.TryGetCutEnd(out long known)) end = known;
                return end is not null || disks.State == DiskMirrorState.Broken;
            },
            "the cut is whole or failed");
        return end;
    }

    private static Task UntilCopied(SourceDisks disks) =>
        MirrorBed.Until(() => disks.State != DiskMirrorState.Copying, "the copy is complete");

    private static async Task<long> CopyAndCut(SourceDisks disks, QemuVm vm, HostPaths paths, byte[] shadow, int cuts)
    {
        CallOutcome restarted = disks.Restart();
        Assert.True(restarted.Succeeded, $"{restarted.Detail}; QEMU said: {vm.LastWords}");
        long applied = disks.First;
        await UntilCopied(disks);
        for (int i = 0; i < cuts; i++)
        {
            long before = await WritesOf(vm);
            await MirrorBed.Until(() => WritesOf(vm).Result > before, "the guest writes");
            Assert.True(disks.StopGuest().IsOk, disks.Detail);
            CallOutcome cut = disks.Cut();
            Assert.True(cut.Succeeded, cut.Detail);
            byte[] image = await File.ReadAllBytesAsync(paths.Disks["d0"].Path);
            await TestVm.Ask(vm, QmpCommands.Cont);
            disks.AskAgain();
            CallOutcome whole = disks.Confirm(isStopped: false);
            Assert.True(whole.Succeeded, whole.Detail);
            long? end = await EndOf(disks);
            Assert.True(end is not null, disks.Detail);
            LogReplay.Apply(disks.TryRead, applied, end.Value, shadow);
            disks.Release(end.Value);
            applied = end.Value;
            Assert.True(shadow.AsSpan().SequenceEqual(image), $"cut {i} equals the image");
        }

        return applied;
    }

    private static VmDefinition Guest(string directory) => TestVm.Small with
    {
        MemoryBytes = 256 * Sizes.MiB,
        Disks = [new DiskDefinition { Id = "d0", Bytes = DiskBytes }],
        Kernel = new KernelBoot
        {
            KernelPath = Path.Combine(directory, "vmlinuz"),
            InitrdPath = Path.Combine(directory, "initrd.img"),
            CommandLine = "console=ttyS0 quiet panic=5 umbra.ram=16M umbra.rate=500 umbra.diskrate=max",
        },
    };

    private static async Task<long> WritesOf(QemuVm vm) =>
        (await TestVm.Ask(vm, QmpCommands.QueryBlockStats)).Sum(s => s.WriteOperations);

    private static string ConsoleOf(HostPaths paths)
    {
        if (!File.Exists(paths.ConsoleLog)) return "";
        using var stream = new FileStream(paths.ConsoleLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return new StreamReader(stream).ReadToEnd();
    }

    /// <summary>Directory with the guest's kernel and initial RAM disk.</summary>
    private static async Task<string> BuildGuest()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "guest", "build.sh"))) root = root.Parent;
        if (root is null) Assert.Skip("the repository with guest/build.sh is not around the test's program");
        string directory = Path.Combine(root!.FullName, ".cache", "guest");
        using Process build = Process.Start(
            new ProcessStartInfo(Path.Combine(root.FullName, "guest", "build.sh"), [directory])
            {
                RedirectStandardError = true,
            })!;
        string errors = await build.StandardError.ReadToEndAsync();
        await build.WaitForExitAsync();
        if (build.ExitCode != 0) Assert.Skip("the test guest cannot be built here: " + errors.Trim());
        return directory;
    }
}
