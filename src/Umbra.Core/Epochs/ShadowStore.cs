using System.Buffers;
using System.Buffers.Binary;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>Whether the store took what it was given.</summary>
/// <param name="Accepted">Whether it did.</param>
/// <param name="Reason">Why not; of no meaning when accepted.</param>
/// <param name="Detail">The same for people; empty when accepted.</param>
public readonly record struct StoreOutcome(bool Accepted, RejectReason Reason, string Detail)
{
    /// <summary>It did.</summary>
    public static StoreOutcome Ok => new(true, default, "");

    /// <summary>It did not, because of <paramref name="reason"/>.</summary>
    public static StoreOutcome Refused(RejectReason reason, string detail) => new(false, reason, detail);

    internal static StoreOutcome Storage(CallOutcome outcome) =>
        outcome.Succeeded ? Ok : Refused(RejectReason.Storage, outcome.Detail);
}

/// <summary>
/// A shadow at rest: RAM, disks, device state and configuration of one committed epoch, and the way back to some
/// earlier ones. An epoch is staged beside it, verified, and only then applied, after its undo logs are complete and
/// flushed; the metadata's flush is the moment of commit. A crash at any point leaves either epoch whole.
/// <para>
/// A shadow that holds no complete epoch has nothing to lose: what comes is written through, and counts once the epoch
/// is committed. Sequence of calls: <see cref="Recover"/>, <see cref="Prepare"/>, then for each epoch
/// <see cref="Begin"/>, <c>Stage</c>..., <see cref="End"/>, <see cref="Verify"/> until done, <see cref="Commit"/>.
/// Files in docs/formats/shadow-store.md. Not thread-safe.
/// </para>
/// </summary>
public sealed partial class ShadowStore
{
    private readonly IShadowMedia _media;
    private readonly IContentHash _hash;
    private readonly PageBatchDecoder _pageDecoder;
    private readonly BlockBatchDecoder _blockDecoder;
    private readonly BatchHistory? _history;
    private readonly StagedEpoch _staged;
    private readonly MetadataFile _metadataFile;
    private readonly ArrayBufferWriter<byte> _deviceState = new();
    private readonly ArrayBufferWriter<byte> _configuration = new();
    private readonly byte[] _page = new byte[Sizes.Page];
    private readonly byte[] _block = new byte[Sizes.Block];
    private readonly byte[] _zeroPage = new byte[Sizes.Page];
    private readonly byte[] _undoChunk = GC.AllocateUninitializedArray<byte>(UndoLogWriter.ChunkBytes);
    private StoreMetadata _metadata = new();
    private IReadOnlyList<DiskGeometry> _disks = [];
    private int[] _slots = [];
    private bool _needsRecovery = true;
    private EpochBegin? _open;
    private EpochEnd? _end;
    private EpochDigest _digest;
    private CallOutcome _stageFailure;
    private long _verified;
    private RamDigest _ram;
    private int _knownGood;

    /// <summary>A store on <paramref name="media"/>; <see cref="Recover"/> comes before everything else.</summary>
    /// <param name="media">What it is made of.</param>
    /// <param name="hash">The pair's content hash.</param>
    /// <param name="codecs">The pair's compressors.</param>
    /// <param name="knownGood">Epochs kept besides the newest.</param>
    public ShadowStore(IShadowMedia media, IContentHash hash, BatchCodecs codecs, int knownGood)
        : this(media, hash, new PageBatchDecoder(hash, codecs), new BlockBatchDecoder(hash, codecs), knownGood) =>
        _history = codecs.History;

    /// <summary>
    /// As the other one, with decoders (some MiB) that it shares with stores of the same thread; they have no history.
    /// </summary>
    public ShadowStore(
        IShadowMedia media, IContentHash hash, PageBatchDecoder pageDecoder, BlockBatchDecoder blockDecoder,
        int knownGood)
    {
        _media = media;
        _hash = hash;
        _pageDecoder = pageDecoder;
        _blockDecoder = blockDecoder;
        _staged = new StagedEpoch(media);
        _metadataFile = new MetadataFile(media, hash);
        KnownGood = knownGood;
    }

    /// <summary>What the shadow is worth.</summary>
    public StoreState State => _metadata.State;

    /// <summary>Newest generation it has promised itself to; what carries an older one is refused.</summary>
    public Generation Promised => _metadata.Promised;

    /// <summary>Epochs it holds, oldest first; the last one is the committed one. Empty when it holds none.</summary>
    public IReadOnlyList<HeldEpoch> Held =>
        !_needsRecovery && _metadata.State is (StoreState.Complete or StoreState.Retired) ? _metadata.Held : [];

    /// <summary>After the host lost its memory: the epoch that the disks are of; none otherwise.</summary>
    public EpochNumber DisksOf =>
        _metadata.State == StoreState.DisksOnly ? _metadata.Newest.Epoch : EpochNumber.None;

