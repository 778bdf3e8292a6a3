using Umbra.Linux.Interop;
using Umbra.Linux.ProcFs;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Memory;

/// <summary>Where an emulator has a RAM backend mapped, and where others can open the same memory.</summary>
/// <param name="Range">Host virtual addresses in the emulator.</param>
/// <param name="OpenPath">Path in <c>/proc/PID/map_files</c>, which also opens memfds and deleted files.</param>
public sealed record RamMapping(AddressRange Range, string OpenPath)
{
    private const string DeletedSuffix = " (deleted)", MemfdPrefix = "/memfd:";

    /// <summary>
    /// Finds the shared mapping of <paramref name="backing"/> in process <paramref name="pid"/>.
    /// </summary>
    /// <param name="pid">The emulator.</param>
    /// <param name="backing">
    /// Path of the RAM file, or name of the memfd (QEMU's memory-backend-memfd calls it
    /// <c>memory-backend-memfd</c>).
    /// </param>
    /// <param name="bytes">Size of the RAM: among several memfds of one name the one of this size is meant.</param>
    public static Outcome<RamMapping> Find(int pid, string backing, long bytes)
    {
        string path = $"/proc/{pid}/maps";
        try
        {
            return FindIn(ProcessMaps.Parse(File.ReadAllText(path)), pid, backing, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            int errno = e is UnauthorizedAccessException ? Errno.ACCES : Errno.SRCH;
            return new SystemError("read", path, errno, e.Message);
        }
    }

    /// <summary>As <see cref="Find"/>, on mappings already read.</summary>
    public static Outcome<RamMapping> FindIn(
        IReadOnlyList<ProcessMapping> mappings, int pid, string backing, long bytes)
    {
        string what = $"{backing} in process {pid}";
        List<RamMapping> found = [];
        for (int i = 0; i < mappings.Count; i++)
        {
            if (!IsOf(mappings[i], backing) || mappings[i].Offset != 0) continue;
            // One backend may show as several neighbours (different advice or protection along it).
            ulong end = mappings[i].End;
            for (int j = i + 1; j < mappings.Count && Continues(mappings[i], mappings[j], end); j++)
                end = mappings[j].End;
            AddressRange range = new(mappings[i].Start, (long)(end - mappings[i].Start));
            string open = $"/proc/{pid}/map_files/{mappings[i].Start:x}-{mappings[i].End:x}";
            if (range.Bytes == bytes) found.Add(new RamMapping(range, open));
        }

        if (found.Count == 1) return found[0];
        string hint = found.Count == 0
            ? $"no shared mapping of {bytes} bytes; the VM needs a memory backend with share=on"
            : "it is mapped more than once; give each memory backend a file of its own";
        return new SystemError("find guest memory", what, 0, hint);
    }

    private static bool IsOf(ProcessMapping mapping, string backing)
    {
        if (!mapping.IsShared) return false;
        ReadOnlySpan<char> shown = mapping.Path;
        if (shown.EndsWith(DeletedSuffix, StringComparison.Ordinal)) shown = shown[..^DeletedSuffix.Length];
        bool isMemfd = shown.StartsWith(MemfdPrefix, StringComparison.Ordinal);
        return shown.SequenceEqual(backing) || (isMemfd && shown[MemfdPrefix.Length..].SequenceEqual(backing));
    }

    private static bool Continues(ProcessMapping first, ProcessMapping next, ulong end) =>
        next.Start == end && next.Inode == first.Inode && next.Path == first.Path
        && next.Offset == end - first.Start;
}
