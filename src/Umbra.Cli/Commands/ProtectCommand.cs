using System.CommandLine;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra protect</c> and <c>umbra unprotect</c>.</summary>
internal static class ProtectCommand
{
    public static Command Create()
    {
        var wait = GlobalOptions.Wait("it is protected");
        var timeout = new TimeoutOption(TimeSpan.FromMinutes(5));
        var command = new UmbraCommand(
            "protect", "Give a VM a shadow, or change how it is protected; what is not named stays as it is",
            "protect web", "protect web --interval 100ms --takeover auto --lease 5s --wait")
        {
            VmArgument.Required, wait, timeout,
        };
        foreach (var option in PolicyOptions.All) command.Options.Add(option);
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            string name = parsed.GetValue(VmArgument.Required)!;
            var change = await SetAsync(
                run, name, policy => PolicyOptions.Apply(parsed, policy) with { Enabled = true }, stop)
                .ConfigureAwait(false);
            if (parsed.GetValue(wait))
            {
                var vm = await Waiting.ForVmAsync(
                    run, name, static vm => vm.Protection == ProtectionState.Protected, timeout.Read(parsed), stop)
                    .ConfigureAwait(false);
                change = change with { Vm = vm };
            }

            string start = change.Changed ? $"{name}: the policy is set" : $"{name} has this policy already";
            return run.Say(change, $"{start}; {Text.Word(change.Vm.Protection)}: {change.Vm.Reason}");
        });
        return command;
    }

    public static Command CreateUnprotect()
    {
        var command = new UmbraCommand("unprotect", "Give a VM's shadow up", "unprotect web") { VmArgument.Required };
        CommandRun.SetAction(command, static async (run, parsed, stop) =>
        {
            string name = parsed.GetValue(VmArgument.Required)!;
            var change = await SetAsync(run, name, static policy => policy with { Enabled = false }, stop)
                .ConfigureAwait(false);
            return run.Say(change, change.Changed ? $"{name} is not protected any more" : $"{name} was not protected");
        });
        return command;
    }

    private static async Task<VmChange> SetAsync(
        CommandRun run, string name, Func<ProtectionPolicy, ProtectionPolicy> change, CancellationToken stop)
    {
        var vm = await run.Client.GetAsync<VmView>($"/vms/{name}", stop).ConfigureAwait(false);
        var request = new ProtectRequest { Policy = change(vm.Policy) };
        return await run.Client.PutAsync<ProtectRequest, VmChange>($"/vms/{name}/policy", request, stop)
            .ConfigureAwait(false);
    }
}
