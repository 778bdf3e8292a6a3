using Umbra.Core.Basics;

namespace Umbra.Core.Swap;

/// <summary>Who can confirm that a primary is still the one to run its VM.</summary>
public enum Witness
{
    /// <summary>The controller.</summary>
    Controller = 0,

    /// <summary>The agent of the VM's shadow.</summary>
    Shadow = 1,
}

/// <summary>
/// A primary's own view of its lease: it may run while either witness has answered a request that it sent less than
/// the lease's length ago. Pure; the session asks it before it lets the guest run and at every tick.
/// </summary>
public sealed class PrimaryLease
{
    private TimeSpan? _newestSent;
    private TimeSpan? _carried;

    /// <summary>A lease that nobody has confirmed yet.</summary>
    /// <param name="length">How long an answer counts.</param>
    /// <param name="carriedUntil">
    /// Deadline that an earlier agent process had put in force with the guard, on the same clock; null: none.
    /// </param>
    public PrimaryLease(TimeSpan length, TimeSpan? carriedUntil)
    {
        Invariant.Holds(length > TimeSpan.Zero);
        Length = length;
        _carried = carriedUntil;
    }

    /// <summary>How long an answer counts from the sending of its request.</summary>
    public TimeSpan Length { get; private set; }

    /// <summary>When the VM must stand still unless another answer comes; null: no answer was ever had.</summary>
    public TimeSpan? Deadline
    {
        get
        {
            TimeSpan? own = _newestSent + Length;
            return own is null || (_carried is { } carried && carried > own) ? _carried : own;
        }
    }

    /// <summary>
    /// A witness has answered the request sent at <paramref name="sentAt"/> (never the time of the answer: it may have
    /// been on its way for long). Answers in any order, repeated ones too.
    /// </summary>
    public void Answered(TimeSpan sentAt)
    {
        if (_newestSent is null || sentAt > _newestSent) _newestSent = sentAt;
    }

    /// <summary>Whether the VM may run at <paramref name="now"/>.</summary>
    public bool MayRun(TimeSpan now) => Deadline is { } deadline && now < deadline;

    /// <summary>Another length from now on, for answers had already too.</summary>
    public void SetLength(TimeSpan length)
    {
        Invariant.Holds(length > TimeSpan.Zero);
        Length = length;
        _carried = null;
    }
}
