namespace Umbra.Controller.Fleet;

/// <summary>
/// Wakes whoever waits for a change. Take <see cref="Next"/>, look at the state, then await: a pulse in between is not
/// missed.
/// </summary>
public sealed class Signal
{
    private TaskCompletionSource _next = New();

    /// <summary>Completes at the next pulse.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <summary>Wakes everybody who waits.</summary>
    public void Pulse() => Interlocked.Exchange(ref _next, New()).TrySetResult();

    /// <summary>Waits for <paramref name="next"/> or until <paramref name="timeout"/>; whether it was pulsed.</summary>
    public static async Task<bool> WaitAsync(Task next, TimeSpan timeout, TimeProvider time, CancellationToken stop)
    {
        if (timeout <= TimeSpan.Zero) return next.IsCompleted;
        await next.WaitAsync(timeout, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.ThrowIfCancellationRequested();
        return next.IsCompleted;
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
