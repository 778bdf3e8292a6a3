using System.Buffers.Binary;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Fuzz.Harness;
using Umbra.Testing;
using Umbra.Testing.Replication;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// A store's files as another program may have left them, with hashes that fit: the store recovers or says why not, and
/// what an undo log says never reaches beyond RAM and disks. The first byte tells which file it is.
/// </summary>
public sealed class ShadowStoreTarget : IFuzzTarget
{
    private const int SlotBytes = 64 * Sizes.KiB;
    private const int Pages = 4;
    private const int DiskBytes = 2 * Sizes.Block;
    private static readonly PageBatchDecoder s_pages = new(TestContentHash.Instance, BatchCodecs.None);
    private static readonly BlockBatchDecoder s_blocks = new(TestContentHash.Instance, BatchCodecs.None);

    public string Name => "shadow-store";

    public IReadOnlyList<byte[]> Seeds { get; } =
    [
        [0, .. Metadata(rollBackTo: 0)], [0, .. Metadata(rollBackTo: 1)], [1, .. Log(disk: 0, 512)],
        [2, .. Log(-1, 4096)],
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty) return;
        byte[] content = input[1..].ToArray();
        byte[] metadata = input[0] == 0 ? content : Metadata(rollBackTo: 0);
        // The model takes the room that it is asked for.
        if (metadata.Length is < 50 or > SlotBytes - 8 || TooLarge(metadata)) return;
        var media = new ModelMedia();
        byte[] file = new byte[2 * SlotBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(metadata.AsSpan(16), (ulong)metadata.Length + 8);
        Sealed(metadata).CopyTo(file, 0);
        media.ReplaceFile(ShadowVolume.Disk, "shadow.meta", file);
        if (input[0] != 0)
        {
            media.WriteFile(
                ShadowVolume.Disk, "undo-slot.001", 0, Sealed(input[0] == 1 ? content : Log(disk: 0, bytes: 512)));
            media.WriteFile(
                ShadowVolume.Memory, "undo-pages.00000000000000000002", 0,
                Sealed(input[0] == 1 ? Log(-1, 4096) : content));
        }

        var store = new ShadowStore(media, TestContentHash.Instance, s_pages, s_blocks, knownGood: 1);
        CallOutcome recovered = store.Recover();
        if (!recovered.Succeeded && recovered.Detail.Length == 0)
            throw new InvalidOperationException("refused without a reason");
        if (media.Memory.Length > 0 && media.Memory.Length != store.PageCount * Sizes.Page)
            throw new InvalidOperationException("RAM of another size");
    }

    private static bool TooLarge(ReadOnlySpan<byte> metadata)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(metadata[32..]) > 64) return true;
        int text = 48 + 2 + BinaryPrimitives.ReadUInt16LittleEndian(metadata[48..]);
        // One disk at most, of the size that it has in the seeds.
        return text + 19 > metadata.Length || BinaryPrimitives.ReadUInt16LittleEndian(metadata[text..]) != 1
            || BinaryPrimitives.ReadUInt16LittleEndian(metadata[(text + 2)..]) != 5
            || BinaryPrimitives.ReadInt64LittleEndian(metadata[(text + 9)..]) != DiskBytes;
    }

    private static byte[] Sealed(byte[] content)
    {
        byte[] whole = [.. content, .. new byte[8]];
        BinaryPrimitives.WriteUInt64LittleEndian(
            whole.AsSpan(content.Length), TestContentHash.Instance.Hash(content));
        return whole;
    }

    // As docs/formats/shadow-store.md has it, without the hash: complete, two epochs held of which one is a log's.
    private static byte[] Metadata(ulong rollBackTo)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write("UMBS"u8);
        writer.Write((ushort)2);
        writer.Write((ushort)StoreState.Complete);
        foreach (ulong value in (ulong[])[1, 0, 1, Pages, rollBackTo]) writer.Write(value);
        writer.Write((ushort)6);
        writer.Write("boot-0"u8);
        writer.Write((ushort)1);
        writer.Write((ushort)5);
        writer.Write("disk0"u8);
        writer.Write((long)DiskBytes);
        int held = rollBackTo == 0 ? 1 : 2;
        writer.Write((ushort)held);
        for (ulong epoch = 1; epoch <= (ulong)held; epoch++)
        {
            foreach (ulong value in (ulong[])[epoch, 0, 0, 1]) writer.Write(value);
            writer.Write((ushort)(epoch - 1));
        }

        writer.Flush();
        return bytes.ToArray();
    }

    // Of epoch 2, leads back to epoch 1, whose digest is 0 here; without the trailer.
    private static byte[] Log(int disk, int bytes)
    {
        using var log = new MemoryStream();
        using var writer = new BinaryWriter(log);
        writer.Write("UMBU"u8);
        writer.Write((ushort)2);
        writer.Write((ushort)0);
        foreach (ulong value in (ulong[])[2, 1, 0]) writer.Write(value);
        writer.Write(disk);
        writer.Write(bytes);
        writer.Write(1L);
        writer.Write((long)bytes);
        writer.Write(new byte[bytes]);
        writer.Write(-2);
        writer.Write(new byte[20]);
        writer.Flush();
        return log.ToArray();
    }
}
