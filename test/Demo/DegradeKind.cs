using Umbra.Core.Diagnosis;
using Umbra.Lab;

namespace Umbra.Demo;

/// <summary>What is made worse at the primary's host.</summary>
public enum DegradeKind
{
    /// <summary>Its processors.</summary>
    Cpu,

    /// <summary>Its disk.</summary>
    Disk,

    /// <summary>Its link.</summary>
    Net,

    /// <summary>Its memory.</summary>
    Memory,

    /// <summary>What its BMC says.</summary>
    Bmc,

    /// <summary>Nothing; both hosts get more to do.</summary>
    NoneButBusy,
}

/// <summary>The kinds as words.</summary>
public static class DegradeKinds
{
    /// <summary>The kind of that word; null: there is none.</summary>
    public static DegradeKind? TryParse(string? word) => word switch
    {
        "cpu" => DegradeKind.Cpu,
        "disk" => DegradeKind.Disk,
        "net" => DegradeKind.Net,
        "memory" => DegradeKind.Memory,
        "bmc" => DegradeKind.Bmc,
        "none-but-busy" => DegradeKind.NoneButBusy,
        _ => null,
    };

    /// <summary>Its word.</summary>
    public static string Word(DegradeKind kind) =>
        kind == DegradeKind.NoneButBusy ? "none-but-busy" : kind.ToString().ToLowerInvariant();

    /// <summary>The family of parts that a diagnosis has to name; null: none.</summary>
    public static ComponentFamily? Family(this DegradeKind kind) => kind switch
    {
        DegradeKind.Cpu or DegradeKind.Bmc => ComponentFamily.Processor,
        DegradeKind.Disk => ComponentFamily.Drive,
        DegradeKind.Net => ComponentFamily.Network,
        DegradeKind.Memory => ComponentFamily.Memory,
        _ => null,
    };

    /// <summary>Whether what has to tell of it does: of a BMC's values the BMC, by one of its sensors.</summary>
    public static bool IsPart(this DegradeKind kind, string name) =>
        kind != DegradeKind.Bmc || LabBmc.Sensors.Any(name.Contains);

    /// <summary>Whether the KPI or the part of a host that is named is what was made worse.</summary>
    public static bool Fits(this DegradeKind kind, string name)
    {
        string[] words = kind switch
        {
            DegradeKind.Cpu => ["cpu", "processor"],
            DegradeKind.Disk => ["disk", "drive"],
            DegradeKind.Net => ["net", "link"],
            DegradeKind.Memory => ["memory", "dimm"],
            DegradeKind.Bmc => ["fan", "cpu", "temp", "processor"],
            _ => [],
        };
        return words.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));
    }
}
