using System.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra explain</c>, <c>umbra approve</c>.</summary>
internal static class ExplainCommand
{
    private const int KpisShown = 5;

    public static Command Create()
    {
        var command = new UmbraCommand(
            "explain", "What is decided about a VM's hardware, and what that rests on",
            "explain web", "explain web --output json")
        {
            VmArgument.Required,
        };
        CommandRun.SetAction(command, static async (run, parsed, stop) => run.Show(
            await GetAsync(run, parsed.GetValue(VmArgument.Required)!, stop).ConfigureAwait(false), Render));
        return command;
    }

    public static Command CreateApprove()
    {
        var command = new UmbraCommand(
            "approve", "Let a VM leave suspected hardware where a person is asked", "approve web")
        {
            VmArgument.Required,
        };
        CommandRun.SetAction(command, static async (run, parsed, stop) => run.Show(
            await run.Client.PostAsync<DecisionView>($"/vms/{parsed.GetValue(VmArgument.Required)}/approve", stop)
                .ConfigureAwait(false),
            Render));
        return command;
    }

    /// <summary>The decision about a VM.</summary>
    public static Task<DecisionView> GetAsync(CommandRun run, string vm, CancellationToken stop) =>
        run.Client.GetAsync<DecisionView>($"/vms/{vm}/decision", stop);

    private static IRenderable Render(DecisionView view)
    {
        var facts = new List<(string, string)>
        {
            ("vm", view.Vm.Value),
            ("decision", $"{Text.Word(view.Step)}: {view.Reason}"),
            ("swap mode", Text.Word(view.Mode) + (view.Approved ? ", approved" : "")),
            ("sync interval", Text.Time(view.Interval)),
            ("primary", Describe(view.Primary)),
            ("shadow", view.Shadow is { } shadow ? Describe(shadow) : "-"),
            ("drift watch", view.Drift is { } drift ? $"{Text.Word(drift.State)}: {drift.Reason}" : "nothing is heard"),
            ("hosts suspected", $"{view.SuspectedHosts}"),
        };
        var parts = new List<IRenderable> { Text.Facts(facts) };
        if (view.Drift is { Kpis.Count: > 0 } watched) parts.Add(DriftShowCommand.Kpis(watched, KpisShown));
        var events = view.Primary.Events.Concat(view.Shadow?.Events ?? []).ToList();
        if (events.Count > 0) parts.Add(HostHealthCommand.Events(events));
        return new Rows(parts);
    }

    private static string Describe(HostSuspicion side)
    {
        string hint = side.Suspicion.Hint ? ", drift hinted at" : "";
        string why = side.Suspicion.Explanation == "" ? "nothing speaks against it" : side.Suspicion.Explanation;
        return $"{side.Host}: suspicion {side.Suspicion.Weight:0.00} of 1{hint}: {why}";
    }
}
