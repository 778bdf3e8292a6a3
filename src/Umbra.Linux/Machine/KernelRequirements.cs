namespace Umbra.Linux.Machine;

/// <summary>What an agent checks when it starts.</summary>
/// <param name="Errors">Why it cannot run here, each with what to do; empty when it can.</param>
/// <param name="Warnings">What will be slower or missing, each with what to do.</param>
public sealed record KernelRequirements(IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings)
{
    /// <summary>
    /// Accelerators that this kernel offers, best first: <c>kvm</c> where a VM can be made, <c>tcg</c> always.
    /// </summary>
    public static IReadOnlyList<string> Accelerators() => KernelProbe.Kvm() is null ? ["kvm", "tcg"] : ["tcg"];

    /// <summary>Tries everything on this machine now; some tens of milliseconds.</summary>
    public static KernelRequirements Check() => From(MachineReport.Essentials());

    /// <summary>Sorts what is missing in <paramref name="items"/> by what depends on it.</summary>
    public static KernelRequirements From(IEnumerable<MachineItem> items)
    {
        List<MachineItem> missing = [.. items.Where(item => !item.IsOk)];
        return new KernelRequirements(Of(missing, Need.Required), Of(missing, Need.Recommended));
    }

    private static List<string> Of(List<MachineItem> missing, Need need) =>
        [.. from item in missing where item.Need == need select $"{item.Name}: {item.Detail}; {item.Advice}"];
}
