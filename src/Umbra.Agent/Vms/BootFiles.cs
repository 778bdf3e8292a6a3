using Umbra.Core.Api;

namespace Umbra.Agent.Vms;

/// <summary>The files of a direct kernel boot, which every host of a pair has at the same path.</summary>
internal static class BootFiles
{
    /// <summary>What is missing here, with what to do; null when nothing is.</summary>
    public static string? Missing(KernelBoot kernel)
    {
        string? missing = !File.Exists(kernel.KernelPath) ? kernel.KernelPath
            : kernel.InitrdPath is { } initrd && !File.Exists(initrd) ? initrd
            : null;
        return missing is null ? null : $"{missing} is not on this host: copy it here, the guest reboots from it";
    }
}
