using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Policy;

/// <summary>
/// What a VM's definition must keep to, whoever wrote it. Nothing here asks whether a host can run it.
/// </summary>
public static class VmRules
{
    /// <summary>Most vCPUs.</summary>
    public const int CpusMax = 255;

    /// <summary>Least RAM, bytes.</summary>
    public const long MemoryBytesMin = 16L * Sizes.MiB;

    /// <summary>Most RAM, bytes.</summary>
    public const long MemoryBytesMax = 16 * 1024 * Sizes.GiB;

    /// <summary>RAM is a multiple of this, bytes: a huge page.</summary>
    public const long MemoryGrain = 2L * Sizes.MiB;

    /// <summary>Largest disk, bytes.</summary>
    public const long DiskBytesMax = 64L * 1024 * Sizes.GiB;

    /// <summary>Most disks, and most interfaces.</summary>
    public const int DevicesMax = 16;

    /// <summary>Longest path, kernel command line or other free text, characters.</summary>
    public const int TextMax = 4096;

    /// <summary>Most further arguments.</summary>
    public const int ExtraArgumentsMax = 256;

    private static readonly string[] Accelerators = ["kvm", "tcg"];
    private static readonly string[] Formats = ["raw", "qcow2"];

    /// <summary>Everything that is wrong with the definition, for people; empty: nothing.</summary>
    public static IReadOnlyList<string> Check(VmDefinition vm)
    {
        var errors = new List<string>();
        if (!Names.IsValid(vm.Name.Value)) errors.Add(NameError("the VM", vm.Name.Value));
        if (vm.Revision < 1) errors.Add("the revision must be at least 1");
        CheckWord(errors, "the machine type", vm.Machine);
        if (!vm.IsForeign && vm.Machine is "q35" or "pc")
            errors.Add($"the machine type {vm.Machine} is not pinned to a version: take pc-q35-7.2 or the like");
        CheckWord(errors, "the CPU model", vm.Cpu);
        if (WhyCpuIsRefused(vm.Cpu) is { } why) errors.Add(why);
        if (!Accelerators.Contains(vm.Accelerator))
            errors.Add($"the accelerator must be kvm or tcg, not '{vm.Accelerator}'");
        if (vm.Cpus is < 1 or > CpusMax) errors.Add($"the number of CPUs must be 1 to {CpusMax}, not {vm.Cpus}");
        CheckMemory(errors, vm.MemoryBytes);
        CheckDevices(errors, vm);
        if (vm.Kernel is { } kernel) CheckKernel(errors, kernel);
        if (vm.Uuid is { } uuid && !Guid.TryParseExact(uuid, "D", out _)) errors.Add($"'{uuid}' is no UUID");
        if (vm.ExtraArguments.Count > ExtraArgumentsMax || vm.ExtraArguments.Any(static text => text.Length > TextMax))
            errors.Add($"further arguments: at most {ExtraArgumentsMax} of {TextMax} characters");
        return errors;
    }

    /// <summary>
    /// Everything that is wrong with the devices to be added to <paramref name="vm"/>; empty: nothing.
    /// </summary>
    public static IReadOnlyList<string> CheckPlug(VmDefinition vm, PlugRequest request)
    {
        if (request.Disks.Count + request.Nics.Count == 0) return ["nothing is to be plugged: name a disk or a NIC"];
        return Check(WithPlugged(vm, request));
    }

    /// <summary>The definition with further devices, a revision higher.</summary>
    public static VmDefinition WithPlugged(VmDefinition vm, PlugRequest request) => vm with
    {
        Revision = vm.Revision + 1,
        Disks = [.. vm.Disks, .. request.Disks],
        Nics = [.. vm.Nics, .. request.Nics],
    };

    /// <summary>Why a CPU model cannot be had alike on two hosts; null when it can.</summary>
    /// <param name="cpu">Model with its flags, as QEMU takes it.</param>
    public static string? WhyCpuIsRefused(string cpu) => cpu.Split(',')[0] is "host" or "max"
        ? $"CPU model '{cpu}' is whatever this host and this version of QEMU offer, so the guest could meet another "
            + "CPU on its shadow and crash: name a model that all hosts have, such as qemu64 or EPYC"
        : null;

    /// <summary>Whether two definitions say the same.</summary>
    public static bool Same(VmDefinition one, VmDefinition other) =>
        one.Disks.SequenceEqual(other.Disks) && one.Nics.SequenceEqual(other.Nics)
        && one.ExtraArguments.SequenceEqual(other.ExtraArguments)
        && one with { Disks = other.Disks, Nics = other.Nics, ExtraArguments = other.ExtraArguments } == other;

