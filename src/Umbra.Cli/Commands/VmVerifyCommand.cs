using System.CommandLine;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra vm verify</c>.</summary>
internal static class VmVerifyCommand
{
    public static Command Create()
    {
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(2));
        var command = new UmbraCommand(
            "verify",
            "Cut an epoch and compare every page and block of the VM and its shadow; the guest stands still meanwhile",
            "vm verify web", "vm verify web --output json")
        {
            VmArgument.Required, timeout,
        };
        CommandRun.SetAction(command, (run, parsed, stop) => ActionCommand.RunAsync(
            run, $"/vms/{parsed.GetValue(VmArgument.Required)}/actions",
            new ActionRequest { Kind = VmActionKind.Verify }, timeout.Read(parsed), stop));
        return command;
    }
}
