using Umbra.Core.Basics;
using Umbra.Linux.Interop;
using Umbra.Linux.Memory;
using Umbra.Linux.Tests.Support;

namespace Umbra.Linux.Tests.Memory;

public sealed class GuestMemoryTests : IDisposable
{
    private const long Pages = 16;
    private readonly TemporaryDirectory _directory = new("/dev/shm");

    [Fact]
    public void A_page_written_by_the_shadow_is_read_through_another_mapping()
    {
        using GuestMemory shadow = GuestMemory.Create(_directory.File("ram"), Pages * Sizes.Page).OrThrow();
        string path = _directory.File("ram");
        using GuestMemory reader = GuestMemory.Open(path, Pages * Sizes.Page, MemoryAccess.Read).OrThrow();
        byte[] page = new byte[Sizes.Page];
        Array.Fill(page, (byte)0x5A);
        shadow.WritePage(3, page);
        Assert.True(reader.Page(3).SequenceEqual(page));
        Assert.Equal(-1, reader.Page(2).IndexOfAnyExcept((byte)0));
        byte[] copy = new byte[Sizes.Page];
        reader.CopyPage(3, copy);
        Assert.Equal(page, copy);
    }

    [Fact]
    public void Pages_are_copied_in_the_order_asked_for_whether_neighbours_or_not()
    {
        using GuestMemory memory = GuestMemory.Create(_directory.File("ram"), Pages * Sizes.Page).OrThrow();
        for (int i = 0; i < Pages; i++) memory.WritablePage(i).Fill((byte)(i + 1));
        long[] indexes = [15, 2, 3, 4, 9, 0];
        byte[] copy = new byte[indexes.Length * Sizes.Page];
        memory.CopyPages(indexes, copy);
        for (int i = 0; i < indexes.Length; i++)
            Assert.Equal(-1, copy.AsSpan(i * Sizes.Page, Sizes.Page).IndexOfAnyExcept((byte)(indexes[i] + 1)));
    }

    [Fact]
    public void A_file_of_another_size_is_refused_and_the_message_gives_both_sizes()
    {
        File.WriteAllBytes(_directory.File("ram"), new byte[2 * Sizes.Page]);
        SystemError? error = GuestMemory.Open(_directory.File("ram"), Pages * Sizes.Page, MemoryAccess.Read).Error;
        Assert.Contains("8192", error?.Message);
        Assert.Contains("65536", error?.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-4096)]
    [InlineData(4095)]
    public void A_size_that_is_no_number_of_pages_is_refused(long bytes)
    {
        Assert.Equal(Errno.INVAL, GuestMemory.Create(_directory.File("ram"), bytes).Error?.Errno);
        Assert.False(File.Exists(_directory.File("ram")));
    }

    [Fact]
    public void Creating_over_an_existing_file_is_refused_and_leaves_it_alone()
    {
        File.WriteAllText(_directory.File("ram"), "precious");
        Assert.Equal(Errno.EXIST, GuestMemory.Create(_directory.File("ram"), Sizes.Page).Error?.Errno);
        Assert.Equal("precious", File.ReadAllText(_directory.File("ram")));
    }

    [Fact]
    public void A_missing_file_is_an_outcome()
    {
        SystemError? error = GuestMemory.Open(_directory.File("none"), Sizes.Page, MemoryAccess.Read).Error;
        Assert.True(error?.IsGone);
        Assert.Contains("ENOENT", error?.Message);
    }

    [Fact]
    public void A_punched_page_reads_as_zero_and_is_a_hole_again()
    {
        using GuestMemory memory = GuestMemory.Create(_directory.File("ram"), Pages * Sizes.Page).OrThrow();
        for (int i = 4; i < 8; i++) memory.WritablePage(i).Fill(0xFF);
        Assert.Equal((4L, 8L), (memory.NextDataPage(0), memory.NextHolePage(4)));
        Assert.Null(memory.PunchHole(4, 2));
        Assert.Equal(6, memory.NextDataPage(0));
        Assert.Equal(-1, memory.Page(5).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Memory_is_unusable_after_dispose()
    {
        GuestMemory memory = GuestMemory.Create(_directory.File("ram"), Sizes.Page).OrThrow();
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.Page(0).Length);
    }

    public void Dispose() => _directory.Dispose();
}
