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
            Description = "Check everything that a swap needs, on both hosts, and begin none",
        };
        var suspect = new Option<bool>("--suspect")
        {
            Description = "The primary's host is under suspicion: cordon it once the VM has left",
        };
        var reason = new Option<string>("--reason")
        {
            Description = "Why, for the events", DefaultValueFactory = static _ => "asked for by an operator",
        };
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(2));
        var command = new UmbraCommand(
            "swap", "Move a VM onto its shadow and wait for the result", "swap web", "swap web --dry-run",
            "swap web --suspect --reason \"fan 2 of host a is loud\" --output json")
        {
            VmArgument.Required, dryRun, suspect, reason, timeout,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(dryRun) && result.GetValue(suspect))
                result.AddError("--suspect has no meaning with --dry-run, which moves nothing");
        });
        CommandRun.SetAction(command, (run, parsed, stop) => ActionCommand.RunAsync(
            run, $"/vms/{parsed.GetValue(VmArgument.Required)}/actions",
            new ActionRequest
            {
                Kind = parsed.GetValue(dryRun) ? VmActionKind.SwapRehearsal : VmActionKind.Swap,
                Reason = parsed.GetValue(reason)!,
                Suspect = parsed.GetValue(suspect),
            },
            timeout.Read(parsed), stop));
        return command;
    }
}
