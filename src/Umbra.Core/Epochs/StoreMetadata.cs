using System.Buffers.Binary;
using System.Text;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>What a shadow's RAM and disks are worth. The numbers are on disk.</summary>
public enum StoreState : byte
{
    /// <summary>Never written to: RAM and disks are zeros.</summary>
    Blank = 0,

    /// <summary>Written to, but no complete epoch: of use for comparing hashes only.</summary>
    Incomplete = 1,

    /// <summary>RAM, disks, device state and configuration are those of the committed epoch.</summary>
    Complete = 2,

    /// <summary>A VM runs on RAM and disks: this is no shadow any more.</summary>
    Retired = 3,

    /// <summary>
    /// The host went down and its memory with it: the disks are those of the committed epoch, RAM is gone. A VM could
    /// be booted from them, but not go on where it was.
    /// </summary>
    DisksOnly = 4,
}

/// <summary>An epoch that the shadow holds or can be rolled back to.</summary>
/// <param name="Epoch">Its number.</param>
/// <param name="Digest">Its digest.</param>
/// <param name="Ram">Digest of its RAM.</param>
/// <param name="Configuration">Epoch whose configuration file is its configuration.</param>
public readonly record struct HeldEpoch(
    EpochNumber Epoch, ulong Digest, RamDigest Ram, EpochNumber Configuration)
{
    /// <summary>
    /// Number of the file that leads the disks back to the epoch before; 0: the file that is named by the epoch's
    /// number, as version 1 did.
    /// </summary>
    internal int UndoSlot { get; init; }
}

/// <summary>
/// What a shadow is. Its becoming durable (<see cref="MetadataFile"/>) is the moment at which an epoch counts as
/// committed. Layout in docs/formats/shadow-store.md.
/// </summary>
internal sealed record StoreMetadata
{
    /// <summary>Version of all the store's files.</summary>
    public const ushort Version = 2;

    /// <summary>The version before, still read: its metadata was one file, replaced as a whole.</summary>
    public const ushort FormerVersion = 1;

    /// <summary>Room for one word; more is refused.</summary>
    public const int SlotBytes = 64 * Sizes.KiB;

    /// <summary>Most epochs kept, the newest included.</summary>
    public const int HeldMax = 64;

    private const uint Magic = 0x53424D55; // "UMBS"
    private const int TextMax = 256;
    private const int HeaderBytes = 24;

    public StoreState State { get; init; }

    /// <summary>Newest generation that the shadow has promised itself to; older ones are refused.</summary>
    public Generation Promised { get; init; }

    /// <summary>RAM in pages; 0 before the first hello.</summary>
    public long PageCount { get; init; }

    /// <summary>Life of the host's memory in which RAM and undo logs of pages were written.</summary>
    public string BootToken { get; init; } = "";

    /// <summary>Epoch to which a roll-back is under way; none: there is none.</summary>
    public EpochNumber RollBackTo { get; init; }

    /// <summary>Every disk ever seen; undo logs name them by their place here.</summary>
    public IReadOnlyList<DiskGeometry> Disks { get; init; } = [];

    /// <summary>
    /// Epochs held, oldest first; the last one is the committed one. Empty unless complete or retired.
    /// </summary>
    public IReadOnlyList<HeldEpoch> Held { get; init; } = [];

    public HeldEpoch Newest => Held.Count == 0 ? default : Held[^1];

