using System.Buffers.Binary;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Testing;
using Umbra.Testing.Replication;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>The store's files: their layout, what is left in them, and those of the version before.</summary>
public sealed partial class ShadowStoreTests
{
    [Fact]
    public void Of_the_metadatas_slots_the_newest_whole_one_counts()
    {
        ModelMedia media = Committed(out ShadowStore store);
        Assert.True(store.Promise(new Generation(7)).Succeeded);
        Assert.Equal(new Generation(7), Recovered(media).Promised);
        Damage(media, slot: 0);
        Assert.Equal(new Generation(1), Recovered(media).Promised);
        Assert.True(Recovered(media).Promise(new Generation(8)).Succeeded);
        Assert.Equal(new Generation(8), Recovered(media).Promised);
    }

    [Fact]
    public void Damaged_metadata_is_said_to_be_so()
    {
        ModelMedia media = Committed(out _);
        Damage(media, slot: 0);
        Damage(media, slot: 1);
        ShadowStore store = NewStore(media);
        Assert.Contains("damaged", store.Recover().Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_read_is_durable_though_its_writer_died_before_the_flush()
    {
        ModelMedia media = Committed(out _);
        int flushes = 0;
        media.Intercept = call => call == "FlushMetadata" && flushes++ > 0 ? throw new ModelCrashException(call) : null;
        Assert.Throws<ModelCrashException>(() => Recovered(media).Promise(new Generation(9)));
        media.Intercept = _ => null;
        Assert.Equal(new Generation(9), Recovered(media).Promised);
        media.LoseHost("boot-1", () => false);
        Assert.Equal(new Generation(9), Recovered(media).Promised);
    }

    [Fact]
    public void A_log_left_in_its_file_by_another_commit_leads_nowhere()
    {
        ModelMedia media = Committed(out ShadowStore store);
        Assert.True(Apply(store, 2, page: 3).Accepted);
        byte[] log = Bytes(media, ShadowVolume.Disk, "undo-slot.001");
        Assert.True(store.RollBack(new EpochNumber(1)).Succeeded);
        Assert.True(Apply(store, 3, page: 4).Accepted);
        byte[][] now = Contents(media);
        // As if a power cut had brought it back; and one that names the epoch, and another content of it.
        Assert.True(media.WriteFile(ShadowVolume.Disk, "undo-slot.002", 0, log).Succeeded);
        BinaryPrimitives.WriteUInt64LittleEndian(log.AsSpan(16), 3);
        Assert.True(media.WriteFile(ShadowVolume.Disk, "undo-slot.003", 0, Sealed(log)).Succeeded);
        ShadowStore after = Recovered(media);
        Assert.Equal(now, Contents(media));
        Assert.True(after.RollBack(new EpochNumber(1)).Succeeded);
        AssertNextCommits(after);
    }

    [Fact]
    public void A_store_of_the_former_version_is_taken_over_with_a_commit_that_was_interrupted()
    {
        ModelMedia media = Committed(out _);
        byte[][] old = Contents(media);
        Assert.True(CrashBefore(media, "FlushDisk", store => Apply(store, 2, page: 3)));
        media.Intercept = _ => null;
        MakeFormer(media);
        Assert.NotEqual(old, Contents(media));
        ShadowStore after = Recovered(media);
        Assert.Equal(old, Contents(media));
        Assert.Equal(new Generation(1), after.Promised);
        AssertNextCommits(after);
        Assert.DoesNotContain("undo-blocks.00000000000000000002", media.ListFiles(ShadowVolume.Disk));
        Assert.Equal(new EpochNumber(20), Recovered(media).Committed);
    }

    [Fact]
    public void The_metadata_is_laid_out_as_written_down()
    {
        ModelMedia media = Committed(out _);
        byte[] file = Bytes(media, ShadowVolume.Disk, "shadow.meta");
        Assert.Equal(128 * 1024, file.Length);
        string expected =
            "554D4253" + "0200" + "0200" + "0400000000000000" + "7500000000000000" + "0100000000000000"
            + "1000000000000000" + "0000000000000000" + "0600626F6F742D30" + "0100" + "05006469736B30"
            + "0000020000000000" + "0100" + "0100000000000000";
        ReadOnlySpan<byte> second = file.AsSpan(64 * 1024);
        Assert.Equal(expected, Convert.ToHexString(second[..(expected.Length / 2)]));
        int bytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(second[16..]);
        Assert.Equal("0100000000000000" + "0000", Convert.ToHexString(second[(bytes - 18)..(bytes - 8)]));
        Assert.Equal(
            TestContentHash.Instance.Hash(second[..(bytes - 8)]),
            BinaryPrimitives.ReadUInt64LittleEndian(second[(bytes - 8)..]));
        Assert.Equal("554D4253" + "0200" + "0100" + "0300000000000000", Convert.ToHexString(file.AsSpan(0, 16)));
    }

    [Fact]
    public void An_undo_log_is_laid_out_as_written_down()
    {
        ModelMedia media = Committed(out ShadowStore store);
        string digest = Convert.ToHexString(BitConverter.GetBytes(store.Digest));
        Assert.True(Apply(store, 2, page: 3).Accepted);
        byte[] log = Bytes(media, ShadowVolume.Memory, "undo-pages.00000000000000000002");
        string header = "554D4255" + "0200" + "0000" + "0200000000000000" + "0100000000000000" + digest;
        Assert.Equal(
            header + "FFFFFFFF" + "00000000" + "0300000000000000" + "0010000000000000"
            + "FEFFFFFF" + "00000000" + "0000000000000000" + "0000000000000000",
            Convert.ToHexString(log.AsSpan(0, 80)));
        Assert.Equal(
            TestContentHash.Instance.Hash(log.AsSpan(0, 80)), BinaryPrimitives.ReadUInt64LittleEndian(log.AsSpan(80)));
        byte[] slot = Bytes(media, ShadowVolume.Disk, "undo-slot.001");
        Assert.Equal(256 * 1024, slot.Length);
        Assert.Equal(header, Convert.ToHexString(slot.AsSpan(0, 32)));
    }

    private static byte[] Bytes(ModelMedia media, ShadowVolume volume, string name)
    {
        byte[] bytes = new byte[media.FileBytes(volume, name)];
        Assert.True(media.ReadFile(volume, name, 0, bytes).Succeeded);
        return bytes;
    }

    private static void Damage(ModelMedia media, int slot)
    {
        byte[] file = Bytes(media, ShadowVolume.Disk, "shadow.meta");
        file[(slot * 64 * 1024) + 33] ^= 4;
        Assert.True(media.ReplaceFile(ShadowVolume.Disk, "shadow.meta", file).Succeeded);
    }

    // A log ends with an entry for disk -2; what follows in its file is of older ones.
    private static byte[] Sealed(byte[] file)
    {
        int at = 32;
        while (BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at)) != -2)
            at += 24 + BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
        byte[] log = file[..(at + 24 + 8)];
        ulong hash = TestContentHash.Instance.Hash(log.AsSpan(0, at + 24));
        BinaryPrimitives.WriteUInt64LittleEndian(log.AsSpan(at + 24), hash);
        return log;
    }

