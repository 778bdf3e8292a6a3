using System.Diagnostics;

namespace Umbra.Lab;

/// <summary>Waits for states of other processes that announce themselves to nobody.</summary>
public static class Wait
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(40);

    /// <summary>
    /// Asks again and again until <paramref name="isSo"/>; <see cref="TimeoutException"/> naming
    /// <paramref name="what"/> when it is not so within <paramref name="limit"/>.
    /// </summary>
    public static async Task UntilAsync(
        string what, Func<Task<bool>> isSo, TimeSpan limit, Func<string>? diagnosis = null)
    {
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Period);
        while (!await isSo())
        {
            if (Stopwatch.GetElapsedTime(start) > limit)
                throw new TimeoutException($"waited {limit.TotalSeconds:0} s for {what}\n{diagnosis?.Invoke()}");
            await timer.WaitForNextTickAsync();
        }
    }
}
