using Umbra.Core.Basics;
using Umbra.Linux.Memory;
using Umbra.Linux.Native;
using Umbra.Linux.Tests.Support;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Tests.Tracking;

public sealed class HashScanTrackerTests
{
    [Fact]
    public void Hashing_finds_what_the_kernels_tracking_finds_less_what_did_not_change()
    {
        using TestQemu qemu = TestQemu.Start();
        (GuestMemory memory, RamMapping mapping) = qemu.OpenRam();
        using GuestMemory ram = memory;
        using PagemapTracker pagemap = PagemapTracker.Open(qemu.Pid, mapping.Range).OrThrow();
        qemu.Command("stop");
        PageSet written = new(ram.PageCount), hashed = new(ram.PageCount);
        using HashScanTracker hash = new(ram, new XxHash3());
        Assert.Null(pagemap.TakeDirty(written));
        written.Clear();
        byte[] before = RamCopy.Of(ram);
        qemu.Command("cont");
        TestQemu.WaitForWrites(ram, before, 200);
        qemu.Command("stop");
        Assert.Null(pagemap.TakeDirty(written));
        Assert.Null(hash.TakeDirty(hashed));
        PageSet changed = RamCopy.Changed(before, RamCopy.Of(ram));
        Assert.Empty(RamCopy.Missed(changed, hashed));
        Assert.Empty(RamCopy.Missed(hashed, written));
        Assert.Equal(changed.Count, hashed.Count);
    }

    [Fact]
    public void Holes_are_neither_filled_nor_reported_and_a_page_punched_out_is()
    {
        using TemporaryDirectory directory = new("/dev/shm");
        using GuestMemory ram = GuestMemory.Create(directory.File("ram"), 64 * Sizes.Page).OrThrow();
        ram.WritablePage(7).Fill(1);
        using HashScanTracker tracker = new(ram, new XxHash3());
        PageSet dirty = new(ram.PageCount);
        Assert.Null(tracker.TakeDirty(dirty));
        Assert.True(dirty.IsEmpty);
        Assert.Equal(7, ram.NextDataPage(0));
        Assert.Equal(ram.PageCount, ram.NextDataPage(8));
        Assert.Null(ram.PunchHole(7, 1));
        ram.WritablePage(63).Fill(2);
        Assert.Null(tracker.TakeDirty(dirty));
        Assert.Equal([7L, 63L], Indexes(dirty));
        dirty.Clear();
        Assert.Null(tracker.TakeDirty(dirty));
        Assert.True(dirty.IsEmpty);
    }

    [Fact]
    public void A_page_that_changed_back_after_its_copy_is_reported_again()
    {
        using TemporaryDirectory directory = new("/dev/shm");
        using GuestMemory ram = GuestMemory.Create(directory.File("ram"), 8 * Sizes.Page).OrThrow();
        using HashScanTracker tracker = new(ram, new XxHash3());
        PageSet dirty = new(ram.PageCount);
        byte[] copies = new byte[2 * Sizes.Page];
        ram.WritablePage(3).Fill(1);
        ram.WritablePage(5).Fill(1);
        Assert.Null(tracker.TakeDirty(dirty));
        ram.WritablePage(3).Fill(2);
        ram.CopyPages([3, 5], copies);
        tracker.NoteCopied([3, 5], copies);
        ram.WritablePage(3).Fill(1);
        dirty.Clear();
        Assert.Null(tracker.TakeDirty(dirty));
        Assert.Equal([3L], Indexes(dirty));
        dirty.Clear();
        Assert.Null(tracker.TakeDirty(dirty));
        Assert.True(dirty.IsEmpty);
    }

    private static List<long> Indexes(PageSet set)
    {
        List<long> indexes = [];
        for (long page = set.NextFrom(0); page >= 0; page = set.NextFrom(page + 1)) indexes.Add(page);
        return indexes;
    }
}
