using Umbra.Core.Basics;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>
/// An epoch under way: its pages and disk operations, kept beside the shadow until it is committed. Pages lie in one
/// file by slots (a page sent again takes its old slot), disk data in another. Nothing here outlives the process.
/// </summary>
internal sealed class StagedEpoch(IShadowMedia media)
{
    /// <summary>A disk operation; a write's data lies in the blocks' file.</summary>
    public readonly record struct Operation(
        DiskOperationKind Kind, int Disk, long Offset, long Length, long DataOffset);

    /// <summary>Room for so many pages is kept from epoch to epoch; a resync's is given back.</summary>
    private const int KeptPagesMax = 65_536;

    private Dictionary<long, long> _slots = [];
    private long[] _sorted = [];
    private int _sortedCount;
    private readonly List<Operation> _operations = [];
    private long _blockBytes;

    /// <summary>Staged pages.</summary>
    public int PageCount => _slots.Count;

    /// <summary>Staged operations, in order.</summary>
    public IReadOnlyList<Operation> Operations => _operations;

    /// <summary>Page numbers, ascending; valid until a page is staged. A commit asks three times.</summary>
    public ReadOnlySpan<long> SortedPages()
    {
        // Pages are only added, so as many are the same ones.
        if (_sortedCount != _slots.Count)
        {
            if (_sorted.Length < _slots.Count) _sorted = new long[_slots.Count * 3 / 2];
            _slots.Keys.CopyTo(_sorted, 0);
            _sorted.AsSpan(0, _slots.Count).Sort();
            _sortedCount = _slots.Count;
        }

        return _sorted.AsSpan(0, _sortedCount);
    }

    /// <summary>Empties the stage and gives its space back.</summary>
    public void Clear()
    {
        if (_slots.Count > 0) media.DeleteFile(ShadowVolume.Memory, StoreFiles.StagedPages);
        if (_blockBytes > 0) media.DeleteFile(ShadowVolume.Disk, StoreFiles.StagedBlocks);
        if (_slots.Count > KeptPagesMax) (_slots, _sorted) = ([], []);
        _sortedCount = 0;
        _slots.Clear();
        _operations.Clear();
        _blockBytes = 0;
    }

    /// <summary>Whether a page is staged.</summary>
    public bool HasPage(long page) => _slots.ContainsKey(page);

    /// <summary>Reads a staged page.</summary>
    public CallOutcome ReadPage(long page, Span<byte> destination) => media.ReadFile(
        ShadowVolume.Memory, StoreFiles.StagedPages, _slots[page] * Sizes.Page, destination[..Sizes.Page]);

    /// <summary>Stages a page over an earlier content of it.</summary>
    public CallOutcome WritePage(long page, ReadOnlySpan<byte> content)
    {
        bool known = _slots.TryGetValue(page, out long slot);
        if (!known) slot = _slots.Count;
        CallOutcome outcome = media.WriteFile(
            ShadowVolume.Memory, StoreFiles.StagedPages, slot * Sizes.Page, content[..Sizes.Page]);
        if (outcome.Succeeded && !known) _slots.Add(page, slot);
        return outcome;
    }

    /// <summary>Stages a disk operation; <paramref name="data"/> is empty for zeros.</summary>
    public CallOutcome AddOperation(DiskOperationKind kind, int disk, long offset, long length, ReadOnlySpan<byte> data)
    {
        if (!data.IsEmpty)
        {
            CallOutcome outcome = media.WriteFile(ShadowVolume.Disk, StoreFiles.StagedBlocks, _blockBytes, data);
            if (!outcome.Succeeded) return outcome;
        }

        _operations.Add(new Operation(kind, disk, offset, length, _blockBytes));
        _blockBytes += data.Length;
        return CallOutcome.Done;
    }

    /// <summary>Reads a part of a staged write's data.</summary>
    public CallOutcome ReadData(in Operation operation, long from, Span<byte> destination) =>
        media.ReadFile(ShadowVolume.Disk, StoreFiles.StagedBlocks, operation.DataOffset + from, destination);
}
