using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>
/// What a session sees whose epoch's dirty set is forgotten when the epoch is not acknowledged: a page that it reads
/// again though it was not written since is as it was before.
/// </summary>
internal sealed class PlantedPages(ModelGuest guest)
{
    private readonly PageSet _sent = new(guest.PageCount);
    private readonly List<long> _inPause = [];
    private readonly Dictionary<long, byte[]> _newest = [];
    private readonly Dictionary<long, byte[]> _before = [];
    private bool _paused;

    public CallOutcome TakeDirty(PageSet into)
    {
        PageSet dirty = new(guest.PageCount);
        CallOutcome taken = guest.TakeDirty(dirty);
        for (long page = dirty.NextFrom(0); page >= 0; page = dirty.NextFrom(page + 1)) _sent.Remove(page);
        into.UnionWith(dirty);
        return taken;
    }

    public CallOutcome CopyPages(ReadOnlySpan<long> pages, Span<byte> destination)
    {
        CallOutcome copied = guest.CopyPages(pages, destination);
        for (int i = 0; i < pages.Length && copied.Succeeded; i++)
        {
            Span<byte> content = destination.Slice(i * Sizes.Page, Sizes.Page);
            if (_sent.Contains(pages[i]))
            {
                if (_before.TryGetValue(pages[i], out byte[]? before)) before.CopyTo(content);
                continue;
            }

            if (_newest.TryGetValue(pages[i], out byte[]? newest)) _before[pages[i]] = newest;
            _newest[pages[i]] = content.ToArray();
            _sent.Add(pages[i]);
            if (_paused) _inPause.Add(pages[i]);
        }

        return copied;
    }

    public void Paused()
    {
        _paused = true;
        _inPause.Clear();
    }

    /// <summary>The copies made in the pause belong to an epoch.</summary>
    public void Cut() => _inPause.Clear();

    public void Resumed()
    {
        foreach (long page in _inPause) _sent.Remove(page);
        _inPause.Clear();
        _paused = false;
    }

    public void Clear() => _sent.Clear();
}
