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
    public void What_waits_from_an_operation_on_is_counted_whatever_was_released_before()
    {
        Write(0, 0, 1);
        Write(1, 0, 2);
        Zero(0, 4096, 512);
        Write(1, 0, 3);
        const int one = 512 + BlockLog.OperationBytes;
        Assert.Equal((2 * one) + BlockLog.OperationBytes, _log.BytesFrom(0));
        Assert.Equal(512, _log.ReplacedBytes);
        _log.Release(1);
        Assert.Equal(one + BlockLog.OperationBytes, _log.BytesFrom(1));
        Assert.Equal(_log.Bytes, _log.BytesFrom(1));
        Assert.Equal(BlockLog.OperationBytes, _log.BytesFrom(2));
        Assert.Equal(0, _log.BytesFrom(3));
        _log.Restart();
        Assert.Equal(0, _log.BytesFrom(1));
        Write(0, 512, 4);
        Assert.Equal(one, _log.BytesFrom(3));
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
    public void A_write_replaces_the_waiting_one_of_its_blocks_however_far_back_that_stands()
    {
        Write(0, 0, 1);
        Write(1, 0, 2);
        for (int i = 1; i <= 100; i++) Write(0, i * 8192L, 3);
        Write(0, 0, 4);
        Write(1, 0, 5);
        Assert.Equal(102, _log.End);
        Read(0, 4);
        Read(1, 5);
    }

    [Fact]
    public void A_write_of_a_part_replaces_that_part_of_a_longer_one()
    {
        Assert.True(_log.TryWrite(0, 0, new byte[64 * 1024]));
        Write(0, 512 * 1024, 1);
        Write(0, 8192, 2);
        Assert.Equal(2, _log.End);
        Assert.True(_log.TryPeek(0, out _, out ReadOnlySpan<byte> data));
        Assert.Equal((0, 2, 2, 0), (data[8191], data[8192], data[8703], data[8704]));
    }

    [Fact]
    public void A_write_across_waiting_ones_replaces_them_and_logs_only_what_lies_between()
    {
        byte[] block = new byte[4096];
        Assert.True(_log.TryWrite(0, 0, block));
        Assert.True(_log.TryWrite(0, 3 * 4096, block));
        long before = _log.Bytes;
        byte[] across = new byte[5 * 4096];
        across.AsSpan().Fill(9);
        Assert.True(_log.TryWrite(0, 0, across));
        Assert.Equal(4, _log.End);
        Assert.Equal(before + (3 * 4096) + (2 * BlockLog.OperationBytes), _log.Bytes);
        Assert.Equal(new DiskOperation(DiskOperationKind.Write, 0, 4096, 2 * 4096), Read(2, 9));
        Assert.Equal(new DiskOperation(DiskOperationKind.Write, 0, 4 * 4096, 4096), Read(3, 9));
        Read(0, 9);
        Read(1, 9);
    }

    [Fact]
    public void Sectors_of_one_block_that_are_written_by_turns_replace_each_other()
    {
        for (byte round = 1; round <= 50; round++)
        {
            Write(0, 0, round);
            Write(0, 1024, round);
        }

        Assert.Equal(2, _log.End);
        Read(0, 50);
        Read(1, 50);
    }

    [Fact]
    public void Zeros_of_more_blocks_than_are_noted_stand_between_what_came_before_and_after_them()
    {
        Write(0, 0, 1);
        Zero(0, 0, DiskBytes);
        Write(0, 0, 2);
        Write(0, 0, 3);
        Assert.Equal(3, _log.End);
        Read(0, 1);
        Read(2, 3);
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
    public void A_write_is_not_moved_before_one_that_overlaps_it_in_part()
    {
        Assert.True(_log.TryWrite(0, 0, new byte[1024]));
        Write(1, 0, 1);
        Write(0, 512, 2);
        Assert.True(_log.TryWrite(0, 1024, new byte[1024]));
        byte[] both = new byte[1024];
        both.AsSpan().Fill(3);
        Assert.True(_log.TryWrite(0, 512, both));
        Assert.Equal(4, _log.End);
        Read(3, 3);
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

    [Fact]
    public void Blocks_that_are_written_again_and_again_take_no_new_memory()
    {
        byte[] block = new byte[4096];
        var random = new Random(1);
        long allocated = 0;
        for (int write = 0; write < 4000; write++)
        {
            if (write == 2000) allocated = GC.GetAllocatedBytesForCurrentThread();
            Assert.True(_log.TryWrite(0, random.Next(200) * 4096L, block));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - allocated);
        Assert.InRange(_log.Bytes, 1, 200 * (4096 + BlockLog.OperationBytes));
    }

    [Fact]
    public void A_log_with_few_slots_forgets_where_blocks_are_but_never_what_was_written()
    {
        // 64 slots for the 512 blocks of two disks.
        for (int seed = 0; seed < 20; seed++) CheckEpochs(new Random(seed), new BlockLog(256 * 1024), epochs: 10, 20);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whole_blocks_rewritten_among_others_give_what_the_guest_sees_at_every_cut(int seed) =>
        CheckEpochs(new Random(seed), _log, epochs: 60, 120);

    // Mostly whole blocks of a small set, as a database has them, with parts, runs and long zeros among them.
    private static void CheckEpochs(Random random, BlockLog log, int epochs, int writes)
    {
        var guest = new DiskModel(DiskBytes, DiskBytes);
        var shadow = new DiskModel(DiskBytes, DiskBytes);
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            for (int i = random.Next(writes); i > 0; i--)
            {
                int disk = random.Next(2);
                int what = random.Next(40);
                long offset = random.Next(random.Next(3) == 0 ? 240 : 12) * 4096L;
                byte[] data = new byte[what < 32 ? 4096 : 512 * random.Next(1, 40)];
                random.NextBytes(data);
                if (what == 39) Zero(guest, log, disk, 0, DiskBytes);
                else if (what > 36) Zero(guest, log, disk, offset, Math.Min(data.Length, DiskBytes - offset));
                else Write(guest, log, disk, offset + (what > 34 ? 512 : 0), data);
                if (random.Next(60) == 0 && log.End > log.First)
                    Assert.True(log.TryPeek(random.NextInt64(log.First, log.End), out _, out _));
            }

            long end = log.Cut();
            for (int i = random.Next(3); i > 0; i--) Replay(log, shadow, end);
            Replay(log, shadow, end);
            log.Release(end);
            Assert.True(guest[0].SequenceEqual(shadow[0]) && guest[1].SequenceEqual(shadow[1]), $"epoch {epoch}");
        }
    }

    private static void Write(DiskModel guest, BlockLog log, int disk, long offset, byte[] data)
    {
        data = data[..(int)Math.Min(data.Length, DiskBytes - offset)];
        guest.Write(disk, offset, data);
        Assert.True(log.TryWrite(disk, offset, data));
    }

    private static void Zero(DiskModel guest, BlockLog log, int disk, long offset, long length)
    {
        guest.Zero(disk, offset, length);
        Assert.True(log.TryZero(disk, offset, length));
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
            if (random.Next(3) == 0) Replay(_log, shadow, end);
            Replay(_log, shadow, end);
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

    private static void Replay(BlockLog log, DiskModel shadow, long end)
    {
        byte[] data = new byte[DiskOperation.DataBytesMax];
        for (long number = log.First; number < end; number++)
        {
            Assert.True(log.TryRead(number, data, out DiskOperation operation));
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
