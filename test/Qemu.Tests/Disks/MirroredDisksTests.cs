using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Policy;
using Umbra.Qemu.Disks;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>Mirroring against a real QEMU.</summary>
public sealed class MirroredDisksTests
{
    private static readonly TimeSpan s_stallMax = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Guest_writes_zeros_and_flushes_reach_the_shadow_at_every_cut()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        Assert.Equal(DiskMirrorState.Broken, bed.Disks.State);
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
        for (int i = 1; i <= 5; i++)
        {
            await bed.GuestIo($"write -P {i} {i}M 4k");
            await bed.GuestIo($"write -z {i + 6}M 100k");
            await bed.GuestIo($"aio_write -P {i} {i}03k 512");
            await bed.GuestIo("flush");
            await bed.CutAndCompare();
        }
    }

    [Fact]
    public async Task When_the_server_dies_the_guest_writes_on_and_a_restart_heals()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        bed.Server.DisconnectAll();
        Assert.True(await bed.GuestIo("write -P 7 1M 64k") < s_stallMax);
        await MirrorBed.Until(() => bed.Disks.State == DiskMirrorState.Broken, "the mirror is seen to be broken");
        Assert.Contains("error", bed.Disks.Detail, StringComparison.Ordinal);
        Assert.False(bed.Disks.Cut().Succeeded);
        await bed.GuestIo("write -P 8 2M 64k");
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_write_that_did_not_reach_the_server_fails_the_very_next_cut_though_QEMU_is_not_asked()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        using QmpSession hand = await bed.HandAsync();
        for (int i = 1; i <= 8; i++)
        {
            await bed.RestartAndCopy();
            await bed.CutAndCompare();
            bed.Server.DisconnectAll();
            // Begun and not waited for: the stop has to.
            QmpCall<string> writing = hand.Begin(QmpCommands.HumanMonitor(
                $"qemu-io -d /machine/peripheral/d0/virtio-backend \"aio_write -P {i} {i}M 64k\""));
            Assert.True(hand.Finish(writing, TestVm.Deadline).IsOk);
            Assert.True(bed.Disks.StopGuest().IsOk);
            CallOutcome cut = bed.Disks.Cut();
            Assert.False(cut.Succeeded);
            Assert.Contains("error while mirroring", cut.Detail, StringComparison.Ordinal);
            await TestVm.Ask(bed.Vm, QmpCommands.Cont);
        }

        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_mirror_that_fails_between_the_cut_and_the_question_about_it_spoils_that_cut()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
        Assert.True(bed.Disks.StopGuest().IsOk);
        Assert.True(bed.Disks.Cut().Succeeded);
        await TestVm.Ask(bed.Vm, QmpCommands.Cont);
        bed.Server.DisconnectAll();
        await bed.GuestIo("write -P 7 1M 64k");
        bed.Disks.AskAgain();
        CallOutcome whole = bed.Disks.Confirm(isStopped: false);
        Assert.False(whole.Succeeded);
        Assert.Contains("d0 is not in step", whole.Detail, StringComparison.Ordinal);
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_mirror_that_a_person_cancels_makes_no_cut_that_counts()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        using QmpSession hand = await bed.HandAsync();
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
        Assert.True(hand.Execute(QmpCommands.BlockJobCancel(DiskJobNames.Job(0), force: true), TestVm.Deadline).IsOk);
        Assert.True(bed.Disks.StopGuest().IsOk);
        bool cut = bed.Disks.Cut().Succeeded;
        await TestVm.Ask(bed.Vm, QmpCommands.Cont);
        Assert.False(cut && bed.Disks.Confirm(isStopped: false).Succeeded);
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_server_that_hangs_holds_the_guests_writes_only_until_the_next_stop_pulls_the_brake()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        using var foreign = new HungServer(bed.Directory, MirrorBed.DiskBytes);
        await MirrorBed.Until(() => foreign.Listens, "the foreign server listens");
        using var mirror = new DiskMirror(bed.Vm.Monitor, 0, QemuNames.DiskNode("d0"));
        QmpOutcome<QmpNothing> started = mirror.Start(foreign.SocketPath, "x", CopySpeed.For(64 * Sizes.MiB));
        Assert.True(started.IsOk, started.ToString());
        await MirrorBed.Until(() => mirror.State == DiskJobState.Ready, "the foreign copy is complete");
        foreign.Freeze();
        await bed.GuestIo("aio_write -P 7 1M 64k");
        long start = Stopwatch.GetTimestamp();
        QmpOutcome<QmpNothing> stopped = bed.Disks.StopGuest();
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        Assert.True(stopped.IsOk, stopped.ToString());
        Assert.InRange(took, DiskJobLimits.StallMax, s_stallMax);
        TestContext.Current.SendDiagnosticMessage($"stop with brake took {took.TotalMilliseconds:0} ms");
        Assert.Equal(1, bed.Disks.Brakes);
        Assert.Contains("stop hung", bed.Disks.Detail, StringComparison.Ordinal);
        Assert.Equal("paused", await TestVm.Ask(bed.Vm, QmpCommands.QueryStatus));
        await TestVm.Ask(bed.Vm, QmpCommands.Cont);
        await bed.GuestIo("write -P 8 2M 64k");
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_vm_whose_lease_is_over_stays_stopped_when_its_mirrors_end()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        bed.MayRun = false;
        CallOutcome ended = bed.Disks.Stop();
        Assert.False(ended.Succeeded);
        Assert.Contains("may not run", ended.Detail, StringComparison.Ordinal);
        Assert.Equal("paused", await TestVm.Ask(bed.Vm, QmpCommands.QueryStatus));
        bed.MayRun = true;
        await TestVm.Ask(bed.Vm, QmpCommands.Cont);
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_log_over_its_limit_harms_no_write_and_reads_what_it_owes()
    {
        await using var bed = new MirrorBed(logBytes: PolicyRules.DiskLogBytesMin);
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        // The copy's last piece, which may have come after all was applied.
        bed.Apply();
        for (int i = 0; i < 20; i++) Assert.True(await bed.GuestIo($"write -P {i + 1} {i}M 1M") < s_stallMax);
        Assert.Equal(DiskMirrorState.Owing, bed.Disks.State);
        Assert.Contains("limit", bed.Disks.Detail, StringComparison.Ordinal);
        await bed.GuestIo("write -P 77 22M 64k");
        Assert.False(bed.Disks.Cut().Succeeded);
        int round = 0;
        // The guest writes on: to blocks that are read already, and to others.
        long owed = await bed.CatchUp(() => bed.GuestIo($"write -P {100 + round} {round++ % 24}M 4k"));
        Assert.Equal((20 * Sizes.MiB) + (64 * Sizes.KiB), owed);
        Assert.True(round > 20, $"{round} pieces");
        await bed.CutAndCompare();
        await bed.GuestIo("write -P 5 3M 64k");
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_disk_that_cannot_be_read_from_outside_is_copied_anew_once_its_log_is_over_its_limit()
    {
        await using var bed = new MirrorBed(logBytes: PolicyRules.DiskLogBytesMin) { IsReadable = false };
        await bed.Start(new byte[MirrorBed.DiskBytes]);
        await bed.RestartAndCopy();
        for (int i = 0; i < 20; i++) await bed.GuestIo($"write -P {i + 1} {i}M 1M");
        Assert.Equal(DiskMirrorState.Broken, bed.Disks.State);
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_copy_that_fills_the_log_is_held_back_until_it_is_read()
    {
        await using var bed = new MirrorBed(logBytes: PolicyRules.DiskLogBytesMin);
        await bed.Start(MirrorBed.RandomDisk());
        bed.Restart();
        await MirrorBed.Until(() => bed.Job is { Paused: true }, "the copy is held back");
        Assert.True(bed.Disks.State == DiskMirrorState.Copying, bed.Disks.Detail);
        Assert.InRange(bed.Disks.Progress, 0.1, 0.9);
        await bed.GuestIo("write -P 9 1M 64k");
        await MirrorBed.Until(
            () =>
            {
                bed.Apply();
                return bed.Disks.State == DiskMirrorState.Ready;
            },
            "the copy goes on and is complete");
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task Another_agent_takes_over_what_its_predecessor_left()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        bed.Replace(bed.Follow(DiskMode.Mirror));
        await bed.GuestIo("write -P 5 3M 64k");
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_cut_while_the_copy_is_under_way_is_refused()
    {
        await using var bed = new MirrorBed(logBytes: PolicyRules.DiskLogBytesMin);
        await bed.Start(MirrorBed.RandomDisk());
        bed.Restart();
        CallOutcome cut = bed.Disks.Cut();
        Assert.False(cut.Succeeded);
        Assert.Contains("d0 is not in step", cut.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_stop_nothing_of_the_mirror_is_left_and_the_guest_writes_on()
    {
        await using var bed = new MirrorBed();
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        CallOutcome stopped = bed.Disks.Stop();
        Assert.True(stopped.Succeeded, stopped.Detail);
        Assert.Empty(await TestVm.Ask(bed.Vm, QmpCommands.QueryBlockJobs));
        IReadOnlyList<BlockNodeInfo> nodes = await TestVm.Ask(bed.Vm, QmpCommands.QueryNamedBlockNodes);
        Assert.DoesNotContain(nodes, n => n.NodeName.StartsWith(DiskJobNames.Prefix, StringComparison.Ordinal));
        Assert.Empty(bed.Server.Exports.Names);
        await bed.GuestIo("write -P 5 3M 64k");
        Assert.True(bed.Disks.Stop().Succeeded);
    }
}
