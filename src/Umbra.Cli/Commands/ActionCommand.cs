using System.CommandLine;
using Spectre.Console;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary>What the commands that make an action happen have in common.</summary>
internal static class ActionCommand
{
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
            if (result.Checks.Count > 0) run.Show(action, view => Text.Checks(view.Result!));
            if (result.Phases.Count > 0) run.Show(action, view => new Rows(Text.Phases(view.Result!)));
            if (SwapPhases.Blackout(result.Phases) is { } blackout) run.WriteLine($"blackout: {Text.Time(blackout)}");
        }

        return result.Succeeded ? ExitCodes.Ok : ExitCodes.Failed;
    }
}
