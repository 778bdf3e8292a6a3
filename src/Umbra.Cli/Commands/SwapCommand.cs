using System.CommandLine;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra swap</c>.</summary>
internal static class SwapCommand
{
    public static Command Create()
    {
        var dryRun = new Option<bool>("--dry-run")
        {
            Description = "Ask whether a swap would begin, and begin none",
        };
        var reason = new Option<string>("--reason")
        {
            Description = "Why, for the events", DefaultValueFactory = static _ => "asked for by an operator",
        };
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(2));
        var command = new UmbraCommand(
            "swap", "Move a VM onto its shadow and wait for the result", "swap web", "swap web --dry-run",
            "swap web --reason \"memory of host a is suspect\" --output json")
        {
            VmArgument.Required, dryRun, reason, timeout,
        };
        CommandRun.SetAction(command, (run, parsed, stop) => ActionCommand.RunAsync(
            run, $"/vms/{parsed.GetValue(VmArgument.Required)}/actions",
            new ActionRequest
            {
                Kind = parsed.GetValue(dryRun) ? VmActionKind.SwapRehearsal : VmActionKind.Swap,
                Reason = parsed.GetValue(reason)!,
            },
            timeout.Read(parsed), stop));
        return command;
    }
}
