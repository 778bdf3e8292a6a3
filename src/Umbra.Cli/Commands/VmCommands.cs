using System.CommandLine;
using Spectre.Console.Rendering;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra vm create|attach|start|stop|plug|verify|list|show|delete</c>.</summary>
internal static class VmCommands
{
    public static Command Create()
    {
        var command = new UmbraCommand(
            "vm", "VMs of the fleet", "vm list", "vm create web --memory 1G --disk size=8G --wait", "vm show web");
        command.Subcommands.Add(VmCreateCommand.Create());
        command.Subcommands.Add(VmAttachCommand.Create());
        command.Subcommands.Add(
            CreatePower("start", "Turn a VM on", "starts", static vm => vm.Guest == GuestState.Running));
        command.Subcommands.Add(CreatePower(
            "stop", "Turn a VM off", "stops",
            static vm => vm.Guest is GuestState.Absent or GuestState.ShutDown or GuestState.Dead));
        command.Subcommands.Add(VmPlugCommand.Create());
        command.Subcommands.Add(VmVerifyCommand.Create());
        command.Subcommands.Add(CreateList());
        command.Subcommands.Add(CreateShow());
        command.Subcommands.Add(CreateDelete());
        return command;
    }

    private static UmbraCommand CreatePower(string verb, string description, string verbs, Func<VmView, bool> done)
    {
        var wait = GlobalOptions.Wait("it is so");
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(2));
        var command = new UmbraCommand(verb, description, $"vm {verb} web", $"vm {verb} web --wait --timeout 1m")
        {
            VmArgument.Required, wait, timeout,
        };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            string name = parsed.GetValue(VmArgument.Required)!;
            var change = await run.Client.PostAsync<VmChange>($"/vms/{name}/{verb}", stop).ConfigureAwait(false);
            if (parsed.GetValue(wait))
            {
                var vm = await Waiting.ForVmAsync(run, name, done, timeout.Read(parsed), stop).ConfigureAwait(false);
                change = change with { Vm = vm };
            }

            return run.Say(change, change.Changed
                ? $"{name} {verbs} on {change.Vm.Primary}"
                : $"{name}: nothing to do");
        });
        return command;
    }

    private static UmbraCommand CreateList()
    {
        var command = new UmbraCommand("list", "All VMs", "vm list", "vm list --output json");
        CommandRun.SetAction(command, static async (run, _, stop) => run.Show(
            await run.Client.GetAsync<VmList>("/vms", stop).ConfigureAwait(false),
            static list => VmTables.List(list.Vms)));
        return command;
    }

    private static UmbraCommand CreateShow()
    {
        var command = new UmbraCommand("show", "One VM: its definition, policy and place", "vm show web")
        {
            VmArgument.Required,
        };
        CommandRun.SetAction(command, static async (run, parsed, stop) => run.Show(
            await run.Client.GetAsync<VmView>($"/vms/{parsed.GetValue(VmArgument.Required)}", stop)
                .ConfigureAwait(false),
            static vm => (IRenderable)VmTables.Show(vm)));
        return command;
    }

    private static UmbraCommand CreateDelete()
    {
        var force = new Option<bool>("--force") { Description = "Even if it runs" };
        var wait = GlobalOptions.Wait("nothing of it remains on any host");
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(2));
        var command = new UmbraCommand(
            "delete", "Destroy a VM, its disks and its shadow", "vm delete web", "vm delete web --force --wait")
        {
            VmArgument.Required, force, wait, timeout,
        };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            string name = parsed.GetValue(VmArgument.Required)!;
            string query = parsed.GetValue(force) ? "?force=true" : "";
            var change = await run.Client.DeleteAsync<VmChange>($"/vms/{name}{query}", stop).ConfigureAwait(false);
            if (!parsed.GetValue(wait)) return run.Say(change, $"{name} is being deleted");
            await Waiting.ForGoneAsync(run, name, timeout.Read(parsed), stop).ConfigureAwait(false);
            return run.Say(change, $"{name} is gone");
        });
        return command;
    }
}
