namespace Umbra.Qemu.Machines;

/// <summary>The machine types that a QEMU offers, from its own list (<c>-machine help</c>).</summary>
public static class QemuMachineTypes
{
    /// <summary>Most types that are taken over; QEMU 10 has some 50.</summary>
    public const int CountMax = 512;

    /// <summary>
    /// Names pinned to a version, in order; others differ between versions of QEMU under the same name. Empty when the
    /// text is no such list.
    /// </summary>
    public static IReadOnlyList<string> Parse(string help) =>
    [
        .. help.Split('\n').Skip(1).Select(static line => line.Split(' ')[0].Trim())
            .Where(DefinitionChecks.IsPinned)
            .Distinct(StringComparer.Ordinal)
            .OrderBy(static name => name, StringComparer.Ordinal)
            .Take(CountMax),
    ];
}
