using System.Globalization;

namespace Umbra.Linux.ProcFs;

/// <summary>One line of <c>/proc/PID/maps</c> (man 5 proc_pid_maps).</summary>
/// <param name="Start">First address.</param>
/// <param name="End">First address behind it.</param>
/// <param name="Permissions">Four letters, as <c>rw-s</c>.</param>
/// <param name="Offset">Offset in the file, bytes.</param>
/// <param name="Inode">Inode of the file, 0 when none.</param>
/// <param name="Path">File or pseudo name as shown; empty for anonymous memory.</param>
public readonly record struct ProcessMapping(
    ulong Start, ulong End, string Permissions, ulong Offset, ulong Inode, string Path)
{
    /// <summary>Length, bytes.</summary>
    public ulong Bytes => End - Start;

    /// <summary>Whether writes reach the file and others who map it.</summary>
    public bool IsShared => Permissions.Length == 4 && Permissions[3] == 's';
}

/// <summary>Reads <c>/proc/PID/maps</c>.</summary>
public static class ProcessMaps
{
    /// <summary>Most lines that are looked at; the kernel's own default limit is 65,530 mappings a process.</summary>
    public const int LinesMax = 1 << 18;

    /// <summary>The mappings in <paramref name="text"/>, in order; lines that do not parse are left out.</summary>
    public static List<ProcessMapping> Parse(string text)
    {
        List<ProcessMapping> mappings = [];
        int lines = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            if (++lines > LinesMax) break;
            if (ParseLine(line) is { } mapping) mappings.Add(mapping);
        }

        return mappings;
    }

    private static ProcessMapping? ParseLine(ReadOnlySpan<char> line)
    {
        ReadOnlySpan<char> range = NextField(ref line);
        ReadOnlySpan<char> permissions = NextField(ref line);
        ReadOnlySpan<char> offsetText = NextField(ref line);
        _ = NextField(ref line); // device
        ReadOnlySpan<char> inodeText = NextField(ref line);
        int dash = range.IndexOf('-');
        if (dash < 0 || permissions.Length != 4) return null;
        if (!Hex(range[..dash], out ulong start) || !Hex(range[(dash + 1)..], out ulong end)) return null;
        if (end < start) return null;
        if (!Hex(offsetText, out ulong offset)) return null;
        if (!ulong.TryParse(inodeText, NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode)) return null;
        return new ProcessMapping(start, end, permissions.ToString(), offset, inode, line.TrimStart(' ').ToString());
    }

    private static ReadOnlySpan<char> NextField(ref ReadOnlySpan<char> line)
    {
        int space = line.IndexOf(' ');
        ReadOnlySpan<char> field = space < 0 ? line : line[..space];
        line = space < 0 ? [] : line[(space + 1)..];
        return field;
    }

    private static bool Hex(ReadOnlySpan<char> text, out ulong value) =>
        ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
}
