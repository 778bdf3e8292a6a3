namespace Umbra.Agent;

/// <summary>The agent as a process: everything between its start and its end.</summary>
public static class AgentProcess
{
    /// <summary>Runs an agent until <paramref name="stop"/>; the process's exit code.</summary>
    public static async Task<int> RunAsync(AgentOptions options, CancellationToken stop)
    {
        Directory.CreateDirectory(options.StateDirectory);
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return 0;
    }
}
