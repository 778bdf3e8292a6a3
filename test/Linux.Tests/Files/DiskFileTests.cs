using Umbra.Linux.Files;
using Umbra.Linux.Interop;
using Umbra.Linux.Tests.Support;

namespace Umbra.Linux.Tests.Files;

public sealed class DiskFileTests : IDisposable
{
    private const int KiB = 1024;
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void What_was_written_is_read_and_the_rest_is_zero()
    {
        using DiskFile disk = DiskFile.Create(_directory.File("disk"), 256 * KiB).OrThrow();
        byte[] data = [1, 2, 3, 4, 5];
        Assert.Null(disk.Write(100_000, data));
        byte[] around = new byte[9];
        Assert.Null(disk.Read(99_998, around));
        Assert.Equal([0, 0, 1, 2, 3, 4, 5, 0, 0], around);
        Assert.Equal(256 * KiB, disk.Size().OrThrow());
        Assert.Null(disk.Flush());
    }

    [Fact]
    public void Reading_over_the_end_is_an_outcome()
    {
        using DiskFile disk = DiskFile.Create(_directory.File("disk"), 4 * KiB).OrThrow();
        SystemError? error = disk.Read(4 * KiB - 1, new byte[2]);
        Assert.Contains("ends before", error?.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_zeroed_range_reads_as_zero_and_its_neighbours_stay(bool punch)
    {
        using DiskFile disk = DiskFile.Create(_directory.File("disk"), 256 * KiB).OrThrow();
        byte[] full = new byte[256 * KiB];
        Array.Fill(full, (byte)7);
        Assert.Null(disk.Write(0, full));
        const int start = (64 * KiB) + 13, length = 100_000;
        Assert.Null(punch ? disk.PunchHole(start, length) : disk.WriteZeroes(start, length));
        Array.Clear(full, start, length);
        byte[] read = new byte[full.Length];
        Assert.Null(disk.Read(0, read));
        Assert.Equal(full, read);
        Assert.Equal(256 * KiB, disk.Size().OrThrow());
    }

    [Fact]
    public void Where_the_file_system_cannot_zero_a_range_zeroes_are_written()
    {
        // tmpfs knows holes but no FALLOC_FL_ZERO_RANGE.
        using TemporaryDirectory memory = new("/dev/shm");
        using DiskFile disk = DiskFile.Create(memory.File("disk"), 256 * KiB).OrThrow();
        byte[] full = new byte[256 * KiB];
        Array.Fill(full, (byte)7);
        Assert.Null(disk.Write(0, full));
        Assert.Null(disk.WriteZeroes(10, 300 * KiB));
        byte[] read = new byte[full.Length];
        Assert.Null(disk.Read(0, read));
        Assert.Equal(-1, read.AsSpan(10).IndexOfAnyExcept((byte)0));
        Assert.Equal(7, read[9]);
        Assert.Equal(256 * KiB, disk.Size().OrThrow());
    }

    [Fact]
    public void Holes_and_data_are_told_apart()
    {
        using TemporaryDirectory memory = new("/dev/shm");
        using DiskFile disk = DiskFile.Create(memory.File("disk"), 1024 * KiB).OrThrow();
        Assert.Null(disk.NextData(0));
        Assert.Null(disk.Write(512 * KiB, new byte[4 * KiB]));
        Assert.Equal(512 * KiB, disk.NextData(0));
        Assert.Equal(516 * KiB, disk.NextHole(512 * KiB));
        Assert.Null(disk.NextData(516 * KiB));
    }

    [Fact]
    public void A_full_disk_is_a_value_and_heals_when_space_is_freed()
    {
        using SmallFileSystem small = SmallFileSystem.Mount(256 * KiB);
        using DiskFile disk = DiskFile.Create(small.File("disk"), 1024 * KiB).OrThrow();
        byte[] half = new byte[128 * KiB];
        Array.Fill(half, (byte)1);
        Assert.Null(disk.Write(0, half));
        SystemError? full = disk.Write(128 * KiB, new byte[512 * KiB]);
        Assert.True(full?.IsFull);
        Assert.Contains("ENOSPC", full?.Message);
        Assert.Null(disk.PunchHole(0, 1024 * KiB));
        Assert.Null(disk.Write(512 * KiB, half));
    }

    [Fact]
    public void Creating_over_an_existing_file_and_opening_a_missing_one_are_outcomes()
    {
        File.WriteAllText(_directory.File("disk"), "precious");
        Assert.Equal(Errno.EXIST, DiskFile.Create(_directory.File("disk"), 1).Error?.Errno);
        Assert.Equal("precious", File.ReadAllText(_directory.File("disk")));
        Assert.Equal(Errno.NOENT, DiskFile.Open(_directory.File("none"), writable: true).Error?.Errno);
        using DiskFile readOnly = DiskFile.Open(_directory.File("disk"), writable: false).OrThrow();
        Assert.Equal(Errno.BADF, readOnly.Write(0, [1])?.Errno);
    }

    public void Dispose() => _directory.Dispose();
}
