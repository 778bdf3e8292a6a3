using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>Small kernel texts: numbers of meminfo and cpuinfo, the kernel's version, the boot's id.</summary>
public static class KernelText
{
    private const int BytesPerKilobyte = 1024;

    /// <summary>
    /// Bytes of the entry <paramref name="name"/> (<c>MemTotal</c>, <c>MemAvailable</c>, <c>SwapTotal</c>) in the text
    /// of <c>/proc/meminfo</c>; null when it is not there.
    /// </summary>
    public static long? MemoryBytes(string meminfo, string name)
    {
        string? value = Value(meminfo, name);
        if (value is null || !value.EndsWith(" kB", StringComparison.Ordinal)) return null;
        bool good = long.TryParse(
            value.AsSpan(0, value.Length - 3), NumberStyles.None, CultureInfo.InvariantCulture, out long kilobytes);
        return good && kilobytes <= long.MaxValue / BytesPerKilobyte ? kilobytes * BytesPerKilobyte : null;
    }

    /// <summary>Model name of the first processor in the text of <c>/proc/cpuinfo</c>; null when not said.</summary>
    public static string? ProcessorModel(string cpuinfo) => Value(cpuinfo, "model name");

    /// <summary>Microcode revision of the first processor, as <c>0x1000065</c>; null when not said.</summary>
    public static string? ProcessorMicrocode(string cpuinfo) => Value(cpuinfo, "microcode");

    /// <summary>Feature flags of the first processor; empty when not said.</summary>
    public static IReadOnlySet<string> ProcessorFlags(string cpuinfo) =>
        (Value(cpuinfo, "flags") ?? "")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal);

    /// <summary>How many processors the text of <c>/proc/cpuinfo</c> lists.</summary>
    public static int ProcessorCount(string cpuinfo)
    {
        int count = 0;
        foreach (ReadOnlySpan<char> line in cpuinfo.AsSpan().EnumerateLines())
        {
            if (line.StartsWith("processor") && line["processor".Length..].TrimStart() is [':', ..]) count++;
        }

        return count;
    }

    /// <summary>Major and minor of a kernel release as <c>6.18.44-amd64</c>; null when it is not one.</summary>
    public static Version? KernelVersion(string osrelease)
    {
        string[] parts = osrelease.Trim().Split('.', 3);
        if (parts.Length < 2) return null;
        int digits = parts[1].AsSpan().IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> minorText = digits < 0 ? parts[1] : parts[1].AsSpan(0, digits);
        bool good = int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            & int.TryParse(minorText, NumberStyles.None, CultureInfo.InvariantCulture, out int minor);
        return good ? new Version(major, minor) : null;
    }

    /// <summary>
    /// Id of this boot from <c>proc/sys/kernel/random/boot_id</c> under <paramref name="root"/>: what was only in
    /// memory (RAM files, running guests) is gone when it differs. Null when it cannot be read.
    /// </summary>
    public static Guid? BootId(string root = "/")
    {
        string? text = TextFile.TryRead(Path.Combine(root, "proc/sys/kernel/random/boot_id"));
        return Guid.TryParse(text?.Trim(), out Guid id) ? id : null;
    }

    private static string? Value(string text, string name)
    {
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            int colon = line.IndexOf(':');
            if (colon >= 0 && line[..colon].TrimEnd().SequenceEqual(name)) return line[(colon + 1)..].Trim().ToString();
        }

        return null;
    }
}
