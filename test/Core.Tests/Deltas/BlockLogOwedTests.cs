using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Testing;
using Xunit;

namespace Umbra.Core.Tests.Deltas;

/// <summary>What a log over its limit owes.</summary>
public class BlockLogOwedTests
{
    private const int DiskBytes = 64 * Sizes.Page;
    private static readonly long[] s_sizes = [DiskBytes, DiskBytes + 512];

    [Fact]
    public void An_overflow_owes_what_was_held_what_did_not_fit_and_what_comes_after()
    {
        var log = new BlockLog(4 * Sizes.Page);
        log.Restart(s_sizes);
        Assert.True(log.TryWrite(0, 0, new byte[2 * Sizes.Page]));
        Assert.True(log.TryZero(1, DiskBytes, 512));
        Assert.False(log.TryWrite(0, 8 * Sizes.Page, new byte[2 * Sizes.Page]));
        Assert.False(log.TryWrite(0, 20 * Sizes.Page, new byte[512]));
        Assert.Equal(6 * Sizes.Page, log.OwedBytes);
        log.CatchUp();
        Assert.Equal(
            [
                (0, 0, 2 * Sizes.Page), (0, 8 * Sizes.Page, 2 * Sizes.Page), (0, 20 * Sizes.Page, Sizes.Page),
                (1, DiskBytes, 512),
            ],
            Take(log).Order());
        Assert.Equal(0, log.OwedBytes);
    }

    [Fact]
    public void A_block_that_is_written_to_while_it_is_read_is_owed_again_and_the_others_are_logged()
    {
        var log = new BlockLog(Sizes.MiB);
        log.Restart(s_sizes);
        log.TryWrite(0, 0, new byte[4 * Sizes.Page]);
        log.CatchUp();
        Assert.True(log.TryTakeOwed(Sizes.MiB, out int disk, out long offset, out int length));
        Assert.Equal((0, 0, 4 * Sizes.Page), (disk, offset, length));
        Assert.True(log.TryWrite(0, Sizes.Page + 512, new byte[512]));
        log.PutOwed(new byte[length]);
        Assert.Equal(Sizes.Page, log.OwedBytes);
        Assert.Equal(3 * Sizes.Page, Held(log).Sum(o => o.Length));
        Assert.DoesNotContain(Held(log), o => o.Offset <= Sizes.Page && o.Offset + o.Length > Sizes.Page);
    }

    [Fact]
    public void What_was_forgone_is_owed_again_unless_it_was_released()
    {
        var log = new BlockLog(Sizes.MiB);
        log.Restart(s_sizes);
        log.TryWrite(0, 0, new byte[Sizes.Page]);
        log.CatchUp();
        log.TryTakeOwed(Sizes.MiB, out _, out _, out int length);
        log.PutOwed(new byte[length]);
        log.Forgo(log.End);
        Assert.Equal((0, 0), (log.Bytes, log.OwedBytes));
        log.CatchUp();
        Assert.Equal(Sizes.Page, log.OwedBytes);
        log.TryTakeOwed(Sizes.MiB, out _, out _, out length);
        log.PutOwed(new byte[length]);
        log.Forgo(log.End);
        log.Release(log.Cut());
        log.CatchUp();
        Assert.Equal(0, log.OwedBytes);
    }

    [Fact]
    public void A_piece_that_was_not_read_is_owed_as_before()
    {
        var log = new BlockLog(Sizes.MiB);
        log.Restart(s_sizes);
        log.TryWrite(1, DiskBytes, new byte[512]);
        log.CatchUp();
        Assert.True(log.TryTakeOwed(Sizes.MiB, out _, out _, out _));
        log.DropTaken();
        Assert.Equal([(1, DiskBytes, 512)], Take(log));
    }

    [Fact]
    public void Without_the_disks_sizes_or_with_one_too_large_nothing_is_remembered()
    {
        var log = new BlockLog(Sizes.Page);
        foreach (long[] sizes in new long[][] { [], [DiskBytes, OwedBlocks.DiskBytesMax + 512] })
        {
            log.Restart(sizes);
            Assert.False(log.TryWrite(1, 0, new byte[Sizes.Page]));
            Assert.False(log.CanCatchUp);
            Assert.Equal(0, log.OwedBytes);
        }
    }