    /// <summary>The epoch it holds complete; none when it holds none.</summary>
    public EpochNumber Committed => Held.Count == 0 ? EpochNumber.None : Held[^1].Epoch;

    /// <summary>Digest of <see cref="Committed"/>.</summary>
    public ulong Digest => Held.Count == 0 ? 0 : Held[^1].Digest;

    /// <summary>The epoch being staged; none when there is none.</summary>
    public EpochNumber Open => _open?.Epoch ?? EpochNumber.None;

    /// <summary>RAM in pages; 0 before the first <see cref="Prepare"/>.</summary>
    public long PageCount => _metadata.PageCount;

    /// <summary>Epochs kept besides the newest, from the next commit on.</summary>
    public int KnownGood
    {
        get => _knownGood;
        set => _knownGood = Math.Clamp(value, 0, StoreMetadata.HeldMax - 1);
    }

    /// <summary>Whether the staged epoch's configuration differs from the committed one's.</summary>
    public bool ConfigurationChanged => _configuration.WrittenCount > 0;

    /// <summary>The staged epoch's new configuration; empty when it keeps the committed one's.</summary>
    public ReadOnlyMemory<byte> StagedConfiguration => _configuration.WrittenMemory;

    /// <summary>The staged epoch's device state.</summary>
    public ReadOnlyMemory<byte> StagedDeviceState => _deviceState.WrittenMemory;

    private bool WritesThrough => _metadata.State is StoreState.Blank or StoreState.Incomplete;

    /// <summary>
    /// Promises durably to refuse every generation below <paramref name="generation"/>; a promise of an older one
    /// changes nothing.
    /// </summary>
    public CallOutcome Promise(Generation generation) =>
        generation <= _metadata.Promised ? CallOutcome.Done : Save(_metadata with { Promised = generation });

    /// <summary>
    /// Makes RAM and disks be there for a VM of this shape. Disks that are not named keep their contents for the
    /// epochs that have them. Fails when RAM or a disk is there in another size.
    /// </summary>
    public StoreOutcome Prepare(long pageCount, IReadOnlyList<DiskGeometry> disks)
    {
        Drop();
        if (_metadata.PageCount != 0 && _metadata.PageCount != pageCount)
            return StoreOutcome.Refused(RejectReason.Gap, $"its RAM has {_metadata.PageCount} pages, not {pageCount}");
        List<DiskGeometry> all = [.. _metadata.Disks];
        int[] slots = new int[disks.Count];
        for (int i = 0; i < disks.Count; i++)
        {
            slots[i] = all.FindIndex(d => d.Id == disks[i].Id);
            if (slots[i] < 0)
            {
                slots[i] = all.Count;
                all.Add(disks[i]);
            }
            else if (all[slots[i]].Bytes != disks[i].Bytes)
            {
                return StoreOutcome.Refused(
                    RejectReason.Gap, $"its disk {disks[i].Id} has {all[slots[i]].Bytes} bytes, not {disks[i].Bytes}");
            }
        }

        CallOutcome outcome = _media.PrepareMemory(pageCount);
        foreach (DiskGeometry disk in disks)
        {
            if (outcome.Succeeded) outcome = _media.PrepareDisk(disk);
        }

        if (outcome.Succeeded && (_metadata.PageCount != pageCount || all.Count != _metadata.Disks.Count))
            outcome = Save(_metadata with { PageCount = pageCount, Disks = all, BootToken = _media.BootToken });
        if (!outcome.Succeeded) return StoreOutcome.Storage(outcome);
        _slots = slots;
        _disks = [.. disks];
        return StoreOutcome.Ok;
    }

    /// <summary>Opens the staging of an epoch; an epoch that was open is dropped.</summary>
    public StoreOutcome Begin(EpochBegin begin)
    {
        Drop();
        CallOutcome usable = _needsRecovery ? Recover() : CallOutcome.Done;
        if (!usable.Succeeded) return StoreOutcome.Storage(usable);
        if (begin.Generation != _metadata.Promised)
            return StoreOutcome.Refused(RejectReason.StaleGeneration, $"promised to {_metadata.Promised}");
        if (_metadata.State == StoreState.Retired)
            return StoreOutcome.Refused(RejectReason.StaleGeneration, "the VM runs here");
        if (begin.Base != Committed || begin.Epoch <= begin.Base)
            return StoreOutcome.Refused(RejectReason.Gap, $"{begin.Epoch} builds on {begin.Base}, held is {Committed}");
        if (_metadata.State is StoreState.Blank or StoreState.DisksOnly)
        {
            // From here on RAM and disks are written to before the epoch is whole.
            CallOutcome outcome = Save(_metadata with
            {
                State = StoreState.Incomplete,
                Held = [],
                BootToken = _media.BootToken,
            });
            if (!outcome.Succeeded) return StoreOutcome.Storage(outcome);
        }

        _open = begin;
        return StoreOutcome.Ok;
    }

    /// <summary>Forgets the staged epoch.</summary>
    public void Drop()
    {
        _open = null;
        _end = null;
        _digest = default;
        _staged.Clear();
        _deviceState.ResetWrittenCount();
        _configuration.ResetWrittenCount();
        _verified = 0;
    }

