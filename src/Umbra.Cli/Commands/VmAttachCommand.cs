using System.CommandLine;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra vm attach</c>.</summary>
internal static class VmAttachCommand
{
    private static readonly Option<string> Host = new("--host")
    {
        Description = "Host where it runs", Required = true, CustomParser = Specs.ParseName,
    };

    private static readonly Option<int> Process =
        new("--pid") { Description = "Its QEMU's process id", Required = true };
    private static readonly Option<string> Qmp = new("--qmp")
    {
        Description = "The QMP socket of it to use first; it needs three that nobody else uses",
        HelpName = "SOCK",
        Required = true,
    };

    private static readonly Option<string?> SecondQmp = new("--qmp2")
    {
        Description = "The one to use second, by which hung storage is cut off", HelpName = "SOCK",
    };

    private static readonly Option<bool> NoProtect = new("--no-protect") { Description = "Without a shadow" };
    private static readonly Option<bool> Wait = GlobalOptions.Wait("it is taken over and protected");
    private static readonly Option<bool> NoWait =
        new("--no-wait") { Description = "Return before its host has looked at it" };
    private static readonly TimeoutOption Timeout = new(TimeSpan.FromMinutes(5));

    /// <summary>A host looks at a VM within a second or so; one that answers later is in trouble.</summary>
    private static readonly TimeSpan VerdictTimeout = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var command = new UmbraCommand(
            "attach", "Take over a running VM that Umbra did not start, as it is",
            "vm attach web --host a --pid 4711 --qmp /run/web.qmp --qmp2 /run/web.qmp2 --wait")
        {
            VmArgument.Required, Host, Process, Qmp, SecondQmp, NoProtect, Wait, NoWait, Timeout,
        };
        foreach (var option in PolicyOptions.All) command.Options.Add(option);
        CommandRun.SetAction(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(CommandRun run, ParseResult parsed, CancellationToken stop)
    {
        string name = parsed.GetValue(VmArgument.Required)!;
        bool protect = !parsed.GetValue(NoProtect);
        var request = new AttachVmRequest
        {
            Name = new VmId(name),
            Host = new HostId(parsed.GetValue(Host)!),
            Target = new AttachTarget(parsed.GetValue(Process), parsed.GetValue(Qmp)!, parsed.GetValue(SecondQmp)),
            Policy = PolicyOptions.Apply(parsed, new ProtectionPolicy { Enabled = protect }),
        };
        var change = await run.Client.PostAsync<AttachVmRequest, VmChange>("/vms/attach", request, stop)
            .ConfigureAwait(false);
        if (!parsed.GetValue(NoWait))
        {
            bool wait = parsed.GetValue(Wait);
            bool IsEnough(VmView vm) => !wait
                || (vm.Guest == GuestState.Running && (!protect || vm.Protection == ProtectionState.Protected));
            int process = request.Target.ProcessId;
            var vm = await Waiting.ForVmAsync(
                run, name, vm => IsRefused(vm, process) || (IsTaken(vm, process, change.Changed) && IsEnough(vm)),
                wait ? Timeout.Read(parsed) : VerdictTimeout, stop).ConfigureAwait(false);
            if (IsRefused(vm, process)) throw Refusal(vm);
            change = change with { Vm = vm };
        }
        else if (change.Changed)
        {
            return run.Say(change, $"{change.Vm.Primary} looks at {name}: 'umbra status {name}' shows what it finds");
        }

        string start = change.Changed ? $"{name} is taken over" : $"{name} is there already, just so,";
        return run.Say(
            change, $"{start} on {change.Vm.Primary}; {Text.Word(change.Vm.Protection)}: {change.Vm.Reason}");
    }

    private static bool IsRefused(VmView vm, int process) =>
        vm.PrimaryStatus is { Refusals.Count: > 0 } status && status.ProcessId == process;

    // What was taken over before may run on its shadow by now, as another process.
    private static bool IsTaken(VmView vm, int process, bool changed) =>
        vm.PrimaryStatus is { Refusals.Count: 0, Guest: GuestState.Running or GuestState.Paused } status
        && (status.ProcessId == process || !changed);

    private static CliException Refusal(VmView vm) => new(
        ExitCodes.Refused,
        $"{vm.Definition.Name} is refused by {vm.Primary} and runs on as before:\n"
            + string.Concat(vm.PrimaryStatus!.Refusals.Select(static why => $"- {why}\n"))
            + "attach it again once that is put right");
}
