using Umbra.Linux.Files;
using Umbra.Linux.Interop;
using Umbra.Linux.Tests.Support;

namespace Umbra.Linux.Tests.Files;

public sealed class DurableFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void What_is_staged_leaves_the_file_as_it_is_until_it_is_put_in_its_place()
    {
        string path = _directory.File("state");
        Assert.Null(DurableFile.Replace(path, "first"u8));
        Assert.Null(DurableFile.Stage(path, "second"u8));
        Assert.Equal("first"u8.ToArray(), File.ReadAllBytes(path));
        Assert.Null(DurableFile.PutStaged(path));
        Assert.Equal("second"u8.ToArray(), File.ReadAllBytes(path));
        Assert.Equal(Errno.NOENT, DurableFile.PutStaged(path)?.Errno);
    }

    [Fact]
    public void A_file_is_replaced_whole_and_nothing_is_left_beside_it()
    {
        string path = _directory.File("state");
        Assert.Null(DurableFile.Replace(path, "first, and longer"u8));
        Assert.Null(DurableFile.Replace(path, "second"u8));
        Assert.Equal("second"u8.ToArray(), DurableFile.Read(path, 100).OrThrow());
        Assert.Equal([path], Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public void A_full_disk_leaves_the_old_version()
    {
        using SmallFileSystem small = SmallFileSystem.Mount(64 * 1024);
        string path = small.File("state");
        Assert.Null(DurableFile.Replace(path, "old"u8));
        SystemError? error = DurableFile.Replace(path, new byte[256 * 1024]);
        Assert.True(error?.IsFull);
        Assert.Equal("old"u8.ToArray(), DurableFile.Read(path, 100).OrThrow());
        Assert.Null(DurableFile.Replace(path, "new"u8));
        Assert.Equal("new"u8.ToArray(), DurableFile.Read(path, 100).OrThrow());
    }

    [Fact]
    public void A_missing_file_reads_as_nothing_and_one_too_long_as_an_error()
    {
        Outcome<byte[]?> none = DurableFile.Read(_directory.File("none"), 100);
        Assert.Null(none.Error);
        Assert.Null(none.Value);
        File.WriteAllBytes(_directory.File("long"), new byte[101]);
        Assert.Equal(Errno.FBIG, DurableFile.Read(_directory.File("long"), 100).Error?.Errno);
    }

    [Fact]
    public void A_directory_that_is_not_there_is_an_outcome()
    {
        Assert.Equal(Errno.NOENT, DurableFile.Replace(_directory.File("none/state"), "x"u8)?.Errno);
    }

    [Fact]
    public void Deleting_twice_is_fine()
    {
        string path = _directory.File("state");
        Assert.Null(DurableFile.Replace(path, "x"u8));
        Assert.Null(DurableFile.Delete(path));
        Assert.Null(DurableFile.Delete(path));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_log_goes_on_where_it_ended()
    {
        string path = _directory.File("log");
        using (AppendLog log = AppendLog.Open(path).OrThrow())
        {
            Assert.Null(log.Append("one "u8));
            Assert.Null(log.Flush());
        }

        using (AppendLog log = AppendLog.Open(path).OrThrow())
        {
            Assert.Equal(4, log.Bytes);
            Assert.Null(log.Append("two "u8));
            Assert.Null(log.Append("torn"u8));
            Assert.Null(log.Truncate(8));
            Assert.Null(log.Append("three"u8));
        }

        Assert.Equal("one two three", File.ReadAllText(path));
    }

    [Fact]
    public void A_record_that_does_not_fit_leaves_nothing_of_itself_in_the_log()
    {
        using SmallFileSystem small = SmallFileSystem.Mount(64 * 1024);
        using AppendLog log = AppendLog.Open(small.File("log")).OrThrow();
        Assert.Null(log.Append("good"u8));
        Assert.True(log.Append(new byte[256 * 1024])?.IsFull);
        Assert.Equal(4, log.Bytes);
        Assert.Null(log.Append(" and more"u8));
        Assert.Equal("good and more", File.ReadAllText(small.File("log")));
    }

    [Fact]
    public void A_second_owner_is_refused_and_told_who_the_first_is()
    {
        string path = _directory.File("lock");
        LockFile first = LockFile.TryAcquire(path).OrThrow();
        SystemError? refused = LockFile.TryAcquire(path).Error;
        Assert.Equal(Errno.AGAIN, refused?.Errno);
        Assert.Contains($"process {Environment.ProcessId}", refused?.Message);
        first.Dispose();
        LockFile.TryAcquire(path).OrThrow().Dispose();
    }

    public void Dispose() => _directory.Dispose();
}
