using Umbra.Core.Basics;
using Umbra.Linux.Memory;

namespace Umbra.Linux.Tracking;

/// <summary>What <see cref="PageTracker.Open"/> came to.</summary>
/// <param name="Tracker">
/// The tracker; null when there is none to be had, and then <paramref name="Error"/> says why.
/// </param>
/// <param name="Warning">Why it is not the fast one; null when it is.</param>
/// <param name="Error">Why there is no tracker at all: the process is gone, or someone else tracks this memory.</param>
public sealed record TrackerOutcome(IPageTracker? Tracker, string? Warning, SystemError? Error);

/// <summary>Chooses the tracker for a running emulator.</summary>
public static class PageTracker
{
    /// <summary>
    /// Tracks <paramref name="range"/> of process <paramref name="pid"/>, which maps <paramref name="memory"/> there:
    /// by the kernel's page tracking when machine and sandbox allow it, else by hashing (with a warning that says why).
    /// Every write from this call's return on is reported. Stops the emulator once for about 0.1 ms, unless
    /// <paramref name="choice"/> is to hash.
    /// </summary>
    public static TrackerOutcome Open(
        int pid, AddressRange range, GuestMemory memory, IContentHash hash,
        TrackerChoice choice = TrackerChoice.Automatic)
    {
        Invariant.Holds(range.Bytes == memory.Bytes, "the range is the memory's mapping");
        if (memory.LockForTracking() is { } locked) return new TrackerOutcome(null, null, locked);
        if (choice == TrackerChoice.HashScan) return Hashing(memory, hash, "this host's agent was started to do so");
        Outcome<PagemapTracker> tracker = PagemapTracker.Open(pid, range);
        if (tracker.IsOk) return new TrackerOutcome(tracker.Value, null, null);
        if (tracker.Error.Errno == Interop.Errno.SRCH) return new TrackerOutcome(null, null, tracker.Error);
        return Hashing(memory, hash, tracker.Error.Message);
    }

    private static TrackerOutcome Hashing(GuestMemory memory, IContentHash hash, string reason) =>
        new(new HashScanTracker(memory, hash), $"pages are found by hashing all memory, which is slow: {reason}", null);
}
