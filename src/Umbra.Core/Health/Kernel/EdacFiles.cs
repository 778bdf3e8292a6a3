namespace Umbra.Core.Health.Kernel;

/// <summary>
/// Memory errors counted by EDAC, from the files below <c>sys/devices/system/edac/mc</c>: of each module
/// (<c>mcN/dimmN</c>, or <c>mcN/csrowN</c> with its channels), and of each controller those that it cannot assign.
/// </summary>
public static class EdacFiles
{
    /// <summary>The readings. A machine without ECC, or without its EDAC driver, has none: that is an error.</summary>
    public static HealthReport Parse(SysFiles files)
    {
        var report = new HealthReportBuilder();
        foreach (string path in files.Paths)
        {
            string[] parts = path.Split('/');
            string directory = path.Contains('/') ? path[..path.LastIndexOf('/')] : "";
            switch (parts)
            {
                case [var mc, "ce_noinfo_count"] when IsController(mc):
                    Add(report, mc, files.Number(path), files.Number($"{mc}/ue_noinfo_count"));
                    break;
                case [var mc, var dimm, "dimm_ce_count"] when IsController(mc):
                    Add(report, Label(files, $"{directory}/dimm_label", $"{mc} {dimm}"), files.Number(path),
                        files.Number($"{directory}/dimm_ue_count"));
                    break;
                case [var mc, var row, var file] when IsController(mc) && ChannelOf(file) is { } channel
                    && !HasModules(files, mc):
                    Add(report, Label(files, $"{directory}/{channel}_dimm_label", $"{mc} {row} {channel}"),
                        files.Number(path), files.Number($"{directory}/{channel}_ue_count"));
                    break;
            }
        }

        return report.BuildOr("this machine counts no memory errors: no EDAC driver is loaded, or no memory with ECC");
    }

    private static bool IsController(string name) => name.StartsWith("mc", StringComparison.Ordinal);

    // The same errors are shown by module and by row; modules are the better name.
    private static bool HasModules(SysFiles files, string controller) =>
        files.Text($"{controller}/dimm0/dimm_ce_count") is not null;

    // chN_ce_count -> chN
    private static string? ChannelOf(string file) =>
        file.StartsWith("ch", StringComparison.Ordinal) && file.EndsWith("_ce_count", StringComparison.Ordinal)
            ? file[..^"_ce_count".Length]
            : null;

    private static string Label(SysFiles files, string path, string otherwise) =>
        files.Text(path) is { } label ? $"{label} ({otherwise})" : otherwise;

    private static void Add(HealthReportBuilder report, string component, double? corrected, double? uncorrected)
    {
        Add(report, component, "corrected errors", corrected, HealthLevel.Ok, HealthSeverity.Warning);
        Add(report, component, "uncorrected errors", uncorrected,
            uncorrected > 0 ? HealthLevel.Critical : HealthLevel.Ok, HealthSeverity.Critical);
    }

    private static void Add(
        HealthReportBuilder report, string component, string quantity, double? count, HealthLevel level,
        HealthSeverity rise)
    {
        if (count is null or < 0) return;
        report.Add(new HealthReading
        {
            Component = component,
            Kind = ComponentKind.Memory,
            Quantity = quantity,
            Value = count,
            Level = level,
            Rise = rise,
        });
    }
}
