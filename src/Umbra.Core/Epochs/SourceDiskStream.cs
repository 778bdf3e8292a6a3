using System.Buffers.Binary;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>
/// The source's view of the disks: how far the log was sent, up to where it belongs to the epoch that was cut, and,
/// while the disks are copied in full, the hashes of the shadow's blocks, so that only differing ones travel. A log
/// that was over its limit catches up: what it owes is read from the disks and sent, and no hash is asked for.
/// </summary>
internal sealed class SourceDiskStream(ISourceDisks disks, SourcePages pages, SourceOptions options)
{
    // Smallest block of the usual filesystems: so far apart do a guest's cached pages begin on its disk.
    private const int NamingStep = Sizes.KiB;

    private readonly BlockBatchEncoder _encoder = new(options.Hash, options.Codecs, options.Compression);
    private byte[] _data = [];
    private readonly ulong[] _zeroHashes = new ulong[2];
    private ulong[][] _hashes = [];
    private PageSet[] _known = [];
    private long _next;
    private long _acknowledged;
    private long _cut = -1;
    private bool _isCutOpen;
    private long _unacknowledged = -1;
    private bool _cutCompletesCopy;
    private bool _catchesUp;
    private bool _reachesBack;

    /// <summary>The disks as they were when the shadow was told about them.</summary>
    public IReadOnlyList<DiskGeometry> Geometry { get; private set; } = [];

    /// <summary>
    /// Whether the log since the shadow's epoch is all that has to be sent; false during a copy, in full or of what is
    /// owed.
    /// </summary>
    public bool Follows { get; private set; }

    /// <summary>Blocks sent because their hashes differ, or were not known.</summary>
    public long BlocksSent { get; private set; }

    /// <summary>Whether a cut can be made.</summary>
    public bool IsReady => disks.State == DiskMirrorState.Ready;

    /// <summary>
    /// Whether the log does not tell all any more: it has to catch up, or the disks to be copied anew.
    /// </summary>
    public bool IsBroken => disks.State is DiskMirrorState.Broken or DiskMirrorState.Owing;

    /// <summary>
    /// Whether the log knows of everything that the shadow's epoch lacks, so that <see cref="CatchUp"/> will do.
    /// </summary>
    public bool CanCatchUp => _reachesBack && disks.State != DiskMirrorState.Broken;

    /// <summary>Why, for people.</summary>
    public string Detail => disks.Detail;

    /// <summary>Part of the copy that is done; 1 when none is under way.</summary>
    public double Progress => Follows ? 1 : disks.Progress;

    /// <summary>Operations logged and not sent yet, those of the next epoch left out.</summary>
    public long Left => Math.Max(0, Limit - _next);

    /// <summary>Whether there is something to send: logged, or to be read first.</summary>
    public bool HasMore => Left > 0 || (_catchesUp && disks.OwedBytes > 0);

    /// <summary>Bytes of the disks that are to be read and sent yet.</summary>
    public long OwedBytes => disks.OwedBytes;

    /// <summary>What the log holds of what is not sent yet, bytes.</summary>
    public long WaitingBytes => disks.BytesFrom(_next);

    /// <summary><see cref="WaitingBytes"/> when the newest cut was made: what was left to send after it.</summary>
    public long WaitedAtCut { get; private set; }

    /// <summary>Bytes of writes that the guest wrote over before they were sent.</summary>
    public long ReplacedBytes => disks.ReplacedBytes;

    private long Limit => _cut >= 0 ? _cut : disks.End;

    /// <summary>Takes the disks as they are now; nothing is known of what the shadow has.</summary>
    public void BeginAnew()
    {
        Geometry = [.. disks.Geometry];
        long dataBytes = Math.Min(DiskOperation.DataBytesMax, Geometry.Select(d => d.Bytes).DefaultIfEmpty().Max());
        if (_data.Length < dataBytes) _data = GC.AllocateUninitializedArray<byte>((int)dataBytes);
        Follows = _catchesUp = _reachesBack = false;
        DropCut();
        _unacknowledged = -1;
        _hashes = new ulong[Geometry.Count][];
        _known = new PageSet[Geometry.Count];
        for (int disk = 0; disk < Geometry.Count; disk++)
        {
            _hashes[disk] = new ulong[Blocks(disk)];
            _known[disk] = new PageSet(Blocks(disk));
        }

        _encoder.Discard();
    }

    /// <summary>Blocks of a disk; the last one may be short.</summary>
    public long Blocks(int disk) => (Geometry[disk].Bytes + Sizes.Block - 1) / Sizes.Block;

    /// <summary>Notes that the shadow's disks hold zeros only.</summary>
    public void SetShadowBlank()
    {
        for (int disk = 0; disk < Geometry.Count; disk++)
        {
            for (long block = 0; block < Blocks(disk); block++) SetHash(disk, block, ZeroHash(disk, block));
        }
    }

