using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Qemu.Disks;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>What reaches the log.</summary>
public sealed class DiskExportTests
{
    private const int DiskBytes = Sizes.MiB + 1024;
    private readonly DiskLog _log = new(64 * Sizes.MiB);
    private readonly DiskExport _export;

    public DiskExportTests() => _export = new DiskExport(3, DiskBytes, _log);

    [Fact]
    public void Writes_and_zeros_are_logged_with_the_disks_number()
    {
        Assert.Equal(NbdError.None, _export.Write(4096, new byte[512]));
        Assert.Equal(NbdError.None, _export.WriteZeroes(65536, 131072, mayUnmap: true));
        Assert.Equal(NbdError.None, _export.Trim(0, 4096));
        Assert.Equal(NbdError.None, _export.Flush());
        Assert.Equal(["Write 4096 512", "Zero 65536 131072"], Operations());
    }

    [Fact]
    public void Any_sequence_of_requests_replayed_gives_the_same_disk()
    {
        var random = new Random(11);
        byte[] primary = new byte[DiskBytes];
        byte[] shadow = new byte[DiskBytes];
        for (int i = 0; i < 500; i++) MakeRequest(random, primary);
        LogReplay.Apply(_log.TryRead, 0, _log.End, shadow);
        Assert.Equal(primary, shadow);
    }

    [Fact]
    public void A_log_over_its_limit_fails_no_write_and_takes_again_after_a_restart()
    {
        var log = new DiskLog(Sizes.MiB);
        var export = new DiskExport(0, 64 * Sizes.MiB, log);
        for (int i = 0; i < 4; i++) Assert.Equal(NbdError.None, export.Write(i * Sizes.MiB, new byte[Sizes.MiB]));
        Assert.True(log.Overflowed);
        long end = log.End;
        log.Restart();
        Assert.Equal(NbdError.None, export.Write(0, new byte[512]));
        Assert.False(log.Overflowed);
        Assert.Equal(end + 1, log.End);
    }

    [Fact]
    public void A_retired_export_takes_nothing()
    {
        _export.Retire();
        Assert.Equal(NbdError.Io, _export.Write(0, new byte[512]));
        Assert.Equal(NbdError.Io, _export.WriteZeroes(0, 512, mayUnmap: false));
        Assert.Equal(NbdError.Io, _export.Flush());
        Assert.Empty(Operations());
    }

    [Fact]
    public void Parts_of_sectors_are_refused_and_reading_is_an_error()
    {
        Assert.Equal(NbdError.Invalid, _export.Write(1, new byte[512]));
        Assert.Equal(NbdError.Invalid, _export.Write(0, new byte[511]));
        Assert.Equal(NbdError.Invalid, _export.WriteZeroes(0, 100, mayUnmap: false));
        Assert.Equal(NbdError.Io, _export.Read(0, new byte[512]));
        Assert.Empty(Operations());
    }

    private void MakeRequest(Random random, byte[] disk)
    {
        int sectors = disk.Length / 512;
        int first = random.Next(sectors);
        int count = 1 + random.Next(Math.Min(sectors - first, random.Next(2) == 0 ? 16 : 512));
        Span<byte> range = disk.AsSpan(first * 512, count * 512);
        if (random.Next(4) == 0)
        {
            range.Clear();
            _export.WriteZeroes(first * 512, range.Length, mayUnmap: false);
            return;
        }

        random.NextBytes(range);
        _export.Write(first * 512, range);
    }

    private List<string> Operations()
    {
        var operations = new List<string>();
        byte[] data = new byte[DiskOperation.DataBytesMax];
        for (long n = 0; n < _log.End; n++)
        {
            Assert.True(_log.TryRead(n, data, out DiskOperation operation));
            Assert.Equal(3, operation.Disk);
            operations.Add($"{operation.Kind} {operation.Offset} {operation.Length}");
        }

        return operations;
    }
}
