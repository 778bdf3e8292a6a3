using System.CommandLine;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra sync</c>.</summary>
internal static class SyncCommand
{
    public static Command Create()
    {
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(2));
        var command = new UmbraCommand("sync", "Cut an epoch now and wait until the shadow has it", "sync web")
        {
            VmArgument.Required, timeout,
        };
        CommandRun.SetAction(command, (run, parsed, stop) => ActionCommand.RunAsync(
            run, $"/vms/{parsed.GetValue(VmArgument.Required)}/actions", new ActionRequest { Kind = VmActionKind.Sync },
            timeout.Read(parsed), stop));
        return command;
    }
}
