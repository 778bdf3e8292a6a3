using System.Diagnostics;

namespace Umbra.Testing;

/// <summary>
/// The QEMUs that tests use: the one of all tests, which is the agents' too, and another version of it where one is
/// installed.
/// </summary>
public static class TestedQemu
{
    private const string Default = "qemu-system-x86_64";

    /// <summary>The program: <c>UMBRA_QEMU</c>, or the one on PATH.</summary>
    public static string Program => Variable("UMBRA_QEMU") ?? Default;

    /// <summary>Why tests with QEMU are skipped; null: they are not.</summary>
    public static string? WhyMissing =>
        Find(Program) is null ? $"{Program} is not installed (Debian: qemu-system-x86)" : null;

    /// <summary>
    /// Another version: <c>UMBRA_QEMU_OTHER</c>, else the first <c>/opt/qemu-*/usr/bin</c> or <c>/opt/qemu-*/bin</c>
    /// that has one and is not <see cref="Program"/>, else the one on PATH where that is not it; null: there is none.
    /// </summary>
    public static string? Other
    {
        get
        {
            if (Variable("UMBRA_QEMU_OTHER") is { } named) return Find(named);
            string? own = Find(Program);
            string[] roots = Directory.Exists("/opt") ? Directory.GetDirectories("/opt", "qemu-*") : [];
            return roots.Order(StringComparer.Ordinal)
                .SelectMany(static root => new[] { $"{root}/usr/bin/{Default}", $"{root}/bin/{Default}" })
                .Append(Find(Default) ?? "")
                .FirstOrDefault(path => File.Exists(path) && path != own);
        }
    }

    /// <summary>Whether <see cref="Program"/> saves RAM in a memfd with each device state: from 8.1 on.</summary>
    public static bool SavesMemfd
    {
        get
        {
            using var asked = Process.Start(
                new ProcessStartInfo(Program, "--version") { RedirectStandardOutput = true })!;
            string[] words = asked.StandardOutput.ReadToEnd().Split(' ');
            return Version.Parse(words[3].Split('\n')[0]) >= new Version(8, 1);
        }
    }

    /// <summary>Why tests with two versions are skipped; null: they are not.</summary>
    public static string? WhyNoOther => WhyMissing ?? (Other is null
        ? "no second version of QEMU is installed: name one by UMBRA_QEMU_OTHER, or unpack one into /opt/qemu-VERSION"
        : null);

    private static string? Find(string program) => Path.IsPathRooted(program)
        ? File.Exists(program) ? program : null
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
