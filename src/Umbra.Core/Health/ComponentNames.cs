namespace Umbra.Core.Health;

/// <summary>Guesses the kind of a part from its name. Vendors agree on no names, only on words.</summary>
public static class ComponentNames
{
    private static readonly (string Word, ComponentKind Kind)[] Words =
    [
        ("dimm", ComponentKind.Memory), ("memory", ComponentKind.Memory), ("ecc", ComponentKind.Memory),
        ("fan", ComponentKind.Fan), ("cooling", ComponentKind.Fan),
        ("power supply", ComponentKind.PowerSupply), ("powersupply", ComponentKind.PowerSupply),
        ("psu", ComponentKind.PowerSupply), ("ps redundancy", ComponentKind.PowerSupply),
        ("power unit", ComponentKind.PowerSupply), ("input power", ComponentKind.PowerSupply),
        ("ps1", ComponentKind.PowerSupply), ("ps2", ComponentKind.PowerSupply), ("pwr rail", ComponentKind.PowerSupply),
        ("drive", ComponentKind.Drive), ("disk", ComponentKind.Drive), ("nvme", ComponentKind.Drive),
        ("hdd", ComponentKind.Drive), ("ssd", ComponentKind.Drive), ("raid", ComponentKind.Drive),
        ("storage", ComponentKind.Drive), ("array controller", ComponentKind.Drive),
        ("ethernet", ComponentKind.Network), ("network", ComponentKind.Network), ("nic ", ComponentKind.Network),
        ("lan ", ComponentKind.Network), ("link", ComponentKind.Network),
        ("cpu", ComponentKind.Processor), ("processor", ComponentKind.Processor), ("ierr", ComponentKind.Processor),
        ("machine check", ComponentKind.Processor),
        ("temp", ComponentKind.Temperature), ("therm", ComponentKind.Temperature), ("volt", ComponentKind.Voltage),
    ];

    /// <summary>The kind by a name's words; <see cref="ComponentKind.Host"/>: none known.</summary>
    public static ComponentKind KindOf(string name)
    {
        foreach ((string word, ComponentKind kind) in Words)
        {
            if (name.Contains(word, StringComparison.OrdinalIgnoreCase)) return kind;
        }

        return ComponentKind.Host;
    }

    /// <summary>The kind by name, and where no word is known by the unit of its value.</summary>
    public static ComponentKind KindOf(string name, string unit)
    {
        ComponentKind kind = KindOf(name);
        return (kind, unit) switch
        {
            (_, "RPM") => ComponentKind.Fan,
            // A processor's or a drive's own temperature is that part's; its voltage is the board's.
            (ComponentKind.Host, "C") => ComponentKind.Temperature,
            (ComponentKind.PowerSupply or ComponentKind.Drive, "V" or "A") => kind,
            (_, "V" or "A") => ComponentKind.Voltage,
            _ => kind,
        };
    }
}
