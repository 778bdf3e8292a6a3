using System.CommandLine;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra vm create</c>.</summary>
internal static class VmCreateCommand
{
    private static readonly VmDefinition Defaults = new() { Name = new VmId("x") };

    private static readonly Option<long?> Memory = new("--memory")
    {
        Description = "RAM (default: 256M)", HelpName = "SIZE",
        CustomParser = static result => Specs.ParseBytes(result),
    };

    private static readonly Option<int> Cpus = new("--cpus")
    {
        Description = "vCPUs", DefaultValueFactory = static _ => Defaults.Cpus,
    };

    private static readonly Option<string[]> Disks = DeviceOptions.Disks();
    private static readonly Option<string[]> Nics = DeviceOptions.Nics();
    private static readonly Option<string?> Kernel =
        new("--kernel") { Description = "Kernel image on every host", HelpName = "FILE" };
    private static readonly Option<string?> Initrd =
        new("--initrd") { Description = "Initial RAM disk on every host", HelpName = "FILE" };
    private static readonly Option<string> Append = new("--append")
    {
        Description = "Kernel command line", DefaultValueFactory = static _ => "",
    };

    private static readonly Option<string> Machine =
        Word("--machine", "QEMU machine type, pinned to a version", Defaults.Machine);
    private static readonly Option<string> Cpu = Word("--cpu", "QEMU CPU model", Defaults.Cpu);
    private static readonly Option<string> Accelerator = Word("--accelerator", "kvm or tcg", Defaults.Accelerator);
    private static readonly Option<string?> Uuid = new("--uuid") { Description = "SMBIOS UUID" };
    private static readonly Option<string?> Host =
        new("--host") { Description = "Host to run it on (default: the best one)" };
    private static readonly Option<bool> NoProtect = new("--no-protect") { Description = "Without a shadow" };
    private static readonly Option<bool> NoStart = new("--no-start") { Description = "Without turning it on" };
    private static readonly Option<bool> Wait = GlobalOptions.Wait("it runs and is protected");
    private static readonly TimeoutOption Timeout = new(TimeSpan.FromMinutes(5));

    public static Command Create()
    {
        var command = new UmbraCommand(
            "create", "Create a VM, run it and give it a shadow; the same again changes nothing",
            "vm create web --memory 256M --cpus 1 --disk size=64M --nic bridge=br0 --interval 100ms --wait",
            "vm create db --memory 4G --disk size=40G,path=/images/db.qcow2,format=qcow2 --host a --takeover auto",
            "vm create t --kernel /boot/vmlinuz --initrd /boot/initrd --append \"console=ttyS0\" --no-protect")
        {
            VmArgument.Required, Memory, Cpus, Disks, Nics, Kernel, Initrd, Append, Machine, Cpu, Accelerator, Uuid,
            Host,
            NoProtect, NoStart, Wait, Timeout,
        };
        foreach (var option in PolicyOptions.All) command.Options.Add(option);
        CommandRun.SetAction(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(CommandRun run, ParseResult parsed, CancellationToken stop)
    {
        var request = Read(parsed);
        var change = await run.Client.PostAsync<CreateVmRequest, VmChange>("/vms", request, stop).ConfigureAwait(false);
        string name = request.Definition.Name.Value;
        if (parsed.GetValue(Wait))
        {
            var vm = await Waiting.ForVmAsync(run, name, vm => IsReady(vm, request), Timeout.Read(parsed), stop)
                .ConfigureAwait(false);
            change = change with { Vm = vm };
        }

        string start = change.Changed ? $"{name} was created" : $"{name} is there already, just so";
        return run.Say(
            change, $"{start} on {change.Vm.Primary}; {Text.Word(change.Vm.Protection)}: {change.Vm.Reason}");
    }

    private static bool IsReady(VmView vm, CreateVmRequest request)
    {
        if (request.Power == DesiredPower.Running && vm.Guest != GuestState.Running) return false;
        return !request.Policy.Enabled || vm.Protection == ProtectionState.Protected;
    }

    private static CreateVmRequest Read(ParseResult parsed)
    {
        var name = new VmId(parsed.GetValue(VmArgument.Required)!);
        string? kernel = parsed.GetValue(Kernel);
        if (kernel is null && (parsed.GetValue(Initrd) is not null || parsed.GetValue(Append) != ""))
            throw new CliException(ExitCodes.Usage, "--initrd and --append need --kernel");
        var definition = new VmDefinition
        {
            Name = name,
            Machine = parsed.GetValue(Machine)!,
            Cpu = parsed.GetValue(Cpu)!,
            Accelerator = parsed.GetValue(Accelerator)!,
            Cpus = parsed.GetValue(Cpus),
            MemoryBytes = parsed.GetValue(Memory) ?? Defaults.MemoryBytes,
            Disks = DeviceOptions.ReadDisks(parsed, Disks, []),
            Nics = DeviceOptions.ReadNics(parsed, Nics, name, []),
            Kernel = kernel is null ? null : new KernelBoot
            {
                KernelPath = kernel, InitrdPath = parsed.GetValue(Initrd), CommandLine = parsed.GetValue(Append)!,
            },
            Uuid = parsed.GetValue(Uuid),
        };
        return new CreateVmRequest
        {
            Definition = definition,
            Policy = PolicyOptions.Apply(parsed, new ProtectionPolicy { Enabled = !parsed.GetValue(NoProtect) }),
            Host = HostName.Read(parsed.GetValue(Host)),
            Power = parsed.GetValue(NoStart) ? DesiredPower.Stopped : DesiredPower.Running,
        };
    }

    private static Option<string> Word(string name, string description, string fallback) => new(name)
    {
        Description = description, DefaultValueFactory = _ => fallback,
    };
}
