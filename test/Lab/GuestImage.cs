using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Lab;

/// <summary>The test guest's kernel and initial RAM disk, built once from guest/ into the repository's cache.</summary>
/// <param name="KernelPath">The kernel.</param>
/// <param name="InitrdPath">The initial RAM disk with the workload.</param>
public sealed record GuestImage(string KernelPath, string InitrdPath)
{
    /// <summary>Address that the demo's guest takes on the guests' LAN.</summary>
    public const string AddressDefault = "10.77.0.50";

    /// <summary>Builds it where that is not done yet.</summary>
    public static GuestImage Build()
    {
        string directory = Path.Combine(UmbraProgram.RepositoryRoot, ".cache", "guest");
        ShellCommand.Run(Path.Combine(UmbraProgram.RepositoryRoot, "guest", "build.sh"), directory);
        return new GuestImage(Path.Combine(directory, "vmlinuz"), Path.Combine(directory, "initrd.img"));
    }

    /// <summary>A guest with one disk and one interface on the lab's LAN.</summary>
    /// <param name="name">Name of the VM.</param>
    /// <param name="address">Its address on the guests' LAN, 10.77.0.x.</param>
    /// <param name="workload">Further options of the workload (guest/README.md), such as <c>umbra.rate=max</c>.</param>
    public VmDefinition Define(string name, string address = AddressDefault, string workload = "") => new()
    {
        Name = new VmId(name),
        MemoryBytes = 256L * Sizes.MiB,
        Disks = [new DiskDefinition { Id = "disk0", Bytes = 64L * Sizes.MiB }],
        Nics = [new NicDefinition { Id = "nic0", Mac = MacOf(address), Bridge = LabHost.GuestBridge }],
        Kernel = new KernelBoot
        {
            KernelPath = KernelPath,
            InitrdPath = InitrdPath,
            CommandLine = $"console=ttyS0 quiet panic=5 umbra.ip={address}/24 {workload}".Trim(),
        },
    };

    private static string MacOf(string address) => $"52:54:00:77:00:{byte.Parse(address.Split('.')[3]):x2}";
}
