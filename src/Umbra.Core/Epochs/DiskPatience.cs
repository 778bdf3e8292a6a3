namespace Umbra.Core.Epochs;

/// <summary>
/// How many bytes of an open epoch's disk writes may wait, unread, to be replaced by newer ones of the same blocks.
/// What waits is sent after the cut, while a crash would lose the epoch: so no more may wait than gets to the shadow in
/// a small part of the interval. It grows only when what was allowed was used, and went well.
/// </summary>
internal sealed class DiskPatience
{
    // Parts of the interval from the cut until the shadow has the epoch's data. In between, it stays as it is.
    private const int GoodPart = 8, BadPart = 4;

    /// <summary>Bytes that may wait.</summary>
    public long BytesMax { get; private set; } = SessionLimits.DiskWaitBytesStart;

    /// <summary>Another connection, which may be a slower one.</summary>
    public void Reset() => BytesMax = SessionLimits.DiskWaitBytesStart;

    /// <summary>
    /// Bytes to send now, of the oldest, when <paramref name="waiting"/> do; 0: all of them may wait. With the limit
    /// passed the older half goes, so that it is seldom passed.
    /// </summary>
    public long Surplus(long waiting) => waiting <= BytesMax ? 0 : waiting - (BytesMax / 2);

    /// <summary>The shadow has all data of an epoch, and is yet to commit it.</summary>
    /// <param name="waited">Bytes that were left to send at its cut.</param>
    /// <param name="took">Time from its cut until this was known.</param>
    /// <param name="interval">Time from cut to cut.</param>
    public void Learn(long waited, TimeSpan took, TimeSpan interval)
    {
        if (took > interval / BadPart) BytesMax = Math.Max(BytesMax / 2, SessionLimits.DiskWaitBytesMin);
        else if (took <= interval / GoodPart && waited >= BytesMax / 2)
            BytesMax = Math.Min(BytesMax * 2, SessionLimits.DiskWaitBytesMax);
    }
}
