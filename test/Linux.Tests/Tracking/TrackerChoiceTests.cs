using Umbra.Core.Basics;
using Umbra.Linux.Memory;
using Umbra.Linux.Native;
using Umbra.Linux.Tests.Support;
using Umbra.Linux.Tracking;
using Umbra.Testing;

namespace Umbra.Linux.Tests.Tracking;

public sealed class TrackerChoiceTests
{
    [Theory]
    [InlineData(SyscallFilter.NotPermitted, "seccomp")]
    [InlineData(SyscallFilter.NotThere, "no userfaultfd")]
    public void A_sandbox_that_refuses_userfaultfd_has_pages_found_by_hashing_with_a_warning(int errno, string reason)
    {
        using TestQemu qemu = TestQemu.StartUnder(SyscallFilter.Launcher(SyscallFilter.UserFaultFd, errno));
        FindsWrites(qemu, TrackerChoice.Automatic, reason);
    }

    [Fact]
    public void An_operator_may_choose_hashing_and_nothing_is_injected()
    {
        using TestQemu qemu = TestQemu.Start();
        FindsWrites(qemu, TrackerChoice.HashScan, "was started to do so");
        Assert.DoesNotContain(
            Directory.EnumerateFileSystemEntries($"/proc/{qemu.Pid}/fd"),
            fd => new FileInfo(fd).LinkTarget == "anon_inode:[userfaultfd]");
    }

    private static void FindsWrites(TestQemu qemu, TrackerChoice choice, string reason)
    {
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        TrackerOutcome outcome = PageTracker.Open(qemu.Pid, mapping.Range, ram, new XxHash3(), choice);
        using IPageTracker tracker = Assert.IsType<HashScanTracker>(outcome.Tracker);
        Assert.Contains(reason, outcome.Warning);
        byte[] before = RamCopy.Of(ram);
        TestQemu.WaitForWrites(ram, before, 50);
        qemu.Command("stop");
        PageSet found = new(ram.PageCount);
        Assert.Null(tracker.TakeDirty(found));
        Assert.Empty(RamCopy.Missed(RamCopy.Changed(before, RamCopy.Of(ram)), found));
    }
}