    // Version 1: one word, replaced as a whole, without sequence, length and the files of undo logs; these had a file
    // for each epoch, and no digest.
    private static void MakeFormer(ModelMedia media)
    {
        byte[] slot = Bytes(media, ShadowVolume.Disk, "shadow.meta")[(64 * 1024)..];
        int bytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(slot.AsSpan(16));
        byte[] word = [.. slot[..8], .. slot[24..(bytes - 10)], .. new byte[8]];
        word[4] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(
            word.AsSpan(word.Length - 8), TestContentHash.Instance.Hash(word.AsSpan(0, word.Length - 8)));
        Assert.True(media.ReplaceFile(ShadowVolume.Disk, "shadow.meta", word).Succeeded);
        byte[] blocks = Bytes(media, ShadowVolume.Disk, "undo-slot.001");
        byte[] pages = Bytes(media, ShadowVolume.Memory, "undo-pages.00000000000000000002");
        foreach (byte[] log in (byte[][])[blocks, pages])
        {
            log[4] = 1;
            log.AsSpan(24, 8).Clear();
        }

        Assert.True(media.DeleteFile(ShadowVolume.Disk, "undo-slot.001").Succeeded);
        Assert.True(media.WriteFile(
            ShadowVolume.Disk, "undo-blocks.00000000000000000002", 0, Sealed(blocks)).Succeeded);
        Assert.True(media.DeleteFile(ShadowVolume.Memory, "undo-pages.00000000000000000002").Succeeded);
        Assert.True(media.WriteFile(
            ShadowVolume.Memory, "undo-pages.00000000000000000002", 0, Sealed(pages)).Succeeded);
    }
}
