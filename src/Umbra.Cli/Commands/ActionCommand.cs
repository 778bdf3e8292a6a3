using System.CommandLine;
using Spectre.Console;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary>What the commands that make an action happen have in common.</summary>
internal static class ActionCommand
{
    private static readonly string[] BlackoutPhases = ["Pause", "FinalEpoch", "Verify", "Fence", "Resume"];

    /// <summary>Asks for an action and waits for its result.</summary>
    public static async Task<int> RunAsync<TRequest>(
        CommandRun run, string path, TRequest request, TimeSpan timeout, CancellationToken stop)
    {
        var action = await run.Client.PostAsync<TRequest, ActionView>(path, request, stop).ConfigureAwait(false);
        action = await Waiting.ForActionAsync(run, action, timeout, stop).ConfigureAwait(false);
        var result = action.Result!;
        if (run.IsJson)
        {
            run.Say(action, "");
        }
        else
        {
            run.WriteLine($"{action.Vm}: {result.Detail}");
            if (result.Phases.Count > 0) run.Show(action, view => new Rows(Text.Phases(view.Result!)));
            if (Blackout(result) is { } blackout) run.WriteLine($"blackout: {Text.Time(blackout)}");
        }

        return result.Succeeded ? ExitCodes.Ok : ExitCodes.Failed;
    }

    /// <summary>
    /// From the pause of the old side to the resume of the new one; null where the phases do not tell.
    /// </summary>
    private static TimeSpan? Blackout(VmActionResult result)
    {
        var dark = result.Phases.Where(static phase => BlackoutPhases.Contains(phase.Name)).ToList();
        bool whole = dark.Any(static phase => phase.Name == "Pause")
            && dark.Any(static phase => phase.Name == "Resume");
        return whole
            ? dark.Max(static phase => phase.Start + phase.Duration) - dark.Min(static phase => phase.Start)
            : null;
    }
}
