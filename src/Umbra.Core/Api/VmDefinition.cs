using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>
/// What a VM is made of: enough to start it, or its standby, anywhere in the fleet with the same guest-visible
/// hardware. It travels with the epochs as the VM's configuration.
/// </summary>
public sealed record VmDefinition
{
    /// <summary>The VM's name.</summary>
    public required VmId Name { get; init; }

    /// <summary>Raised by every change (hot-plug); the newest wins.</summary>
    public long Revision { get; init; } = 1;

    /// <summary>QEMU machine type, pinned to a version so that both sides and later QEMUs agree.</summary>
    public string Machine { get; init; } = "pc-q35-7.2";

    /// <summary>QEMU CPU model, explicit.</summary>
    public string Cpu { get; init; } = "qemu64";

    /// <summary>Accelerator: <c>kvm</c> or <c>tcg</c>; the same on both sides.</summary>
    public string Accelerator { get; init; } = "tcg";

    /// <summary>Number of vCPUs.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>RAM, bytes; a multiple of 2 MiB.</summary>
    public long MemoryBytes { get; init; } = 256L * Sizes.MiB;

    /// <summary>QEMU's id of the RAM backend: it names the RAM in the device state, so both sides must agree.</summary>
    public string MemoryId { get; init; } = "ram0";

    /// <summary>Writable disks, in order.</summary>
    public IReadOnlyList<DiskDefinition> Disks { get; init; } = [];

    /// <summary>Network interfaces, in order.</summary>
    public IReadOnlyList<NicDefinition> Nics { get; init; } = [];

    /// <summary>Direct kernel boot; null boots from the first disk by firmware.</summary>
    public KernelBoot? Kernel { get; init; }

    /// <summary>SMBIOS UUID; null leaves it to QEMU.</summary>
    public string? Uuid { get; init; }

    /// <summary>
    /// Whether the VM was attached, not started by Umbra: its console, root ports and CPU topology are then those in
    /// <see cref="ExtraArguments"/> instead of Umbra's own.
    /// </summary>
    public bool IsForeign { get; init; }

    /// <summary>
    /// Further QEMU arguments taken over from a VM that Umbra did not start; the same on both sides. Empty for others.
    /// </summary>
    public IReadOnlyList<string> ExtraArguments { get; init; } = [];
}

/// <summary>One virtio-blk disk.</summary>
public sealed record DiskDefinition
{
    /// <summary>Name, unique among the VM's devices; QEMU's device id.</summary>
    public required string Id { get; init; }

    /// <summary>Size, bytes; a multiple of 512.</summary>
    public required long Bytes { get; init; }

    /// <summary>
    /// Image on the host where the VM was first started, when it is not Umbra's own file; null: Umbra's own
    /// (<c>STATE/vms/VM/ID.raw</c>). A shadow's image is always Umbra's own.
    /// </summary>
    public string? SourcePath { get; init; }

    /// <summary>Format of <see cref="SourcePath"/>: <c>raw</c> or <c>qcow2</c>. Umbra's own images are raw.</summary>
    public string Format { get; init; } = "raw";

    /// <summary>PCI slot on the root bus (or root port for hot-plugged ones), fixed so that both sides agree.</summary>
    public string? Address { get; init; }

    /// <summary>Root port (<c>bus=</c>) of a hot-plugged disk; null: on pcie.0.</summary>
    public string? Bus { get; init; }
}

/// <summary>One virtio-net interface on a tap of the host's bridge.</summary>
public sealed record NicDefinition
{
    /// <summary>Name, unique among the VM's devices; QEMU's device id.</summary>
    public required string Id { get; init; }

    /// <summary>MAC address, <c>52:54:00:xx:xx:xx</c>.</summary>
    public required string Mac { get; init; }

    /// <summary>Bridge on each host that the tap hangs on.</summary>
    public required string Bridge { get; init; }

    /// <summary>PCI slot; as <see cref="DiskDefinition.Address"/>.</summary>
    public string? Address { get; init; }

    /// <summary>Root port of a hot-plugged NIC; null: on pcie.0.</summary>
    public string? Bus { get; init; }
}

/// <summary>Direct kernel boot: files that must be the same on every host of the pair.</summary>
public sealed record KernelBoot
{
    /// <summary>Kernel image, absolute path on every host.</summary>
    public required string KernelPath { get; init; }

    /// <summary>Initial RAM disk, absolute path on every host.</summary>
    public string? InitrdPath { get; init; }

    /// <summary>Kernel command line.</summary>
    public string CommandLine { get; init; } = "";
}
