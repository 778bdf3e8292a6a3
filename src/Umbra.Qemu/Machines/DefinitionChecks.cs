using System.Text.RegularExpressions;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;

namespace Umbra.Qemu.Machines;

/// <summary>
/// What must be true of a definition before QEMU is started with it: each violation is a sentence for people that says
/// what to change.
/// </summary>
public static partial class DefinitionChecks
{
    /// <summary>Most vCPUs of a protected VM.</summary>
    public const int CpusMax = 255;

    /// <summary>Everything that is wrong; empty when nothing is.</summary>
    public static IReadOnlyList<string> Check(VmDefinition vm)
    {
        var errors = new List<string>();
        void Require(bool condition, string message)
        {
            if (!condition) errors.Add(message);
        }

        Require(Names.IsValid(vm.Name.Value), $"VM name '{vm.Name}' is not 1-63 of a-z 0-9 -");
        Require(
            IsPinned(vm.Machine),
            $"machine type '{vm.Machine}' is not pinned to a version: the meaning of an alias differs between QEMU "
                + "versions. Use for instance pc-q35-7.2");
        Require(vm.Accelerator is "kvm" or "tcg", $"accelerator '{vm.Accelerator}' is neither kvm nor tcg");
        Require(vm.Cpus is > 0 and <= CpusMax, $"{vm.Cpus} vCPUs: 1 to {CpusMax} are possible");
        Require(
            vm.MemoryBytes > 0 && vm.MemoryBytes % (2 * Sizes.MiB) == 0,
            $"{vm.MemoryBytes} bytes of RAM: a positive multiple of 2 MiB is needed");
        Require(IsWord(vm.Cpu), $"CPU model '{vm.Cpu}' is not a model with comma-separated flags");
        if (VmRules.WhyCpuIsRefused(vm.Cpu) is { } cpu) errors.Add(cpu);
        Require(IsWord(vm.MemoryId), $"RAM backend id '{vm.MemoryId}' has characters that QEMU does not take");
        Require(vm.Uuid is null || Guid.TryParse(vm.Uuid, out _), $"'{vm.Uuid}' is no UUID");
        foreach (DiskDefinition disk in vm.Disks) CheckDisk(disk, Require);
        foreach (NicDefinition nic in vm.Nics) CheckNic(nic, Require);
        string[] ids = [.. vm.Disks.Select(d => d.Id), .. vm.Nics.Select(n => n.Id)];
        Require(ids.Distinct(StringComparer.Ordinal).Count() == ids.Length, "two devices have the same id");
        Require(
            PciLayout.Assign(vm) is not null,
            $"at most {PciLayout.DisksMax} disks and {PciLayout.NicsMax} NICs fit without hot-plug");
        return errors;
    }

    /// <summary>Whether a machine type carries a version: <c>pc-q35-7.2</c>, <c>pc-i440fx-10.0</c>.</summary>
    public static bool IsPinned(string machine) => PinnedMachine().IsMatch(machine);

    private static void CheckDisk(DiskDefinition disk, Action<bool, string> require)
    {
        CheckId(disk.Id, require);
        require(
            disk.Bytes > 0 && disk.Bytes % 512 == 0,
            $"disk {disk.Id}: {disk.Bytes} bytes is no multiple of 512 above 0");
        require(disk.Format is "raw" or "qcow2", $"disk {disk.Id}: format '{disk.Format}' is neither raw nor qcow2");
        CheckPlace(disk.Id, disk.Bus, disk.Address, require);
    }

    private static void CheckNic(NicDefinition nic, Action<bool, string> require)
    {
        CheckId(nic.Id, require);
        require(MacAddress().IsMatch(nic.Mac), $"NIC {nic.Id}: '{nic.Mac}' is no MAC address like 52:54:00:12:34:56");
        CheckPlace(nic.Id, nic.Bus, nic.Address, require);
    }

    private static void CheckId(string id, Action<bool, string> require) => require(
        id.Length <= QemuNames.DeviceIdMax && DeviceId().IsMatch(id),
        $"device id '{id}' is not 1-{QemuNames.DeviceIdMax} of a-z A-Z 0-9 - . _ starting with a letter");

    private static void CheckPlace(string id, string? bus, string? address, Action<bool, string> require)
    {
        require(bus is null || DeviceId().IsMatch(bus), $"device {id}: bus '{bus}' is no bus name");
        require(
            address is null || PciAddress().IsMatch(address),
            $"device {id}: '{address}' is no PCI slot like 0x3 or 03.0");
    }

    private static bool IsWord(string text) => Word().IsMatch(text);

    [GeneratedRegex(@"\A[a-z0-9-]+-[0-9]+\.[0-9]+(\.[0-9]+)?\z")]
    private static partial Regex PinnedMachine();

    [GeneratedRegex(@"\A[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}\z")]
    private static partial Regex MacAddress();

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9._-]*\z")]
    private static partial Regex DeviceId();

    [GeneratedRegex(@"\A(0x)?[0-9a-fA-F]{1,2}(\.[0-7])?\z")]
    private static partial Regex PciAddress();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._,=+:/-]*\z")]
    private static partial Regex Word();
}
