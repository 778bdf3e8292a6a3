using System.CommandLine;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra vm plug</c>.</summary>
internal static class VmPlugCommand
{
    private static readonly Option<string[]> Disks = DeviceOptions.Disks();
    private static readonly Option<string[]> Nics = DeviceOptions.Nics();
    private static readonly Option<bool> NoWait = new("--no-wait") { Description = "Return at once" };
    private static readonly TimeoutOption Timeout = new(TimeSpan.FromMinutes(2));

    public static Command Create()
    {
        var command = new UmbraCommand(
            "plug", "Add disks or interfaces to a VM, running or not; its shadow follows",
            "vm plug web --disk size=1G", "vm plug web --nic bridge=br1,id=net1")
        {
            VmArgument.Required, Disks, Nics, NoWait, Timeout,
        };
        CommandRun.SetAction(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(CommandRun run, ParseResult parsed, CancellationToken stop)
    {
        var name = new VmId(parsed.GetValue(VmArgument.Required)!);
        var vm = await run.Client.GetAsync<VmView>($"/vms/{name}", stop).ConfigureAwait(false);
        var request = new PlugRequest
        {
            Disks = DeviceOptions.ReadDisks(parsed, Disks, vm.Definition.Disks.Select(static disk => disk.Id)),
            Nics = DeviceOptions.ReadNics(parsed, Nics, name, vm.Definition.Nics.Select(static nic => nic.Id)),
        };
        var change = await run.Client.PostAsync<PlugRequest, VmChange>($"/vms/{name}/plug", request, stop)
            .ConfigureAwait(false);
        if (!change.Changed) return run.Say(change, $"{name} has these devices already");
        if (change.Vm.Action is not { } action || parsed.GetValue(NoWait))
            return run.Say(change, $"{name} gets {Count(request)} with its next start, or as soon as it is told");
        var done = await Waiting.ForActionAsync(run, action, Timeout.Read(parsed), stop).ConfigureAwait(false);
        run.Say(done, $"{name}: {done.Result!.Detail}");
        return done.Result!.Succeeded ? ExitCodes.Ok : ExitCodes.Failed;
    }

    private static string Count(PlugRequest request) =>
        $"{request.Disks.Count} disks and {request.Nics.Count} interfaces";
}
