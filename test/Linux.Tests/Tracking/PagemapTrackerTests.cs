using Umbra.Core.Basics;
using Umbra.Linux.Interop;
using Umbra.Linux.Memory;
using Umbra.Linux.Native;
using Umbra.Linux.Processes;
using Umbra.Linux.Tests.Support;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Tests.Tracking;

public sealed class PagemapTrackerTests
{
    private const int Rounds = 8;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_page_that_a_running_guest_changed_is_reported(bool memfd)
    {
        using TestQemu qemu = TestQemu.Start(memfd: memfd);
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        using PagemapTracker tracker = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        Assert.False(tracker.IsAdopted);
        long changes = 0;
        PageSet first = new(ram.PageCount);
        qemu.Command("stop");
        Assert.Null(tracker.TakeDirty(first));
        byte[] before = RamCopy.Of(ram);
        for (int round = 0; round < Rounds; round++)
        {
            PageSet reported = new(ram.PageCount);
            qemu.Command("cont");
            TestQemu.WaitForWrites(ram, before, 200);
            Assert.Null(tracker.TakeDirty(reported)); // A scan while the guest runs loses nothing either.
            qemu.Command("stop");
            Assert.Null(tracker.TakeDirty(reported));
            byte[] after = RamCopy.Of(ram);
            PageSet changed = RamCopy.Changed(before, after);
            Assert.Empty(RamCopy.Missed(changed, reported));
            Assert.True(reported.Count < ram.PageCount, "not everything was reported");
            changes += changed.Count;
            before = after;
        }

        Assert.True(changes >= Rounds * 200);
    }

