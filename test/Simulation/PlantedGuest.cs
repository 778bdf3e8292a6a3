using System.Buffers;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Testing.Replication;

namespace Umbra.Simulation;

/// <summary>A guest with one mistake planted between it and its session.</summary>
internal sealed class PlantedGuest(ModelGuest guest, PlantedBug bug) : ISourceGuest, ISourceDisks
{
    private byte[] _before = [];
    private byte[] _lastState = [];
    private readonly PlantedPages _pages = new(guest);
    private long _readTo;

    public long PageCount => guest.PageCount;

    public ReadOnlyMemory<byte> Configuration => guest.Configuration;

    public ISourceDisks Disks =>
        bug is PlantedBug.UnacknowledgedForgotten or PlantedBug.UnacknowledgedPagesForgotten
            or PlantedBug.WaitingWritesLeftOut or PlantedBug.OwedForgotten
            or PlantedBug.CutEndedEarly ? this : guest.Disks;

    public CallOutcome TakeDirty(PageSet into)
    {
        if (bug == PlantedBug.UnacknowledgedPagesForgotten) return _pages.TakeDirty(into);
        if (bug != PlantedBug.CopyBeforeScan) return guest.TakeDirty(into);
        _before = guest.TakeSnapshot(0).Memory;
        guest.Intercept("CopiedPage");
        return guest.TakeDirty(into);
    }

    public CallOutcome CopyPages(ReadOnlySpan<long> pages, Span<byte> destination)
    {
        if (bug == PlantedBug.UnacknowledgedPagesForgotten) return _pages.CopyPages(pages, destination);
        if (bug != PlantedBug.CopyBeforeScan) return guest.CopyPages(pages, destination);
        for (int i = 0; i < pages.Length; i++)
            _before.AsSpan((int)pages[i] * Sizes.Page, Sizes.Page).CopyTo(destination[(i * Sizes.Page)..]);
        return CallOutcome.Done;
    }

    public CallOutcome Pause()
    {
        _pages.Paused();
        return guest.Pause();
    }

    public CallOutcome Stop() => guest.Stop();

    public CallOutcome Resume()
    {
        _pages.Resumed();
        if (bug == PlantedBug.LeaseCheckedTooEarly) guest.MayResume = static () => CallOutcome.Done;
        return guest.Resume();
    }

    public CallOutcome SaveDeviceState() => guest.SaveDeviceState();

    public CallOutcome TakeDeviceState(IBufferWriter<byte> destination)
    {
        ArrayBufferWriter<byte> state = new();
        CallOutcome taken = guest.TakeDeviceState(state);
        if (bug == PlantedBug.UnreadStateReplaced && !taken.Succeeded && _lastState.Length > 0)
        {
            destination.Write(_lastState);
            return CallOutcome.Done;
        }

        if (!taken.Succeeded) return taken;
        _lastState = state.WrittenSpan.ToArray();
        destination.Write(bug == PlantedBug.StateOfLater
            ? guest.DeviceStateOf(ModelGuest.ReadDeviceState(_lastState).Cut)
            : _lastState);
        return taken;
    }

    public CallOutcome MarkHeld(HeldMark mark) =>
        bug == PlantedBug.HeldForgotten ? CallOutcome.Done : guest.MarkHeld(mark);

    public CallOutcome ClearHeld() => guest.ClearHeld();

    public void SetRunDeadline(TimeSpan? deadline) => guest.SetRunDeadline(deadline);

    // Of the disks' log, what was read once is not given out again: a reconnect finds it empty.
    IReadOnlyList<DiskGeometry> ISourceDisks.Geometry => guest.Disks.Geometry;

    DiskMirrorState ISourceDisks.State => guest.Disks.State;

    string ISourceDisks.Detail => guest.Disks.Detail;

    double ISourceDisks.Progress => guest.Disks.Progress;

    long ISourceDisks.First => guest.Disks.First;

    long ISourceDisks.End => guest.Disks.End;

    long ISourceDisks.ReplacedBytes => guest.Disks.ReplacedBytes;

    long ISourceDisks.BytesFrom(long number) => guest.Disks.BytesFrom(number);

    CallOutcome ISourceDisks.Restart()
    {
        // A resync: every page counts again.
        _pages.Clear();
        CallOutcome outcome = guest.Disks.Restart();
        _readTo = guest.Disks.End;
        return outcome;
    }

    bool ISourceDisks.TryRead(long number, Span<byte> data, out DiskOperation operation)
    {
        bool read = guest.Disks.TryRead(number, data, out operation);
        bool again = bug == PlantedBug.UnacknowledgedForgotten && number < _readTo;
        if (read && again) operation = operation with { Kind = DiskOperationKind.Zero };
        _readTo = Math.Max(_readTo, number + 1);
        return read;
    }

    CallOutcome ISourceDisks.Cut()
    {
        CallOutcome cut = guest.Disks.Cut();
        if (cut.Succeeded) _pages.Cut();
        return cut;
    }

    bool ISourceDisks.TryGetCutEnd(out long end)
    {
        bool isKnown = guest.Disks.TryGetCutEnd(out end);
        if (!isKnown && bug == PlantedBug.CutEndedEarly && guest.Disks.State == DiskMirrorState.Ready)
        {
            end = guest.Disks.End;
            return true;
        }

        // What has waited until now goes with the next epoch.
        if (bug == PlantedBug.WaitingWritesLeftOut) end = Math.Min(end, _readTo);
        return isKnown;
    }

    void ISourceDisks.Release(long number) => guest.Disks.Release(number);

    long ISourceDisks.OwedBytes => guest.Disks.OwedBytes;

    CallOutcome ISourceDisks.CatchUp() => guest.Disks.CatchUp();

    CallOutcome ISourceDisks.ReadOwed() => guest.Disks.ReadOwed();

    void ISourceDisks.Forgo(long number)
    {
        if (bug == PlantedBug.OwedForgotten) guest.Disks.Release(number);
        else guest.Disks.Forgo(number);
    }
}
