using System.IO.Compression;
using System.Text;
using Umbra.Core.Health.Kernel;
using Xunit;

namespace Umbra.Core.Tests.Health;

/// <summary>
/// The samples of real machines' output, which are no part of the repository: <c>UMBRA_DATA</c>, or
/// <c>../shared/data</c> beside it. Tests over them are skipped, with the reason, where they are absent.
/// </summary>
internal static class Samples
{
    public static string Directory => Path.Combine(Root(), "health");

    public static string Text(string path) => File.ReadAllText(Path.Combine(Directory, path));

    public static byte[] Bytes(string path) => File.ReadAllBytes(Path.Combine(Directory, path));

    public static Dictionary<string, byte[]> Zip(string path)
    {
        using ZipArchive archive = ZipFile.OpenRead(Path.Combine(Directory, path));
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (ZipArchiveEntry entry in archive.Entries.Where(static entry => entry.Length > 0))
        {
            using Stream stream = entry.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            files[entry.FullName] = content.ToArray();
        }

        return files;
    }

    /// <summary>Files of the zip below a directory, as the agent reads them of a kernel.</summary>
    public static SysFiles Sys(Dictionary<string, byte[]> zip, string below) => new(zip
        .Where(entry => entry.Key.StartsWith(below, StringComparison.Ordinal) && entry.Value.Length < 4096)
        .ToDictionary(entry => entry.Key[below.Length..], static entry => Encoding.UTF8.GetString(entry.Value)));

    private static string Root()
    {
        string? found = Environment.GetEnvironmentVariable("UMBRA_DATA");
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); found is null && at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "umbra.slnx")))
                found = Path.Combine(at.FullName, "..", "shared", "data");
        }

        if (found is null || !System.IO.Directory.Exists(Path.Combine(found, "health")))
            Assert.Skip($"no sample data at {found}: set UMBRA_DATA to a directory that has 'health'");
        return found;
    }
}
