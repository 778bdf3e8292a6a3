using System.CommandLine;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra takeover</c>.</summary>
internal static class TakeoverCommand
{
    public static Command Create()
    {
        var confirmOff = new Option<string?>("--confirm-off")
        {
            Description = "Your word that this host, the primary's, is off: its name typed out", HelpName = "HOST",
        };
        var powerOff = new Option<bool>("--power-off")
        {
            Description = "Turn the primary's silent host off through its BMC, whose word is the proof then",
        };
        var reason = new Option<string>("--reason")
        {
            Description = "Why, for the events", DefaultValueFactory = static _ => "asked for by an operator",
        };
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(2));
        var command = new UmbraCommand(
            "takeover", "Run the shadow's last epoch after the primary has died; needs proof that it is off",
            "takeover web", "takeover web --power-off", "takeover web --confirm-off a")
        {
            VmArgument.Required, confirmOff, powerOff, reason, timeout,
        };
        CommandRun.SetAction(command, (run, parsed, stop) => ActionCommand.RunAsync(
            run, $"/vms/{parsed.GetValue(VmArgument.Required)}/takeover",
            new TakeoverRequest
            {
                ConfirmedOff = HostName.Read(parsed.GetValue(confirmOff)), Reason = parsed.GetValue(reason)!,
                PowerOff = parsed.GetValue(powerOff),
            },
            timeout.Read(parsed), stop));
        return command;
    }
}
