using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>
/// The metadata's file: two slots that are overwritten in turn, the one that counts never. So a word is durable after
/// one flush of a file that keeps its size and its name, where a replacement takes the directory's too; and what a
/// power cut tears is the slot that did not count yet. The newest whole slot counts.
/// </summary>
internal sealed class MetadataFile(IShadowMedia media, IContentHash hash)
{
    private const int Slots = 2;
    private const int FileBytes = Slots * StoreMetadata.SlotBytes;

    /// <summary>Slot of the last word that is surely durable; -1: the file has to be made first.</summary>
    private int _counts = -1;
    private ulong _sequence;

    /// <summary>The last word; null without a failure when there is no file. Afterwards it is durable.</summary>
    public CallOutcome Read(out StoreMetadata? metadata)
    {
        metadata = null;
        _counts = -1;
        long bytes = media.FileBytes(ShadowVolume.Disk, StoreFiles.Metadata);
        if (bytes < 0) return CallOutcome.Done;
        if (bytes > FileBytes) return Damaged;
        byte[] content = new byte[bytes];
        CallOutcome outcome = media.ReadFile(ShadowVolume.Disk, StoreFiles.Metadata, 0, content);
        if (!outcome.Succeeded) return outcome;
        for (int slot = 0; slot < Slots && bytes == FileBytes; slot++)
        {
            StoreMetadata? whole = StoreMetadata.Decode(
                content.AsSpan(slot * StoreMetadata.SlotBytes, StoreMetadata.SlotBytes), hash, out ulong sequence);
            if (whole is null || (_counts >= 0 && sequence < _sequence)) continue;
            (metadata, _counts, _sequence) = (whole, slot, sequence);
        }

        // An agent may have died between a slot's write and its flush, and what is read here is told to others: the
        // same bytes again, for a page whose flush failed counts as clean.
        if (metadata is not null)
            return Overwrite(_counts, content.AsSpan(_counts * StoreMetadata.SlotBytes, StoreMetadata.SlotBytes));
        metadata = StoreMetadata.DecodeFormer(content, hash);
        return metadata is null ? Damaged : CallOutcome.Done;
    }

    /// <summary>
    /// Makes <paramref name="metadata"/> the last word, durably. After a failure it may be that nevertheless, until
    /// another one is written: that goes into the same slot.
    /// </summary>
    public CallOutcome Write(StoreMetadata metadata)
    {
        byte[] bytes = metadata.Encode(hash, ++_sequence);
        if (bytes.Length > StoreMetadata.SlotBytes)
            return CallOutcome.Failed("the shadow's metadata is over its limit");
        int slot = _counts < 0 ? 0 : 1 - _counts;
        CallOutcome outcome = _counts < 0 ? Make(bytes) : Overwrite(slot, bytes);
        if (outcome.Succeeded) _counts = slot;
        return outcome;
    }

    private static CallOutcome Damaged => CallOutcome.Failed("the shadow's metadata is damaged");

    private CallOutcome Make(ReadOnlySpan<byte> first)
    {
        byte[] file = new byte[FileBytes];
        first.CopyTo(file);
        return media.ReplaceFile(ShadowVolume.Disk, StoreFiles.Metadata, file);
    }

    private CallOutcome Overwrite(int slot, ReadOnlySpan<byte> bytes)
    {
        long offset = (long)slot * StoreMetadata.SlotBytes;
        CallOutcome outcome = media.WriteFile(ShadowVolume.Disk, StoreFiles.Metadata, offset, bytes);
        return outcome.Succeeded ? media.FlushFile(ShadowVolume.Disk, StoreFiles.Metadata) : outcome;
    }
}
