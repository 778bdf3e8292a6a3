using System.Globalization;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Tracking;

/// <summary>
/// Finds the userfaultfd that an earlier agent left open in an emulator, so that no second one is injected and what was
/// written meanwhile is still known.
/// </summary>
internal static class UserFaultAdoption
{
    private const string LinkTarget = "anon_inode:[userfaultfd]";

    /// <summary>
    /// The descriptor that tracks, or can track, <paramref name="range"/>. ENOENT: there is none. EBUSY: there are
    /// some, but the range is another's.
    /// </summary>
    internal static Outcome<FileDescriptor> Find(int pid, FileDescriptor pidfd, AddressRange range)
    {
        SystemError? busy = null;
        foreach (int number in Candidates(pid))
        {
            if (Features(pid, number) is not { } features || !IsOurs(features)) continue;
            Outcome<FileDescriptor> taken = Pidfd.Take(pidfd, number);
            if (!taken.IsOk) continue;
            // Features of 0: the agent before died between making the descriptor and enabling it.
            SystemError? error = features == 0 ? UserFault.Enable(taken.Value) : null;
            error ??= UserFault.Register(taken.Value, range);
            if (error is null) return taken;
            taken.Value.Dispose();
            if (error.Errno == Errno.BUSY) busy = error with { Hint = "another tracker has this memory" };
        }

        return busy ?? new SystemError("adopt userfaultfd", $"process {pid}", Errno.NOENT);
    }

    /// <summary>
    /// Features from the text of <c>/proc/PID/fdinfo/N</c> (line <c>API: version:features:ioctls</c>, hexadecimal);
    /// null when it has no such line.
    /// </summary>
    internal static ulong? ParseFeatures(string fdinfo)
    {
        foreach (string line in fdinfo.Split('\n'))
        {
            if (!line.StartsWith("API:", StringComparison.Ordinal)) continue;
            string[] parts = line["API:".Length..].Trim().Split(':');
            bool good = parts.Length == 3
                & ulong.TryParse(parts.ElementAtOrDefault(1), NumberStyles.AllowHexSpecifier, null, out ulong features);
            return good ? features : null;
        }

        return null;
    }

    private static bool IsOurs(ulong features) =>
        features == 0 || (features & UserFault.Features) == UserFault.Features;

    private static ulong? Features(int pid, int number)
    {
        try
        {
            return ParseFeatures(File.ReadAllText($"/proc/{pid}/fdinfo/{number}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static List<int> Candidates(int pid)
    {
        List<int> found = [];
        try
        {
            foreach (string path in Directory.EnumerateFileSystemEntries($"/proc/{pid}/fd"))
            {
                if (new FileInfo(path).LinkTarget == LinkTarget && int.TryParse(Path.GetFileName(path), out int number))
                    found.Add(number);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process is going away, or is not ours to look into; what follows says so with its own error.
        }

        found.Sort();
        return found;
    }
}