    [Fact]
    public void Bitmaps_are_bounded_whatever_the_disk()
    {
        Assert.Equal(Sizes.Page, new OwedBlocks([128L * 1024 * Sizes.MiB]).BlockBytes(0));
        Assert.Equal(2 * Sizes.Page, new OwedBlocks([(128L * 1024 * Sizes.MiB) + 512]).BlockBytes(0));
        Assert.Equal(Sizes.MiB, new OwedBlocks([OwedBlocks.DiskBytesMax]).BlockBytes(0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Whatever_is_written_forgotten_sent_and_begun_anew_a_cut_has_what_the_guest_sees(int seed)
    {
        var random = new Random(seed);
        var log = new BlockLog(random.Next(3, 30) * Sizes.Page);
        var guest = new DiskModel(DiskBytes, DiskBytes + 512);
        var shadow = new DiskModel(DiskBytes, DiskBytes + 512);
        log.Restart(s_sizes);
        int catchUps = 0, pieces = 0, losses = 0;
        for (int epoch = 0; epoch < 400; epoch++)
        {
            for (int i = random.Next(30); i > 0; i--) Write(random, guest, log);
            bool beginsAnew = log.Overflowed || random.Next(10) == 0;
            while (beginsAnew || log.OwedBytes > 0)
            {
                if (beginsAnew)
                {
                    log.CatchUp();
                    catchUps++;
                    beginsAnew = false;
                    continue;
                }

                Assert.True(log.TryTakeOwed(random.Next(1, 9) * Sizes.Page, out int disk, out long at, out int length));
                if (random.Next(4) == 0) Write(random, guest, log);
                byte[] piece = guest[disk].Slice((int)at, length).ToArray();
                if (random.Next(4) == 0) Write(random, guest, log);
                if (random.Next(20) == 0) log.DropTaken();
                else log.PutOwed(piece);
                pieces++;
                // One in fifty is lost on its way with all that follows: the reader begins anew.
                beginsAnew = random.Next(50) == 0;
                losses += beginsAnew ? 1 : 0;
                if (!beginsAnew) Replay(log, shadow);
                log.Forgo(log.End);
            }

            long end = log.Cut();
            Replay(log, shadow);
            log.Release(end);
            Assert.True(guest[0].SequenceEqual(shadow[0]) && guest[1].SequenceEqual(shadow[1]), $"epoch {epoch}");
        }

        Assert.True(catchUps > 50 && pieces > 200 && losses > 5, $"{catchUps} times, {pieces} pieces, {losses} lost");
    }

    private static void Write(Random random, DiskModel guest, BlockLog log)
    {
        int disk = random.Next(2);
        long sectors = s_sizes[disk] / 512;
        long from = random.NextInt64(sectors);
        long count = Math.Min(random.Next(1, 40), sectors - from);
        if (random.Next(3) == 0) (from, count) = (random.NextInt64(64) * 8, 8);
        if (random.Next(6) == 0)
        {
            guest.Zero(disk, from * 512, count * 512);
            log.TryZero(disk, from * 512, count * 512);
            return;
        }

        byte[] data = new byte[count * 512];
        random.NextBytes(data);
        guest.Write(disk, from * 512, data);
        log.TryWrite(disk, from * 512, data);
    }

    private static void Replay(BlockLog log, DiskModel shadow)
    {
        for (long number = log.First; number < log.End; number++)
        {
            Assert.True(log.TryPeek(number, out DiskOperation operation, out ReadOnlySpan<byte> data));
            if (operation.Kind == DiskOperationKind.Zero)
                shadow.Zero(operation.Disk, operation.Offset, operation.Length);
            else
                shadow.Write(operation.Disk, operation.Offset, data);
        }
    }

    private static List<DiskOperation> Held(BlockLog log)
    {
        var held = new List<DiskOperation>();
        for (long number = log.First; number < log.End; number++)
        {
            Assert.True(log.TryPeek(number, out DiskOperation operation, out _));
            held.Add(operation);
        }

        return held;
    }

    private static List<(int Disk, long Offset, int Length)> Take(BlockLog log)
    {
        var taken = new List<(int, long, int)>();
        while (log.TryTakeOwed(Sizes.MiB, out int disk, out long offset, out int length))
        {
            taken.Add((disk, offset, length));
            log.PutOwed(new byte[length]);
            log.Forgo(log.End);
        }

        return taken;
    }
}