    /// <summary>The word's bytes; of two whole ones the one with the greater sequence counts.</summary>
    public byte[] Encode(IContentHash hash, ulong sequence)
    {
        List<byte> bytes = new(256);
        Put32(bytes, Magic);
        Put16(bytes, Version);
        Put16(bytes, (ushort)State);
        Put64(bytes, sequence);
        Put64(bytes, 0); // the length, known at the end
        Put64(bytes, Promised.Value);
        Put64(bytes, (ulong)PageCount);
        Put64(bytes, RollBackTo.Value);
        PutText(bytes, BootToken);
        Put16(bytes, (ushort)Disks.Count);
        foreach (DiskGeometry disk in Disks)
        {
            PutText(bytes, disk.Id);
            Put64(bytes, (ulong)disk.Bytes);
        }

        Put16(bytes, (ushort)Held.Count);
        foreach (HeldEpoch held in Held)
        {
            Put64(bytes, held.Epoch.Value);
            Put64(bytes, held.Digest);
            Put64(bytes, held.Ram.Value);
            Put64(bytes, held.Configuration.Value);
            Put16(bytes, (ushort)held.UndoSlot);
        }

        byte[] whole = [.. bytes, .. new byte[8]];
        BinaryPrimitives.WriteUInt64LittleEndian(whole.AsSpan(16), (ulong)whole.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(whole.AsSpan(bytes.Count), hash.Hash(whole.AsSpan(0, bytes.Count)));
        return whole;
    }

    /// <summary>Reads a slot back; null when what it holds is not whole, not ours, or of another version.</summary>
    public static StoreMetadata? Decode(ReadOnlySpan<byte> slot, IContentHash hash, out ulong sequence)
    {
        Reader header = new(slot);
        bool isOurs = header.U32() == Magic && header.U16() == Version;
        var state = (StoreState)header.U16();
        sequence = header.U64();
        ulong bytes = header.U64();
        if (!isOurs || bytes < HeaderBytes + 8 || bytes > (ulong)slot.Length) return null;
        return Checked(slot[..(int)bytes], hash) is { IsEmpty: false } body
            ? ReadBody(new Reader(body[HeaderBytes..]), state, hasSlots: true) : null;
    }

    /// <summary>Reads a file of version 1.</summary>
    public static StoreMetadata? DecodeFormer(ReadOnlySpan<byte> file, IContentHash hash)
    {
        Reader reader = new(Checked(file, hash));
        if (reader.U32() != Magic || reader.U16() != FormerVersion) return null;
        var state = (StoreState)reader.U16();
        return ReadBody(reader, state, hasSlots: false);
    }

    // What is before the hash, or nothing when the hash is another one.
    private static ReadOnlySpan<byte> Checked(ReadOnlySpan<byte> bytes, IContentHash hash)
    {
        if (bytes.Length < 8) return default;
        ReadOnlySpan<byte> body = bytes[..^8];
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes[^8..]) == hash.Hash(body) ? body : default;
    }

    private static StoreMetadata? ReadBody(Reader reader, StoreState state, bool hasSlots)
    {
        StoreMetadata metadata = new()
        {
            State = state,
            Promised = new Generation(reader.U64()),
            PageCount = (long)reader.U64(),
            RollBackTo = new EpochNumber(reader.U64()),
            BootToken = reader.Text(),
            Disks = ReadDisks(ref reader),
            Held = ReadHeld(ref reader, hasSlots),
        };
        return reader.Good && reader.AtEnd && metadata.State <= StoreState.DisksOnly ? metadata : null;
    }

    private static List<DiskGeometry> ReadDisks(ref Reader reader)
    {
        List<DiskGeometry> disks = [];
        for (int n = reader.U16(); n > 0 && reader.Good; n--)
            disks.Add(new DiskGeometry(reader.Text(), (long)reader.U64()));
        return disks;
    }

    private static List<HeldEpoch> ReadHeld(ref Reader reader, bool hasSlots)
    {
        List<HeldEpoch> held = [];
        for (int n = reader.U16(); n > 0 && reader.Good; n--)
        {
            held.Add(new HeldEpoch(
                new EpochNumber(reader.U64()), reader.U64(), new RamDigest(reader.U64()),
                new EpochNumber(reader.U64()))
            {
                UndoSlot = hasSlots ? reader.U16() : 0,
            });
        }

        return held;
    }

    private static void Put16(List<byte> to, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        to.AddRange(bytes);
    }

    private static void Put32(List<byte> to, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        to.AddRange(bytes);
    }

    private static void Put64(List<byte> to, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        to.AddRange(bytes);
    }

    private static void PutText(List<byte> to, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Invariant.Holds(bytes.Length <= TextMax, "text of the store's metadata within its limit");
        Put16(to, (ushort)bytes.Length);
        to.AddRange(bytes);
    }

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public bool Good { get; private set; } = true;

        public readonly bool AtEnd => _rest.IsEmpty;

        public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

        public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

        public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

        public string Text() => Encoding.UTF8.GetString(Take(Math.Min(U16(), (ushort)TextMax)));

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count > _rest.Length)
            {
                Good = false;
                _rest = default;
                return new byte[count];
            }

            ReadOnlySpan<byte> taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}
