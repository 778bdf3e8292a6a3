using System.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra status</c>.</summary>
internal static class StatusCommand
{
    public static Command Create()
    {
        var vm = new Argument<string?>("VM")
        {
            Description = "One VM; without it the whole fleet",
            Arity = ArgumentArity.ZeroOrOne,
            CustomParser = Specs.ParseName,
        };
        var command = new UmbraCommand(
            "status", "How well VMs are protected, and why", "status", "status web", "status web --output json") { vm };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            if (parsed.GetValue(vm) is { } name)
            {
                var view = await run.Client.GetAsync<VmView>($"/vms/{name}", stop).ConfigureAwait(false);
                return run.Show(view, VmTables.Status);
            }

            return run.Show(await run.Client.GetAsync<FleetView>("/fleet", stop).ConfigureAwait(false), Render);
        });
        return command;
    }

    private static IRenderable Render(FleetView fleet) => new Rows(
        new Markup(Markup.Escape(
            $"{fleet.Hosts.Count(static host => host.Alive)} of {fleet.Hosts.Count} hosts alive, "
            + $"{fleet.Vms.Count(static vm => vm.Protection == ProtectionState.Protected)} of {fleet.Vms.Count} VMs "
            + "protected")),
        VmTables.Overview(fleet.Vms));
}
