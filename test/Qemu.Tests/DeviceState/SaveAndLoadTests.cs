using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Api;
using Umbra.Linux.Native;
using Umbra.Qemu.DeviceState;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.DeviceState;

/// <summary>Device state taken from one real QEMU and given to another.</summary>
public sealed class SaveAndLoadTests
{
    private static readonly Lz4Compressor s_lz4 = new();
    private static readonly XxHash3 s_hash = new();

    [Fact]
    public async Task A_standby_runs_on_from_the_state_of_the_paused_primary()
    {
        await using var vms = new TestVm();
        (QemuVm primary, _, DeviceStateBlob blob) = await PausedAndSaved(vms);
        QemuVm standby = await Standby(vms, TestVm.Small);
        string registers = await Registers(primary);

        QmpOutcome<QmpNothing> loaded = Load(vms, standby, blob);

        Assert.True(loaded.IsOk, loaded.ToString());
        Assert.Equal(registers, await Registers(standby));
        Assert.True(RunControl.Resume(standby.Monitor, TestVm.Deadline).IsOk);
        Assert.Equal("running", await TestVm.Ask(standby, QmpCommands.QueryStatus));
    }

    [Fact]
    public async Task A_primary_runs_on_after_every_save_and_only_the_first_blob_has_a_prefix_once_it_is_kept()
    {
        await using var vms = new TestVm();
        QemuVm primary = await vms.Start();
        DeviceStateSaver saver = await vms.Saver(primary);
        for (int i = 0; i < 5; i++)
        {
            Assert.True(RunControl.Pause(primary.Monitor, TestVm.Deadline).IsOk);
            DeviceStateBlob blob = Save(saver);
            Assert.True(RunControl.Resume(primary.Monitor, TestVm.Deadline).IsOk);
            Assert.Equal("running", await TestVm.Ask(primary, QmpCommands.QueryStatus));
            Assert.Equal(i == 0, !blob.Prefix.IsEmpty);
            Assert.Equal(saver.PrefixHash, blob.PrefixHash);
            saver.SendPrefix = false;
        }
    }

    [Fact]
    public async Task A_state_that_is_read_when_the_primary_runs_again_is_that_of_the_pause()
    {
        await using var vms = new TestVm();
        QemuVm primary = await vms.Start("a");
        DeviceStateSaver saver = await vms.Saver(primary);
        RunControl.Pause(primary.Monitor, TestVm.Deadline);
        Save(saver);
        Assert.True(saver.Finish(TestVm.Deadline).IsOk);
        string registers = await Registers(primary);
        CopyRam(vms);
        RunControl.Resume(primary.Monitor, TestVm.Deadline);
        DeviceStateBlob blob = Take(saver);
        QemuVm standby = await Standby(vms, TestVm.Small);

        QmpOutcome<QmpNothing> loaded = LoadOverRam(vms, standby, blob);

        Assert.True(loaded.IsOk, loaded.ToString());
        Assert.Equal(registers, await Registers(standby));
    }

