namespace Umbra.Qemu.Qmp;

/// <summary>
/// Waits for one event. It listens from the moment it is made, so make it before the command that causes the event.
/// </summary>
public sealed class QmpEventWait : IDisposable
{
    private readonly QmpSession _session;
    private readonly Func<QmpEvent, bool> _predicate;
    private readonly TaskCompletionSource<QmpEvent> _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IDisposable _subscription;

    internal QmpEventWait(QmpSession session, Func<QmpEvent, bool> predicate)
    {
        _session = session;
        _predicate = predicate;
        _subscription = session.Subscribe(OnEvent);
    }

    /// <summary>The event, or TimedOut, Gone, Corrupt.</summary>
    public async Task<QmpOutcome<QmpEvent>> WaitAsync(TimeSpan deadline, CancellationToken cancel = default)
    {
        try
        {
            await Task.WhenAny(_seen.Task, _session.Ended).WaitAsync(deadline, cancel);
        }
        catch (TimeoutException)
        {
        }

        return Outcome(deadline);
    }

    /// <summary>As <see cref="WaitAsync"/>, reading on the calling thread.</summary>
    public QmpOutcome<QmpEvent> Wait(TimeSpan deadline)
    {
        _session.ReadUntil(_seen.Task, deadline);
        return Outcome(deadline);
    }

    /// <inheritdoc/>
    public void Dispose() => _subscription.Dispose();

    private QmpOutcome<QmpEvent> Outcome(TimeSpan deadline)
    {
        if (_seen.Task.IsCompleted) return QmpOutcome.Ok(_seen.Task.Result);
        return _session.Ended.IsCompleted
            ? QmpOutcome.Failed<QmpEvent>(_session.Ended.Result.Status, _session.Ended.Result.Description)
            : QmpOutcome.Failed<QmpEvent>(
                QmpStatus.TimedOut, $"no such event within {deadline.TotalMilliseconds:0} ms");
    }

    private void OnEvent(QmpEvent e)
    {
        if (_predicate(e)) _seen.TrySetResult(e);
    }
}
