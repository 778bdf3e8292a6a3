using System.Text;

namespace Umbra.Linux.ProcFs;

/// <summary>Reads the kernel's small text files, with a limit on what is believed.</summary>
public static class TextFile
{
    /// <summary>Longest text taken, bytes; <c>/proc/cpuinfo</c> of a machine with 512 processors has 0.8 MB.</summary>
    public const int BytesMax = 8 * 1024 * 1024;

    /// <summary>The text, or null when there is no such file, it may not be read, or it is too long.</summary>
    public static string? TryRead(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1);
            // Files of /proc have no size: read until the end.
            using MemoryStream content = new();
            byte[] buffer = new byte[16 * 1024];
            for (int count; (count = file.Read(buffer)) > 0;)
            {
                if (content.Length + count > BytesMax) return null;
                content.Write(buffer, 0, count);
            }

            return Encoding.UTF8.GetString(content.GetBuffer(), 0, (int)content.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