    [Fact]
    public void Nothing_is_reported_while_the_guest_is_stopped()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        using PagemapTracker tracker = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        qemu.Command("stop");
        PageSet dirty = new(ram.PageCount);
        Assert.Null(tracker.TakeDirty(dirty));
        dirty.Clear();
        Assert.Null(tracker.TakeDirty(dirty));
        Assert.True(dirty.IsEmpty);
    }

    [Fact]
    public void The_next_tracker_adopts_and_reports_what_was_written_between_them()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        PageSet dirty = new(ram.PageCount);
        qemu.Command("stop");
        using (PagemapTracker former = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow())
            Assert.Null(former.TakeDirty(dirty));
        byte[] before = RamCopy.Of(ram);
        qemu.Command("cont");
        TestQemu.WaitForWrites(ram, before, 100);
        qemu.Command("stop");
        using PagemapTracker next = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        Assert.True(next.IsAdopted);
        dirty.Clear();
        Assert.Null(next.TakeDirty(dirty));
        Assert.Empty(RamCopy.Missed(RamCopy.Changed(before, RamCopy.Of(ram)), dirty));
        Assert.True(dirty.Count < ram.PageCount / 2, "only what was written between them");
    }

    [Fact]
    public void The_right_descriptor_is_adopted_among_several()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        using FileDescriptor pidfd = Pidfd.Open(qemu.Pid).OrThrow();
        // One that nobody enabled (its agent died at once), then the one that tracks, then an enabled idle one.
        UserFaultInjection.Run(qemu.Pid, pidfd).OrThrow().Descriptor.Dispose();
        using FileDescriptor tracking = UserFaultInjection.Run(qemu.Pid, pidfd).OrThrow().Descriptor;
        Assert.Null(UserFault.Enable(tracking));
        Assert.Null(UserFault.Register(tracking, mapping.Range));
        using FileDescriptor idle = UserFaultInjection.Run(qemu.Pid, pidfd).OrThrow().Descriptor;
        Assert.Null(UserFault.Enable(idle));
        Assert.Equal(Errno.BUSY, UserFault.Register(idle, mapping.Range)?.Errno);
        using PagemapTracker tracker = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        Assert.True(tracker.IsAdopted);
        Assert.Null(tracker.Remove());
        // The range was the adopted descriptor's: now that it is removed, the idle one can have it.
        Assert.Null(UserFault.Register(idle, mapping.Range));
    }

    [Fact]
    public void A_range_that_another_tracker_has_is_refused_as_busy()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        using FileDescriptor pidfd = Pidfd.Open(qemu.Pid).OrThrow();
        using FileDescriptor foreign = UserFaultInjection.Run(qemu.Pid, pidfd).OrThrow().Descriptor;
        ForeignUserFault.RegisterWithoutAsync(foreign, mapping.Range);
        Outcome<PagemapTracker> tracker = PagemapTracker.Open(qemu.Pid, mapping.Range);
        Assert.Equal(Errno.BUSY, tracker.Error?.Errno);
        TrackerOutcome chosen = PageTracker.Open(qemu.Pid, mapping.Range, ram, new XxHash3());
        using IPageTracker? fallback = chosen.Tracker;
        Assert.Equal("hash-scan", fallback?.Kind);
        Assert.Contains("EBUSY", chosen.Warning);
    }

    [Fact]
    public void Removing_ends_the_tracking_and_a_new_one_can_begin()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        using PagemapTracker tracker = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        Assert.Null(tracker.Remove());
        PageSet dirty = new(ram.PageCount);
        Assert.Equal(Errno.PERM, tracker.TakeDirty(dirty)?.Errno);
        Assert.Equal(ram.PageCount, dirty.Count);
        using PagemapTracker again = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        dirty.Clear();
        Assert.Null(again.TakeDirty(dirty));
    }

    [Fact]
    public async Task A_process_that_is_gone_is_said_to_be_gone_and_all_pages_count_as_written()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        using PagemapTracker tracker = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        Assert.Null(qemu.Process.Kill(ProcessHandle.SignalKill));
        Assert.True(await qemu.Process.WaitForExit(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        PageSet dirty = new(ram.PageCount);
        Assert.Equal(Errno.SRCH, tracker.TakeDirty(dirty)?.Errno);
        Assert.Equal(ram.PageCount, dirty.Count);
        TrackerOutcome again = PageTracker.Open(qemu.Pid, mapping.Range, ram, new XxHash3());
        Assert.Null(again.Tracker);
        Assert.True(again.Error?.IsGone);
    }

    [Fact]
    public void A_process_stopped_by_a_signal_is_left_as_it_is_and_can_be_tracked_later()
    {
        const int stop = 19, go = 18;
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        Assert.Null(qemu.Process.Kill(stop));
        Assert.Equal(Errno.BUSY, PagemapTracker.Open(qemu.Pid, mapping.Range).Error?.Errno);
        Assert.Null(qemu.Process.Kill(go));
        qemu.Command("query-status");
        using PagemapTracker tracker = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        Assert.False(tracker.IsAdopted);
    }

    [Fact]
    public void QEMUs_own_sandbox_does_not_hinder_tracking()
    {
        const string all = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
        using TestQemu qemu = TestQemu.Start(extra: ["-sandbox", all]);
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        TrackerOutcome outcome = PageTracker.Open(qemu.Pid, mapping.Range, ram, new XxHash3());
        using IPageTracker? tracker = outcome.Tracker;
        Assert.Null(outcome.Warning);
        Assert.Equal("pagemap", tracker?.Kind);
    }

    [Fact]
    public void A_second_tracker_of_the_same_memory_is_refused_while_the_first_is_there()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory one, RamMapping mapping) = qemu.OpenRam();
        TrackerOutcome first = PageTracker.Open(qemu.Pid, mapping.Range, one, new XxHash3());
        (GuestMemory two, _) = qemu.OpenRam();
        using GuestMemory other = two;
        TrackerOutcome refused = PageTracker.Open(qemu.Pid, mapping.Range, other, new XxHash3());
        Assert.Null(refused.Tracker);
        Assert.Contains("another process tracks", refused.Error?.Message);
        first.Tracker?.Dispose();
        one.Dispose();
        TrackerOutcome afterwards = PageTracker.Open(qemu.Pid, mapping.Range, other, new XxHash3());
        Assert.Equal("pagemap", afterwards.Tracker?.Kind);
        afterwards.Tracker?.Dispose();
    }
}