    /// <summary>Notes hashes of the shadow's blocks, little-endian u64 each.</summary>
    public void SetShadowHashes(int disk, long first, ReadOnlySpan<byte> hashes)
    {
        for (int i = 0; i < hashes.Length / 8; i++)
            SetHash(disk, first + i, BinaryPrimitives.ReadUInt64LittleEndian(hashes[(i * 8)..]));
    }

    /// <summary>Starts the full copy; the hashes are known by now.</summary>
    public CallOutcome StartCopy()
    {
        CallOutcome outcome = disks.Restart();
        _next = _acknowledged = disks.First;
        return outcome;
    }

    /// <summary>Has the log owe what it forgot, and what was sent of it without being acknowledged.</summary>
    public CallOutcome CatchUp()
    {
        Invariant.Holds(CanCatchUp, "a log that knows what the shadow lacks");
        CallOutcome outcome = disks.CatchUp();
        if (!outcome.Succeeded) return outcome;
        Follows = false;
        _catchesUp = true;
        _next = _acknowledged = disks.First;
        return outcome;
    }

    /// <summary>
    /// Sends operations of the log, until about <paramref name="bytesMax"/> have gone; false when the log broke.
    /// </summary>
    public bool SendSome(EpochWriter writer, long bytesMax)
    {
        // What a block may name is sent before it, and changes no more before it is.
        if (Follows || _catchesUp) pages.Flush(writer);
        for (long bytes = 0; bytes < bytesMax && TryNext(out DiskOperation operation, out bool isBroken);)
        {
            if (isBroken) return false;
            bytes += operation.Kind == DiskOperationKind.Write ? operation.Length : BatchLimits.Sector;
            if (Follows || _catchesUp) AddNaming(writer, operation);
            else AddDiffering(writer, operation);
            _next++;
        }

        if (_encoder.NamesPages) Flush(writer);

        // A copy is not kept: after a lost link it begins anew, a full one from hashes.
        if (_catchesUp) disks.Forgo(_next);
        else if (!Follows) disks.Release(_next);
        return true;
    }

    /// <summary>Sends what the encoder still holds.</summary>
    public void Flush(EpochWriter writer)
    {
        if (_encoder.Count == 0) return;
        ReadOnlyMemory<byte> batch = _encoder.Finish(out BatchStatistics statistics);
        writer.SendBlocks(batch, statistics);
    }

    /// <summary>With the guest paused: ends the epoch's part of the log.</summary>
    public CallOutcome Cut()
    {
        CallOutcome outcome = disks.Cut();
        if (!outcome.Succeeded) return outcome;
        _isCutOpen = true;
        WaitedAtCut = WaitingBytes;
        _cutCompletesCopy = !Follows;
        return outcome;
    }

    /// <summary>
    /// Finds out what belongs to the epoch that was cut; false while its end is not known. What the log has until then
    /// is of the epoch in any case.
    /// </summary>
    public bool FindCutEnd()
    {
        if (_isCutOpen && disks.TryGetCutEnd(out long end)) (_cut, _isCutOpen) = (end, false);
        return !_isCutOpen;
    }

    /// <summary>The barrier failed after the cut.</summary>
    public void DropCut()
    {
        _cut = -1;
        _isCutOpen = false;
    }

    /// <summary>The cut part is sent and waits for its acknowledgement.</summary>
    public void CutSent()
    {
        Invariant.Holds(_cut >= 0, "a cut whose end is known");
        _unacknowledged = _cut;
        _cut = -1;

        // What follows on a complete copy is the guest's writes alone.
        if (!_cutCompletesCopy) return;
        Follows = true;
        _catchesUp = false;
    }

    /// <summary>The shadow has what was cut.</summary>
    public void Acknowledged()
    {
        _acknowledged = _unacknowledged;
        _unacknowledged = -1;
        if (_cutCompletesCopy)
        {
            _cutCompletesCopy = false;
            _hashes = [];
            _known = [];
        }

        disks.Release(_acknowledged);
        _reachesBack = true;
    }

    /// <summary>
    /// What was sent since the shadow's epoch is lost. False when the log does not hold it any more (a copy was under
    /// way): it has to catch up, or the disks to be copied anew.
    /// </summary>
    public bool TakeBack()
    {
        _encoder.Discard();
        DropCut();
        _unacknowledged = -1;
        if (!Follows || _cutCompletesCopy) return false;
        _next = _acknowledged;
        return true;
    }