    [Fact]
    public async Task A_state_for_other_devices_is_refused_and_the_standby_says_why()
    {
        await using var vms = new TestVm();
        (_, _, DeviceStateBlob blob) = await PausedAndSaved(vms);
        QemuVm standby = await Standby(vms, TestVm.Small with { Disks = [] });

        QmpOutcome<QmpNothing> loaded = Load(vms, standby, blob);

        Assert.False(loaded.IsOk);
        await standby.Exited.WaitAsync(TestVm.Deadline, TestContext.Current.CancellationToken);
        Assert.Contains("virtio-blk", standby.LastWords, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hot_plugged_disk_fails_the_state_it_shows_in_and_the_next_loads_into_a_standby_that_has_it()
    {
        await using var vms = new TestVm();
        (QemuVm primary, DeviceStateSaver saver, DeviceStateBlob before) = await PausedAndSaved(vms);
        saver.SendPrefix = false;
        RunControl.Resume(primary.Monitor, TestVm.Deadline);
        VmDefinition running = PciLayout.Assign(TestVm.Small)!;
        VmDefinition plugged = PciLayout.PlaceHotPlugged(
            running, running with { Disks = [.. running.Disks, new() { Id = "d1", Bytes = 1 << 20 }] })!;
        QmpOutcome<QmpNothing> changed = await QemuDevices.ChangeAsync(
            primary.Monitor,
            running,
            plugged,
            vms.Paths(plugged, "a"),
            TestVm.Deadline,
            TestContext.Current.CancellationToken);
        Assert.True(changed.IsOk, changed.ToString());

        RunControl.Pause(primary.Monitor, TestVm.Deadline);
        Assert.True(saver.Finish(TestVm.Deadline).IsOk);
        RunControl.Resume(primary.Monitor, TestVm.Deadline);
        var none = new ArrayBufferWriter<byte>();
        Assert.False(saver.Take(none).IsOk);
        Assert.Equal(0, none.WrittenCount);
        Assert.NotEqual(before.Fingerprint, saver.Fingerprint);
        RunControl.Pause(primary.Monitor, TestVm.Deadline);
        DeviceStateBlob after = Save(saver);
        Assert.NotEqual(before.Fingerprint, after.Fingerprint);
        Assert.False(after.Prefix.IsEmpty);
        QemuVm standby = await Standby(vms, plugged);
        QmpOutcome<QmpNothing> loaded = Load(vms, standby, after);
        Assert.True(loaded.IsOk, loaded + standby.LastWords);
        Assert.True(RunControl.Resume(standby.Monitor, TestVm.Deadline).IsOk);
    }

    [Fact]
    public async Task A_standby_that_has_the_prefix_answers_takes_ram_and_loads_the_sections_that_come_later()
    {
        await using var vms = new TestVm();
        (QemuVm primary, DeviceStateSaver saver, DeviceStateBlob first) = await PausedAndSaved(vms);
        RunControl.Resume(primary.Monitor, TestVm.Deadline);
        QemuVm standby = await Standby(vms, TestVm.Small);
        using DeviceStateLoader loader = Begin(vms, standby, first);
        Assert.Equal("inmigrate", await TestVm.Ask(standby, QmpCommands.QueryStatus));
        RunControl.Pause(primary.Monitor, TestVm.Deadline);
        DeviceStateBlob later = Save(saver);
        string registers = await Registers(primary);
        CopyRam(vms);

        QmpOutcome<QmpNothing> loaded = loader.Finish(later.State, TestVm.Deadline);

        Assert.True(loaded.IsOk, loaded + standby.LastWords);
        Assert.Equal(later.PrefixHash, loader.PrefixHash);
        Assert.Equal(registers, await Registers(standby));
        Assert.True(RunControl.Resume(standby.Monitor, TestVm.Deadline).IsOk);
    }

    [Fact]
    public async Task A_standby_whose_state_ends_after_the_prefix_ends_itself()
    {
        await using var vms = new TestVm();
        (_, _, DeviceStateBlob blob) = await PausedAndSaved(vms);
        QemuVm standby = await Standby(vms, TestVm.Small);

        Begin(vms, standby, blob).Dispose();

        await standby.Exited.WaitAsync(TestVm.Deadline, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_state_that_is_cut_short_is_refused()
    {
        await using var vms = new TestVm();
        (_, _, DeviceStateBlob blob) = await PausedAndSaved(vms);
        QemuVm standby = await Standby(vms, TestVm.Small);

        using DeviceStateLoader loader = Begin(vms, standby, blob);

        Assert.False(loader.Finish(blob.State[..1000], TestVm.Deadline).IsOk);
    }

    [Fact]
    public async Task Sixty_pauses_in_a_row_succeed_and_their_times_are_printed()
    {
        await using var vms = new TestVm();
        VmDefinition vm = TestVm.Small with { MemoryBytes = 256L << 20 };
        QemuVm primary = await vms.Start(vm, "a");
        DeviceStateSaver saver = await vms.Saver(primary);
        var into = new ArrayBufferWriter<byte>(1 << 20);
        var times = new List<(double Stop, double Save, double Cont)>();
        for (int i = 0; i < 60; i++)
        {
            long start = Stopwatch.GetTimestamp();
            RunControl.Pause(primary.Monitor, TestVm.Deadline);
            double stop = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            into.ResetWrittenCount();
            Assert.True(saver.Finish(TestVm.Deadline).IsOk);
            double save = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            saver.SendPrefix = false;
            RunControl.Resume(primary.Monitor, TestVm.Deadline);
            double cont = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            Assert.True(saver.Take(into).IsOk);
            times.Add((stop, save - stop, cont - save));
        }

        Print($"stop {Median(times.Select(t => t.Stop))} save {Median(times.Select(t => t.Save))} "
            + $"cont {Median(times.Select(t => t.Cont))} ms; blob {into.WrittenCount} bytes");
    }

    [Fact]
    public async Task Twelve_loads_succeed_and_what_they_cost_the_standby_is_printed()
    {
        VmDefinition vm = TestVm.Small with
        {
            MemoryBytes = 256L << 20,
            Disks = [.. "abc".Select(static id => new DiskDefinition { Id = $"d{id}", Bytes = 1 << 20 })],
        };
        await using var vms = new TestVm();
        QemuVm primary = await vms.Start(vm, "a");
        DeviceStateSaver saver = await vms.Saver(primary);
        await UntilDevicesAreMapped(primary);
        RunControl.Pause(primary.Monitor, TestVm.Deadline);
        DeviceStateBlob blob = Save(saver);
        var costs = new List<(double Elapsed, double Cpu, double Faults)>();
        for (int i = 0; i < 12; i++)
        {
            QemuVm standby = await Standby(vms, vm);
            CopyRam(vms);
            using DeviceStateLoader loader = Begin(vms, standby, blob);
            Assert.Equal("inmigrate", await TestVm.Ask(standby, QmpCommands.QueryStatus)); // it has read the prefix
            (double cpu, double faults) = CostOf(standby);
            long start = Stopwatch.GetTimestamp();
            QmpOutcome<QmpNothing> loaded = loader.Finish(blob.State, TestVm.Deadline);
            double elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            Assert.True(loaded.IsOk, loaded + standby.LastWords);
            (double cpuAfter, double faultsAfter) = CostOf(standby);
            costs.Add((elapsed, cpuAfter - cpu, faultsAfter - faults));
            await standby.KillAsync();
        }

        Print($"load {Median(costs.Select(c => c.Elapsed))} ms, CPU {Median(costs.Select(c => c.Cpu))} ms, "
            + $"page faults {Median(costs.Select(c => c.Faults))}; sections of {blob.State.Length} bytes");
    }

    // By the firmware, as a guest has it: what a load does depends on it.
    private static async Task UntilDevicesAreMapped(QemuVm vm)
    {
        const string unmapped = "0xffffffff";
        QmpCommand<string> ask = QmpCommands.HumanMonitor("info pci");
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while ((await TestVm.Ask(vm, ask)).Contains(unmapped, StringComparison.Ordinal))
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
    }

    // Milliseconds of CPU time and page faults of QEMU's main thread, which loads.
    private static (double Cpu, double Faults) CostOf(QemuVm vm)
    {
        string thread = $"/proc/{vm.Identity.Pid}/task/{vm.Identity.Pid}";
        double nanoseconds = Number(File.ReadAllText(thread + "/schedstat").Split(' ')[0]);
        string stat = File.ReadAllText(thread + "/stat");
        return (nanoseconds / 1e6, Number(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[7]));
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static void Print(string text)
    {
        TestContext.Current.TestOutputHelper!.WriteLine(text);
        TestContext.Current.SendDiagnosticMessage(text);
    }

    private static string Median(IEnumerable<double> values) =>
        values.OrderBy(v => v).ElementAt(values.Count() / 2).ToString("0.00");

    private static async Task<(QemuVm Primary, DeviceStateSaver Saver, DeviceStateBlob Blob)> PausedAndSaved(
        TestVm vms)
    {
        QemuVm primary = await vms.Start("a");
        DeviceStateSaver saver = await vms.Saver(primary);
        RunControl.Pause(primary.Monitor, TestVm.Deadline);
        return (primary, saver, Save(saver));
    }

    private static DeviceStateBlob Save(DeviceStateSaver saver)
    {
        QmpOutcome<QmpNothing> saved = saver.Finish(TestVm.Deadline);
        Assert.True(saved.IsOk, saved.ToString());
        return Take(saver);
    }

    private static DeviceStateBlob Take(DeviceStateSaver saver)
    {
        var into = new ArrayBufferWriter<byte>();
        QmpOutcome<QmpNothing> taken = saver.Take(into);
        Assert.True(taken.IsOk, taken.ToString());
        DeviceStateBlob? blob = DeviceStateBlob.Read(into.WrittenSpan, s_lz4, s_hash, out string error);
        Assert.True(blob is not null, error);
        return blob;
    }

    private static async Task<QemuVm> Standby(TestVm vms, VmDefinition vm)
    {
        QemuVm standby = await vms.Start(vm, "b", QemuRole.Standby);
        Assert.True((await Prepare(standby)).IsOk);
        return standby;
    }

    private static Task<QmpOutcome<QmpNothing>> Prepare(QemuVm standby) => DeviceStateLoader.PrepareAsync(
        standby.Monitor, TestVm.Deadline, TestContext.Current.CancellationToken);

    private static QmpOutcome<QmpNothing> Load(TestVm vms, QemuVm standby, DeviceStateBlob blob)
    {
        CopyRam(vms);
        return LoadOverRam(vms, standby, blob);
    }

    private static QmpOutcome<QmpNothing> LoadOverRam(TestVm vms, QemuVm standby, DeviceStateBlob blob)
    {
        using DeviceStateLoader loader = Begin(vms, standby, blob);
        return loader.Finish(blob.State, TestVm.Deadline);
    }

    private static DeviceStateLoader Begin(TestVm vms, QemuVm standby, DeviceStateBlob blob)
    {
        QmpOutcome<DeviceStateLoader> begun = DeviceStateLoader.Begin(
            standby.Monitor, blob, Path.Combine(vms.Directory, "in"), TestVm.Deadline);
        Assert.True(begun.IsOk, begun + standby.LastWords);
        return begun.Value;
    }

    // As a shadow has it: devices look into RAM when they are loaded, at what the firmware has put there by then.
    private static void CopyRam(TestVm vms)
    {
        using FileStream from = File.OpenRead(vms.Paths(TestVm.Small, "a").RamFile);
        using FileStream to = File.OpenWrite(vms.Paths(TestVm.Small, "b").RamFile);
        from.CopyTo(to);
    }

    private static Task<string> Registers(QemuVm vm) => TestVm.Ask(vm, QmpCommands.HumanMonitor("info registers"));
}
