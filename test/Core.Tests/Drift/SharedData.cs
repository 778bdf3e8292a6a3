using System.IO.Compression;
using System.Globalization;
using Xunit;

namespace Umbra.Core.Tests.Drift;

/// <summary>The measurements of real machines that lie beside the repository, in <c>../shared/data</c>.</summary>
internal static class SharedData
{
    /// <summary>A path below the data; skips the test where the data is not there.</summary>
    public static string Path(params string[] parts)
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(System.IO.Path.Combine(at.FullName, "umbra.slnx"))) at = at.Parent;
        string path = System.IO.Path.Combine([at?.Parent?.FullName ?? "/", "shared", "data", .. parts]);
        if (!System.IO.Path.Exists(path)) Assert.Skip($"the measurements are not beside the repository: no {path}");
        return path;
    }

    /// <summary>The lines of a gzipped text file.</summary>
    public static IEnumerable<string> Lines(string path)
    {
        using var text = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (text.ReadLine() is { } line) yield return line;
    }

    /// <summary>Columns of a table of numbers with a header, by name.</summary>
    public static Dictionary<string, double[]> Table(params IEnumerable<string> paths)
    {
        string[] names = [];
        var columns = new List<List<double>>();
        foreach (string path in paths)
        {
            using var lines = Lines(path).GetEnumerator();
            lines.MoveNext();
            if (names.Length == 0)
            {
                names = lines.Current.Split(',');
                columns.AddRange(names.Select(static _ => new List<double>()));
            }

            while (lines.MoveNext())
            {
                string[] fields = lines.Current.Split(',');
                for (int i = 0; i < fields.Length; i++)
                    columns[i].Add(double.Parse(fields[i], CultureInfo.InvariantCulture));
            }
        }

        return names.Zip(columns).ToDictionary(static p => p.First, static p => p.Second.ToArray());
    }
}