    /// <summary>
    /// A MAC address that depends on the names alone, so that the same VM gets the same one however often it is asked
    /// for: QEMU's own prefix and 24 bits of a hash (FNV-1a).
    /// </summary>
    public static string DefaultMac(VmId vm, string nic)
    {
        uint hash = 2166136261;
        foreach (char c in $"{vm.Value}/{nic}") hash = unchecked((hash ^ c) * 16777619);
        hash ^= hash >> 24;
        return $"52:54:00:{(hash >> 16) & 0xff:x2}:{(hash >> 8) & 0xff:x2}:{hash & 0xff:x2}";
    }

    private static void CheckMemory(List<string> errors, long bytes)
    {
        if (bytes is < MemoryBytesMin or > MemoryBytesMax)
        {
            string limits = $"{ByteText.Of(MemoryBytesMin)} to {ByteText.Of(MemoryBytesMax)}";
            errors.Add($"memory must be {limits}, not {ByteText.Of(bytes)}");
        }
        else if (bytes % MemoryGrain != 0)
        {
            errors.Add($"memory must be a multiple of {ByteText.Of(MemoryGrain)}, not {bytes} bytes");
        }

    }

    private static void CheckDevices(List<string> errors, VmDefinition vm)
    {
        if (vm.Disks.Count > DevicesMax) errors.Add($"at most {DevicesMax} disks");
        if (vm.Nics.Count > DevicesMax) errors.Add($"at most {DevicesMax} network interfaces");
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (string id in vm.Disks.Select(static disk => disk.Id).Concat(vm.Nics.Select(static nic => nic.Id)))
        {
            if (!IsDeviceName(id, vm.IsForeign)) errors.Add(NameError("a device", id));
            else if (!ids.Add(id)) errors.Add($"two devices are called {id}");
        }

        foreach (var disk in vm.Disks) CheckDisk(errors, disk);
        foreach (var nic in vm.Nics) CheckNic(errors, nic, vm.IsForeign);
    }

    // A VM that Umbra did not start has the names it has; they only must not hurt.
    private static bool IsDeviceName(string id, bool foreign) => foreign
        ? id.Length is > 0 and <= 255 && id.All(static c => char.IsAsciiLetterOrDigit(c) || "-_.:/".Contains(c))
        : Names.IsValid(id);

    private static void CheckDisk(List<string> errors, DiskDefinition disk)
    {
        if (disk.Bytes is < 512 or > DiskBytesMax || disk.Bytes % 512 != 0)
            errors.Add($"disk {disk.Id}: the size must be a multiple of 512 bytes, up to {ByteText.Of(DiskBytesMax)}");
        if (!Formats.Contains(disk.Format))
            errors.Add($"disk {disk.Id}: the format must be raw or qcow2, not '{disk.Format}'");
        if (disk.SourcePath is { } path) CheckPath(errors, $"disk {disk.Id}: the image", path);
        else if (disk.Format != "raw")
            errors.Add($"disk {disk.Id}: Umbra's own images are raw; {disk.Format} needs a path");
    }

    private static void CheckNic(List<string> errors, NicDefinition nic, bool foreign)
    {
        byte[]? mac = ParseMac(nic.Mac);
        if (mac is null || (mac[0] & 1) != 0)
            errors.Add($"interface {nic.Id}: '{nic.Mac}' is no MAC address of one interface");
        bool named = nic.Bridge.Length is > 0 and <= 15
            && nic.Bridge.All(static c => char.IsAsciiLetterOrDigit(c) || "-_.".Contains(c));
        if (!named && !(foreign && nic.Bridge.Length == 0))
            errors.Add($"interface {nic.Id}: '{nic.Bridge}' is no name of a bridge (1-15 letters, digits, - _ .)");
    }

    private static byte[]? ParseMac(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length != 6) return null;
        byte[] mac = new byte[6];
        for (int i = 0; i < 6; i++)
        {
            if (parts[i].Length != 2 || !byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, null, out mac[i]))
                return null;
        }

        return mac;
    }

    private static void CheckKernel(List<string> errors, KernelBoot kernel)
    {
        CheckPath(errors, "the kernel", kernel.KernelPath);
        if (kernel.InitrdPath is { } initrd) CheckPath(errors, "the initial RAM disk", initrd);
        if (kernel.CommandLine.Length > TextMax || kernel.CommandLine.Any(char.IsControl))
            errors.Add($"the kernel command line must be at most {TextMax} printable characters");
    }

    private static void CheckPath(List<string> errors, string what, string path)
    {
        bool sound = path.StartsWith('/') && path.Length <= TextMax
            && !path.Any(static c => char.IsControl(c) || c == ',');
        if (!sound) errors.Add($"{what} must be an absolute path without commas, not '{path}'");
    }

    private static void CheckWord(List<string> errors, string what, string text)
    {
        bool sound = text.Length is > 0 and <= 255
            && text.All(static c => char.IsAsciiLetterOrDigit(c) || "-_.,=+".Contains(c));
        if (!sound) errors.Add($"{what} must be 1-255 letters, digits and - _ . , = +");
    }

    private static string NameError(string what, string name) =>
        $"the name of {what} must be 1-63 of a-z 0-9 - and start with a letter or digit, not '{name}'";
}
