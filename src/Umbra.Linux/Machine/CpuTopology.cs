using System.Globalization;
using Umbra.Core.Basics;
using Umbra.Linux.ProcFs;

namespace Umbra.Linux.Machine;

/// <summary>Which memory is near a CPU, and how large its last-level cache is (<c>/sys/devices/system</c>).</summary>
public static class CpuTopology
{
    private const int NodesMax = 1024, CacheLevelsMax = 8;

    /// <summary>Memory node of a CPU; null where the kernel knows of no nodes.</summary>
    public static int? NodeOf(int cpu, string root = "/")
    {
        string? online = TextFile.TryRead(Path.Combine(root, "sys/devices/system/node/online"));
        foreach (int node in (NumberList.Parse(online ?? "") ?? []).Take(NodesMax))
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"sys/devices/system/node/node{node}/cpulist");
            string? cpus = TextFile.TryRead(Path.Combine(root, path));
            if (NumberList.Parse(cpus ?? "")?.Contains(cpu) == true) return node;
        }

        return null;
    }

    /// <summary>Size of the largest cache that a CPU has, bytes; null when the kernel does not say.</summary>
    public static long? LastCacheBytes(int cpu, string root = "/")
    {
        long? largest = null;
        for (int i = 0; i < CacheLevelsMax; i++)
        {
            string path = string.Create(
                CultureInfo.InvariantCulture, $"sys/devices/system/cpu/cpu{cpu}/cache/index{i}/size");
            if (TextFile.TryRead(Path.Combine(root, path)) is not { } text) break;
            if (ParseSize(text) is { } bytes && (largest is null || bytes > largest)) largest = bytes;
        }

        return largest;
    }

    /// <summary>Bytes of a size as <c>32768K</c> or <c>32M</c>; null when it is none.</summary>
    public static long? ParseSize(string text)
    {
        ReadOnlySpan<char> size = text.AsSpan().Trim();
        long unit = size is [.., 'K'] ? Sizes.KiB : size is [.., 'M'] ? Sizes.MiB : 1;
        ReadOnlySpan<char> digits = unit > 1 ? size[..^1] : size;
        bool good = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count);
        return good ? count * unit : null;
    }
}
