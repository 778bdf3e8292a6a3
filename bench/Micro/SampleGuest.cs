using System.Buffers;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;

namespace Umbra.Bench.Micro;

/// <summary>
/// A guest that is nothing but memory, which jumps between the two moments of a <see cref="PageSample"/>; every page
/// is reported as written.
/// </summary>
internal sealed class SampleGuest(PageSample sample) : ISourceGuest
{
    private byte[] _memory = sample.Before;

    public long PageCount => sample.Pages;

    public ReadOnlyMemory<byte> Configuration => default;

    public ISourceDisks Disks => throw new NotSupportedException();

    public void Jump() => _memory = _memory == sample.Before ? sample.Now : sample.Before;

    public CallOutcome TakeDirty(PageSet into)
    {
        into.AddRange(0, into.Capacity);
        return CallOutcome.Done;
    }

    public CallOutcome CopyPages(ReadOnlySpan<long> pages, Span<byte> destination)
    {
        // As scattered pages are copied, not as the one run that these are.
        for (int i = 0; i < pages.Length; i++)
            _memory.AsSpan((int)pages[i] * Sizes.Page, Sizes.Page).CopyTo(destination[(i * Sizes.Page)..]);
        return CallOutcome.Done;
    }

    public CallOutcome Pause() => CallOutcome.Done;

    public CallOutcome Stop() => CallOutcome.Done;

    public CallOutcome Resume() => CallOutcome.Done;

    public CallOutcome SaveDeviceState() => CallOutcome.Done;

    public CallOutcome TakeDeviceState(IBufferWriter<byte> destination) => CallOutcome.Done;

    public CallOutcome MarkHeld(HeldMark mark) => CallOutcome.Done;

    public CallOutcome ClearHeld() => CallOutcome.Done;

    public void SetRunDeadline(TimeSpan? deadline)
    {
    }
}
