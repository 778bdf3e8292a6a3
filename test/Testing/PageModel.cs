using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Testing;

/// <summary>A guest's RAM as a plain array: the simplest thing that pages can be decoded into.</summary>
public sealed class PageModel(long pageCount) : IPageSink
{
    private readonly byte[] _memory = new byte[pageCount * Sizes.Page];

    /// <summary>RAM in pages.</summary>
    public long PageCount => pageCount;

    /// <summary>Indexes of the pages taken, in order.</summary>
    public List<long> Taken { get; } = [];

    /// <summary>One page.</summary>
    public Span<byte> this[long page] => _memory.AsSpan((int)(page * Sizes.Page), Sizes.Page);

    /// <summary>Everything.</summary>
    public ReadOnlySpan<byte> All => _memory;

    /// <inheritdoc/>
    public void ReadReference(long page, Span<byte> destination) => this[page].CopyTo(destination);

    /// <inheritdoc/>
    public void Page(long page, ReadOnlySpan<byte> content, ulong hash)
    {
        Invariant.Holds(TestContentHash.Instance.Hash(content) == hash, "the hash belongs to the content");
        content.CopyTo(this[page]);
        Taken.Add(page);
    }
}