    /// <summary>
    /// Hashes of <paramref name="into"/>.Length pages (<paramref name="disk"/> -1) or blocks from
    /// <paramref name="first"/>, as they are on the shadow now; false when the range is not within it or cannot be
    /// read.
    /// </summary>
    public bool TryHash(int disk, long first, Span<ulong> into)
    {
        if (disk == HashRequest.State) return first == 0 && TryHashState(into);
        if (disk < HashRequest.Ram || disk >= _disks.Count || first < 0) return false;
        long units = disk < 0 ? PageCount : (_disks[disk].Bytes + Sizes.Block - 1) / Sizes.Block;
        if (first > units - into.Length) return false;
        for (int i = 0; i < into.Length; i++)
        {
            if (disk < 0)
            {
                _media.ReadPage(first + i, _page);
                into[i] = _hash.Hash(_page);
                continue;
            }

            DiskGeometry geometry = _disks[disk];
            long offset = (first + i) * Sizes.Block;
            Span<byte> block = _block.AsSpan(0, (int)Math.Min(Sizes.Block, geometry.Bytes - offset));
            if (!_media.ReadDisk(geometry.Id, offset, block).Succeeded) return false;
            into[i] = _hash.Hash(block);
        }

        return true;
    }

    private bool TryHashState(Span<ulong> into)
    {
        if (into.Length != HashRequest.StateHashes) return false;
        var bytes = new ArrayBufferWriter<byte>();
        if (!ReadDeviceState(Committed, bytes).Succeeded) return false;
        into[0] = _hash.Hash(bytes.WrittenSpan);
        bytes.ResetWrittenCount();
        if (!ReadConfiguration(Committed, bytes).Succeeded) return false;
        into[1] = _hash.Hash(bytes.WrittenSpan);
        return true;
    }

    /// <summary>
    /// Appends the device state of the committed epoch (or of another one held) to <paramref name="into"/>; fails when
    /// the file is missing or damaged.
    /// </summary>
    public CallOutcome ReadDeviceState(EpochNumber epoch, ArrayBufferWriter<byte> into) =>
        ReadWhole(ShadowVolume.Memory, StoreFiles.DeviceState(epoch), into);

    /// <summary>Appends the configuration of an epoch that is held to <paramref name="into"/>.</summary>
    public CallOutcome ReadConfiguration(EpochNumber epoch, ArrayBufferWriter<byte> into)
    {
        foreach (HeldEpoch held in _metadata.Held)
        {
            if (held.Epoch == epoch)
                return ReadWhole(ShadowVolume.Disk, StoreFiles.Configuration(held.Configuration), into);
        }

        return CallOutcome.Failed($"{epoch} is not held");
    }

    /// <summary>
    /// A VM is about to run on RAM and disks under <paramref name="generation"/>: from here on they are no shadow,
    /// durably. Before the VM's first instruction.
    /// </summary>
    public CallOutcome Retire(Generation generation)
    {
        Invariant.Holds(Committed != EpochNumber.None, "only a complete shadow can be run");
        Invariant.Holds(generation >= Promised, "a VM runs under the newest generation");
        Drop();
        return Save(_metadata with { State = StoreState.Retired, Promised = generation });
    }

    private CallOutcome Save(StoreMetadata metadata)
    {
        CallOutcome outcome = _metadataFile.Write(metadata);
        if (outcome.Succeeded) _metadata = metadata;
        return outcome;
    }

    // Small files end with a hash of their contents.
    private CallOutcome WriteWhole(ShadowVolume volume, string name, ReadOnlySpan<byte> content)
    {
        Span<byte> trailer = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(trailer, _hash.Hash(content));
        CallOutcome outcome = _media.DeleteFile(volume, name);
        if (outcome.Succeeded) outcome = _media.WriteFile(volume, name, 0, content);
        if (outcome.Succeeded) outcome = _media.WriteFile(volume, name, content.Length, trailer);
        return outcome.Succeeded ? _media.FlushFile(volume, name) : outcome;
    }

    private CallOutcome ReadWhole(ShadowVolume volume, string name, ArrayBufferWriter<byte> into)
    {
        long bytes = _media.FileBytes(volume, name) - 8;
        if (bytes < 0 || bytes > ProtocolLimits.StateBytesMax)
            return CallOutcome.Failed($"{name} is missing or damaged");
        Span<byte> content = into.GetSpan((int)bytes + 8)[..((int)bytes + 8)];
        CallOutcome outcome = _media.ReadFile(volume, name, 0, content);
        if (!outcome.Succeeded) return outcome;
        ulong sum = BinaryPrimitives.ReadUInt64LittleEndian(content[(int)bytes..]);
        if (sum != _hash.Hash(content[..(int)bytes])) return CallOutcome.Failed($"{name} is damaged");
        into.Advance((int)bytes);
        return outcome;
    }
}
