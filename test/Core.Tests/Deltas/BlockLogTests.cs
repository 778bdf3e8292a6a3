using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Testing;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

public sealed class BlockLogTests
{
    private const int DiskBytes = 1024 * 1024;
    private readonly BlockLog _log = new(8 * 1024 * 1024);

    [Fact]
    public void Operations_are_numbered_in_order_and_can_be_read_again_until_released()
    {
        Write(0, 0, 1);
        Zero(0, 4096, 512);
        Write(1, 0, 2);
        for (int round = 0; round < 2; round++)
        {
            Assert.Equal(new DiskOperation(DiskOperationKind.Write, 0, 0, 512), Read(0, 1));
            Assert.Equal(new DiskOperation(DiskOperationKind.Zero, 0, 4096, 512), Read(1));
            Assert.Equal(new DiskOperation(DiskOperationKind.Write, 1, 0, 512), Read(2, 2));
        }

        _log.Release(2);
        Assert.Equal((2, 3), (_log.First, _log.End));
        Assert.Equal(new DiskOperation(DiskOperationKind.Write, 1, 0, 512), Read(2, 2));
        Assert.False(_log.TryPeek(1, out _, out _));
    }

    [Fact]
    public void A_contiguous_write_joins_the_last_one()
    {
        Write(0, 512, 1);
        Write(0, 1024, 2);
        Assert.Equal(1, _log.End);
        Assert.True(_log.TryPeek(0, out DiskOperation operation, out ReadOnlySpan<byte> data));
        Assert.Equal(new DiskOperation(DiskOperationKind.Write, 0, 512, 1024), operation);
        Assert.Equal((1, 2), (data[511], data[512]));
    }

    [Fact]
    public void Contiguous_zeroes_join_the_last_ones()
    {
        Zero(0, 0, 512);
        Zero(0, 512, 1024);
        Assert.Equal(new DiskOperation(DiskOperationKind.Zero, 0, 0, 1536), Read(0));
    }

    [Fact]
    public void A_write_to_the_same_range_replaces_the_unread_one()
    {
        Write(0, 0, 1);
        Write(0, 8192, 2);
        Write(0, 0, 3);
        Assert.Equal(2, _log.End);
        Read(0, 3);
    }

    [Fact]
    public void A_write_is_not_moved_before_one_that_overlaps_it()
    {
        Write(0, 0, 1);
        Zero(0, 0, 1024);
        Write(0, 0, 3);
        Assert.Equal(3, _log.End);
        Read(0, 1);
        Read(2, 3);
    }

    [Fact]
    public void What_was_cut_does_not_change_any_more()
    {
        Write(0, 0, 1);
        Assert.Equal(1, _log.Cut());
        Write(0, 0, 2);
        Write(0, 512, 3);
        Assert.Equal(2, _log.End);
        Assert.Equal(512, Read(0, 1).Length);
    }

    [Fact]
    public void What_was_read_does_not_change_any_more()
    {
        Write(0, 0, 1);
        Read(0, 1);
        Write(0, 0, 2);
        Write(0, 512, 3);
        Assert.Equal(2, _log.End);
        Read(0, 1);
    }

    [Fact]
    public void A_long_write_becomes_several_operations()
    {
        byte[] data = new byte[BlockLog.ChunkBytes + 512];
        data[^1] = 7;
        Assert.True(_log.TryWrite(0, 0, data));
        Assert.Equal(2, _log.End);
        Assert.Equal(BlockLog.ChunkBytes, Read(0, 0).Length);
        Assert.True(_log.TryPeek(1, out _, out ReadOnlySpan<byte> rest));
        Assert.Equal((512, 7), (rest.Length, rest[^1]));
    }

    [Fact]
    public void Over_its_limit_it_forgets_everything_and_says_so()
    {
        var log = new BlockLog(10_000);
        Assert.True(log.TryWrite(0, 0, new byte[8192]));
        Assert.False(log.Overflowed);
        Assert.False(log.TryWrite(0, 100 * 512, new byte[2048]));
        Assert.True(log.Overflowed);
        Assert.Equal((log.End, 0), (log.First, log.Bytes));
        Assert.False(log.TryWrite(0, 0, new byte[512]));
        Assert.False(log.TryZero(0, 0, 512));
        Assert.False(log.TryPeek(0, out _, out _));
    }

