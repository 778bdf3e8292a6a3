using Umbra.Core.Basics;

namespace Umbra.Linux.Tracking;

/// <summary>
/// Says which pages of a guest's RAM were written. No page written after the tracker was opened is ever missed; pages
/// that were not written may be reported. One thread at a time.
/// </summary>
public interface IPageTracker : IDisposable
{
    /// <summary>How it works, for people: <c>pagemap</c> or <c>hash-scan</c>.</summary>
    string Kind { get; }

    /// <summary>
    /// Adds to <paramref name="into"/> every page written since the last call, and tracks them anew. A page that is
    /// written while this runs is reported by this call or by the next one, so copy after calling.
    /// </summary>
    /// <returns>
    /// Null when done. Otherwise why not (process gone, mapping gone), and then <paramref name="into"/> holds every
    /// page, so that a caller who goes on loses nothing.
    /// </returns>
    SystemError? TakeDirty(PageSet into);

    /// <summary>
    /// Tells what was copied of the guest's memory, which went on being written: a tracker that compares contents has
    /// to compare with these. To be called after each copy, before the next <see cref="TakeDirty"/>.
    /// </summary>
    /// <param name="pages">The pages.</param>
    /// <param name="content">What was copied of them, in the same order.</param>
    void NoteCopied(ReadOnlySpan<long> pages, ReadOnlySpan<byte> content);
}
