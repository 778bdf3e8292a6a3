using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Network;

namespace Umbra.Agent.Vms;

/// <summary>
/// The tap interfaces that a host's VMs hang on. Their names are stable, so that a new agent finds them again. A
/// standby's is down, or no port of the bridge: two copies of a VM never both speak.
/// </summary>
internal static class HostTaps
{
    /// <summary>Interface name of a NIC: <c>um</c> and 12 hex digits, within the kernel's 15 characters.</summary>
    public static string Name(VmId vm, string nic)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{vm}/{nic}"));
        return $"um{BinaryPrimitives.ReadUInt64BigEndian(hash) >> 16:x12}";
    }

    /// <summary>Interface names by NIC.</summary>
    public static Dictionary<string, string> Names(VmDefinition vm) =>
        vm.Nics.ToDictionary(n => n.Id, n => Name(vm.Name, n.Id), StringComparer.Ordinal);

    /// <summary>Makes a VM's taps be there, up or down; the first failure, or null.</summary>
    public static string? Prepare(VmDefinition vm, bool up) =>
        Each(vm, (name, bridge) => Tap.Create(name, bridge) ?? Tap.SetUp(name, up));

    /// <summary>
    /// Makes a standby's taps be there, up and off their bridges, for its QEMU to open; the first failure, or null. Of
    /// an interface that is down the kernel looks once a second at most whether its carrier has come: one that was
    /// opened while down could carry nothing for that long after a swap had set it up. Of one that is up it looks at
    /// once.
    /// </summary>
    public static string? PrepareStandby(VmDefinition vm) => Each(vm, static (name, bridge) =>
        Tap.Create(name, bridge) ?? Tap.SetUp(name, up: false) ?? Tap.Detach(name) ?? Tap.SetUp(name, up: true));

    /// <summary>Sets a standby's open taps down and back on their bridges; the first failure, or null.</summary>
    public static string? SettleStandby(VmDefinition vm) => Each(vm, static (name, bridge) =>
        Tap.SetUp(name, up: false) ?? Tap.Attach(name, bridge));

    /// <summary>Sets a VM's taps up or down; the first failure, or null.</summary>
    public static SystemError? Set(VmDefinition vm, bool up)
    {
        SystemError? first = null;
        foreach (NicDefinition nic in vm.Nics) first = Tap.SetUp(Name(vm.Name, nic.Id), up) ?? first;
        return first;
    }

    /// <summary>Removes a VM's taps.</summary>
    public static void Remove(VmDefinition vm)
    {
        foreach (NicDefinition nic in vm.Nics) _ = Tap.Delete(Name(vm.Name, nic.Id));
    }

    private static string? Each(VmDefinition vm, Func<string, string, SystemError?> change)
    {
        foreach (NicDefinition nic in vm.Nics)
        {
            if (change(Name(vm.Name, nic.Id), nic.Bridge) is { } error)
                return $"network interface {nic.Id}: {error.Message}";
        }

        return null;
    }
}
