using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Policy;
using Umbra.Qemu.Disks;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>Incremental backups of a real QEMU.</summary>
public sealed class BackedUpDisksTests
{
    private static readonly TimeSpan s_stallMax = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Each_cut_is_the_disk_as_it_was_though_the_guest_writes_before_it_is_copied()
    {
        await using MirrorBed bed = NewBed();
        await bed.Start(MirrorBed.RandomDisk());
        Assert.Equal(DiskMirrorState.Broken, bed.Disks.State);
        await bed.RestartAndCopy();
        await bed.CutAndCompare(() => bed.GuestIo("write -P 99 5M 4k"));
        for (int i = 1; i <= 5; i++)
        {
            await bed.GuestIo($"write -P {i} {i}M 4k");
            await bed.GuestIo($"write -z {i + 6}M 100k");
            await bed.GuestIo($"aio_write -P {i} {i}03k 512");
            await bed.GuestIo("flush");
            await bed.CutAndCompare(() => bed.GuestIo($"write -P {i + 50} {i}M 70k"));
        }

        await bed.CutAndCompare();
    }

    [Fact]
    public async Task What_is_written_while_the_disk_is_copied_in_full_goes_with_the_first_cut()
    {
        await using MirrorBed bed = NewBed(PolicyRules.DiskLogBytesMin);
        await bed.Start(MirrorBed.RandomDisk());
        bed.Restart();
        await MirrorBed.Until(() => bed.Job is { Paused: true }, "the copy is held back");
        Assert.InRange(bed.Disks.Progress, 0.1, 0.9);
        CallOutcome early = bed.Disks.Cut();
        Assert.False(early.Succeeded);
        await bed.GuestIo("write -P 9 0 64k");
        await bed.GuestIo("write -P 9 23M 64k");
        for (int i = 1; i < 5; i++) await bed.GuestIo($"write -P {i} {i}M 1M");
        await MirrorBed.Until(
            () =>
            {
                bed.Apply();
                return bed.Disks.State == DiskMirrorState.Ready;
            },
            "the copy goes on and is complete");
        // More than the log holds: it has to be held back, and read.
        for (int i = 0; i < 20; i++) await bed.GuestIo($"write -P {i + 30} {i}M 1M");
        await bed.CutAndCompare();
        await bed.GuestIo("write -P 5 3M 64k");
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task Between_cuts_the_log_takes_nothing_and_each_block_is_copied_once()
    {
        await using MirrorBed bed = NewBed();
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
        long before = bed.Disks.End;
        for (int i = 0; i < 30; i++) await bed.GuestIo($"write -P {i} 4M 64k");
        Assert.Equal(before, bed.Disks.End);
        Assert.True(bed.Disks.StopGuest().IsOk);
        Assert.True(bed.Disks.Cut().Succeeded);
        await TestVm.Ask(bed.Vm, QmpCommands.Cont);
        long end = 0;
        await MirrorBed.Until(() => bed.Disks.TryGetCutEnd(out end), "the cut is whole");
        Assert.InRange(bed.Disks.BytesFrom(before), 64 * Sizes.KiB, 66 * Sizes.KiB);
    }

    [Fact]
    public async Task A_server_that_dies_before_a_cut_is_whole_fails_the_cut_and_none_of_the_guests_writes()
    {
        await using MirrorBed bed = NewBed();
        await bed.Start(MirrorBed.RandomDisk());
        for (int i = 1; i <= 8; i++)
        {
            await bed.RestartAndCopy();
            await bed.CutAndCompare();
            await bed.GuestIo($"write -P {i} {i}M 8M");
            bed.Server.DisconnectAll();
            Assert.True(bed.Disks.StopGuest().IsOk);
            Assert.True(bed.Disks.Cut().Succeeded);
            await TestVm.Ask(bed.Vm, QmpCommands.Cont);
            // The old data of these cannot be copied any more.
            Assert.True(await bed.GuestIo($"write -P {i + 100} {i + 2}M 64k") < s_stallMax);
            await MirrorBed.Until(() => bed.Disks.State == DiskMirrorState.Broken, "the backup is seen to be broken");
            Assert.Contains("write error while backing up", bed.Disks.Detail, StringComparison.Ordinal);
            Assert.False(bed.Disks.TryGetCutEnd(out _));
        }

        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_copy_that_a_person_cancels_is_made_anew()
    {
        await using MirrorBed bed = NewBed(PolicyRules.DiskLogBytesMin);
        await bed.Start(MirrorBed.RandomDisk());
        using QmpSession hand = await bed.HandAsync();
        bed.Restart();
        await MirrorBed.Until(() => bed.Job is { Paused: true }, "the copy is held back");
        Assert.True(hand.Execute(QmpCommands.BlockJobCancel(DiskJobNames.Job(0), force: true), TestVm.Deadline).IsOk);
        await MirrorBed.Until(() => bed.Disks.State == DiskMirrorState.Broken, "it is seen");
        Assert.Contains("cancelled", bed.Disks.Detail, StringComparison.Ordinal);
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
    }

    [Fact]
    public async Task A_cut_that_the_log_cannot_hold_is_owed_and_the_next_one_is_whole()
    {
        await using MirrorBed bed = NewBed(PolicyRules.DiskLogBytesMin);
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
        for (int i = 0; i < 20; i++) await bed.GuestIo($"write -P {i + 1} {i}M 1M");
        Assert.Equal(DiskMirrorState.Ready, bed.Disks.State);
        Assert.True(bed.Disks.StopGuest().IsOk);
        Assert.True(bed.Disks.Cut().Succeeded);
        await TestVm.Ask(bed.Vm, QmpCommands.Cont);
        await MirrorBed.Until(() => bed.Disks.State == DiskMirrorState.Owing, "the log is over its limit");
        Assert.False(bed.Disks.TryGetCutEnd(out _));
        int round = 0;
        await bed.CatchUp(() => bed.GuestIo($"write -P {100 + round} {round++ % 24}M 4k"));
        Assert.True(round > 10, $"{round} pieces");
        await MirrorBed.Until(() => bed.Job is null, "nothing is copied any more");
        // And once more: this time it is held back, and read.
        for (int i = 0; i < 20; i++) await bed.GuestIo($"write -P {i + 60} {i}M 1M");
        await bed.CutAndCompare();
        await bed.GuestIo("write -P 5 3M 64k");
        await bed.CutAndCompare();
    }

    [Theory]
    [InlineData(DiskMode.Mirror, DiskMode.Backup)]
    [InlineData(DiskMode.Backup, DiskMode.Backup)]
    [InlineData(DiskMode.Backup, DiskMode.Mirror)]
    public async Task Another_agent_takes_over_what_its_predecessor_left(DiskMode before, DiskMode after)
    {
        await using var bed = new MirrorBed(mode: before);
        await bed.Start(MirrorBed.RandomDisk());
        await bed.RestartAndCopy();
        await bed.CutAndCompare();
        bed.Replace(bed.Follow(after));
        await bed.GuestIo("write -P 5 3M 64k");
        await bed.RestartAndCopy();
        Assert.True(bed.Disks.Stop().Succeeded);
        Assert.Empty(await TestVm.Ask(bed.Vm, QmpCommands.QueryBlockJobs));
        IReadOnlyList<BlockNodeInfo> nodes = await TestVm.Ask(bed.Vm, QmpCommands.QueryNamedBlockNodes);
        Assert.DoesNotContain(nodes, n => n.NodeName.StartsWith(DiskJobNames.Prefix, StringComparison.Ordinal));
        Assert.True(bed.Vm.Monitor.Execute(
            QmpCommands.BlockDirtyBitmapAdd(QemuNames.DiskNode("d0"), DiskJobNames.Changes(0)), TestVm.Deadline).IsOk);
    }

    [Theory]
    [InlineData("blockdev-add: Parameter 'driver' does not accept value 'quorum'", true)]
    [InlineData("blockdev-add: Unknown driver 'quorum'", true)]
    [InlineData("blockdev-add: Failed to connect to 'nbd'", false)]
    public void A_QEMU_without_quorum_has_the_user_told_what_to_do_instead(string said, bool isIt) =>
        Assert.Equal(isIt, DiskBackup.Explain(said).Contains("--disk-mode mirror", StringComparison.Ordinal));

    private static MirrorBed NewBed(long logBytes = 64 * Sizes.MiB) => new(logBytes, DiskMode.Backup);
}