    [Fact]
    public void Operations_without_data_count_against_the_limit_too()
    {
        var log = new BlockLog(10 * BlockLog.OperationBytes);
        int logged = 0;
        while (log.TryZero(0, logged * 1024L, 512)) logged++;
        Assert.Equal(10, logged);
    }

    [Fact]
    public void After_an_overflow_and_a_restart_it_works_on_with_new_numbers()
    {
        var log = new BlockLog(10_000);
        log.TryWrite(0, 0, new byte[512]);
        long before = log.End;
        log.TryWrite(0, 1 << 20, new byte[16384]);
        log.Restart();
        Assert.True(log.TryWrite(0, 0, new byte[512]));
        Assert.Equal(before, log.First);
        Assert.Equal(before + 1, log.End);
        Assert.True(log.TryPeek(before, out _, out _));
    }

    [Fact]
    public void Released_operations_make_room_for_new_ones_without_new_memory()
    {
        byte[] data = new byte[64 * 1024];
        long allocated = 0;
        for (int round = 0; round < 300; round++)
        {
            if (round == 200) allocated = GC.GetAllocatedBytesForCurrentThread();
            Assert.True(_log.TryWrite(0, 2L * round * data.Length, data));
            Assert.True(_log.TryPeek(_log.End - 1, out _, out _));
            _log.Release(Math.Max(0, _log.Cut() - 20));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - allocated);
        _log.Release(_log.End);
        Assert.Equal(0, _log.Bytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Replaying_the_log_gives_what_the_guest_sees_at_every_cut(int seed)
    {
        var random = new Random(seed);
        var guest = new DiskModel(DiskBytes, DiskBytes);
        var shadow = new DiskModel(DiskBytes, DiskBytes);
        for (int epoch = 0; epoch < 30; epoch++)
        {
            for (int i = random.Next(60); i > 0; i--) Step(random, guest);
            if (random.Next(2) == 0 && _log.End > _log.First) Read(random.NextInt64(_log.First, _log.End), null);
            for (int i = random.Next(20); i > 0; i--) Step(random, guest);
            long end = _log.Cut();
            if (random.Next(3) == 0) Replay(shadow, end);
            Replay(shadow, end);
            _log.Release(end);
            Assert.True(guest[0].SequenceEqual(shadow[0]) && guest[1].SequenceEqual(shadow[1]), $"epoch {epoch}");
        }
    }

    private void Step(Random random, DiskModel guest)
    {
        int disk = random.Next(2);
        // Few places, so that operations meet.
        long offset = random.Next(64) * 512L;
        byte[] data = new byte[512 * random.Next(1, random.Next(8) == 0 ? 700 : 6)];
        random.NextBytes(data);
        if (random.Next(4) == 0)
        {
            guest.Zero(disk, offset, data.Length);
            Assert.True(_log.TryZero(disk, offset, data.Length));
        }
        else
        {
            guest.Write(disk, offset, data);
            Assert.True(_log.TryWrite(disk, offset, data));
        }
    }

    private void Replay(DiskModel shadow, long end)
    {
        byte[] data = new byte[DiskOperation.DataBytesMax];
        for (long number = _log.First; number < end; number++)
        {
            Assert.True(_log.TryRead(number, data, out DiskOperation operation));
            if (operation.Kind == DiskOperationKind.Zero)
                shadow.Zero(operation.Disk, operation.Offset, operation.Length);
            else
                shadow.Write(operation.Disk, operation.Offset, data.AsSpan(0, (int)operation.Length));
        }
    }

    private DiskOperation Read(long number, byte? filledWith = null)
    {
        Assert.True(_log.TryPeek(number, out DiskOperation operation, out ReadOnlySpan<byte> data));
        if (filledWith is { } value) Assert.Equal(-1, data.IndexOfAnyExcept(value));
        return operation;
    }

    private void Write(int disk, long offset, byte fill)
    {
        byte[] data = new byte[512];
        data.AsSpan().Fill(fill);
        Assert.True(_log.TryWrite(disk, offset, data));
    }

    private void Zero(int disk, long offset, long length) => Assert.True(_log.TryZero(disk, offset, length));
}