    // The next operation; false where there is none. While it catches up the log may forget what it has not given out,
    // and owes it then; and what it owes is read once nothing else is left.
    private bool TryNext(out DiskOperation operation, out bool isBroken)
    {
        operation = default;
        isBroken = false;
        while (HasMore)
        {
            if (_catchesUp) _next = Math.Max(_next, disks.First);
            if (Left > 0 && disks.TryRead(_next, _data, out operation)) return true;
            isBroken = IsBroken || !_catchesUp;
            if (!isBroken && Left == 0) isBroken = !ReadOwed();
            if (isBroken) return true;
        }

        return false;
    }

    private bool ReadOwed()
    {
        // Room for the piece: a log that is over its limit would owe all of it again.
        disks.Forgo(_next);
        if (disks.ReadOwed().Succeeded) return true;
        // Only hashes help then.
        _reachesBack = false;
        return false;
    }

    // A block with the bytes of a page that the shadow has, as the guest's cache of its disk, is sent as that page.
    private void AddNaming(EpochWriter writer, in DiskOperation operation)
    {
        long plain = operation.Offset, end = operation.Offset + operation.Length;
        bool isWrite = operation.Kind == DiskOperationKind.Write;
        for (long at = plain; isWrite && at + Sizes.Page <= end;)
        {
            ReadOnlySpan<byte> block = _data.AsSpan((int)(at - operation.Offset), Sizes.Page);
            ulong hash = options.Hash.Hash(block);
            long page = pages.PageWith(block, hash);
            if (page < 0)
            {
                at += NamingStep;
                continue;
            }

            if (plain < at) AddPart(writer, operation, plain, at);
            AddPage(writer, operation.Disk, at, page, hash);
            plain = at += Sizes.Page;
        }

        if (plain < end) AddPart(writer, operation, plain, end);
    }

    private void AddPage(EpochWriter writer, int disk, long offset, long page, ulong hash)
    {
        if (_encoder.TryAddPage(disk, offset, page, hash)) return;
        Flush(writer);
        Invariant.Holds(_encoder.TryAddPage(disk, offset, page, hash), "an empty batch takes a page");
    }

    private void AddDiffering(EpochWriter writer, in DiskOperation operation)
    {
        long end = operation.Offset + operation.Length;
        long diskEnd = Geometry[operation.Disk].Bytes;
        long runStart = -1;
        for (long at = operation.Offset; at < end;)
        {
            long block = at / Sizes.Block;
            long blockStart = block * Sizes.Block;
            long blockEnd = Math.Min(blockStart + Sizes.Block, diskEnd);
            long pieceEnd = Math.Min(end, blockEnd);
            bool differs = Differs(operation, block, at, pieceEnd, at == blockStart && pieceEnd == blockEnd);
            if (differs) BlocksSent++;
            if (differs && runStart < 0) runStart = at;
            if (!differs && runStart >= 0) AddPart(writer, operation, runStart, at);
            if (!differs) runStart = -1;
            at = pieceEnd;
        }

        if (runStart >= 0) AddPart(writer, operation, runStart, end);
    }

    // Whether the piece has to be sent; notes what the shadow's block is then.
    private bool Differs(in DiskOperation operation, long block, long from, long to, bool whole)
    {
        if (!whole)
        {
            _known[operation.Disk].Remove(block);
            return true;
        }

        ulong hash = operation.Kind == DiskOperationKind.Zero
            ? ZeroHash(operation.Disk, block)
            : options.Hash.Hash(_data.AsSpan((int)(from - operation.Offset), (int)(to - from)));
        if (_known[operation.Disk].Contains(block) && _hashes[operation.Disk][block] == hash) return false;
        SetHash(operation.Disk, block, hash);
        return true;
    }

    private void AddPart(EpochWriter writer, in DiskOperation operation, long from, long to)
    {
        DiskOperation part = operation with { Offset = from, Length = to - from };
        Add(writer, part, _data.AsSpan(operation.Kind == DiskOperationKind.Write ? (int)(from - operation.Offset) : 0));
    }

    private void Add(EpochWriter writer, in DiskOperation operation, ReadOnlySpan<byte> data)
    {
        long taken = 0;
        while (true)
        {
            taken += _encoder.Add(operation, data, taken);
            if (taken == operation.Length) return;
            Flush(writer);
        }
    }

    private void SetHash(int disk, long block, ulong hash)
    {
        _hashes[disk][block] = hash;
        _known[disk].Add(block);
    }

    // The last block of a disk may be short, and its zeros hash otherwise.
    private ulong ZeroHash(int disk, long block)
    {
        int bytes = (int)Math.Min(Sizes.Block, Geometry[disk].Bytes - (block * Sizes.Block));
        if (bytes != Sizes.Block) return options.Hash.Hash(new byte[bytes]);
        if (_zeroHashes[0] == 0)
        {
            _zeroHashes[1] = options.Hash.Hash(new byte[Sizes.Block]);
            _zeroHashes[0] = 1;
        }

        return _zeroHashes[1];
    }
}
