namespace Umbra.Core.Health.Kernel;

/// <summary>
/// Temperatures, fans and voltages of hwmon (<c>hwmonN/temp1_input</c> and its siblings, below <c>sys/class/hwmon</c>),
/// temperatures of thermal zones (<c>thermal_zoneN/temp</c>), and counts of throttling
/// (<c>cpuN/thermal_throttle/core_throttle_count</c>). Kernel: Documentation/hwmon/sysfs-interface.rst.
/// </summary>
public static class SensorFiles
{
    private const double Milli = 1000;

    /// <summary>The readings of the three trees; each may be empty.</summary>
    public static HealthReport Parse(SysFiles hwmon, SysFiles thermal, SysFiles cpus)
    {
        var report = new HealthReportBuilder();
        foreach (string path in hwmon.Paths) AddSensor(hwmon, path, report);
        foreach (string path in thermal.Paths) AddZone(thermal, path, report);
        foreach (string path in cpus.Paths) AddThrottling(cpus, path, report);
        return report.BuildOr("this machine has no hardware sensors that its kernel knows");
    }

    private static void AddSensor(SysFiles files, string path, HealthReportBuilder report)
    {
        if (path.Split('/') is not [var chip, var file] || !file.EndsWith("_input", StringComparison.Ordinal)) return;
        string sensor = $"{chip}/{file[..^"_input".Length]}";
        (string unit, string quantity, double divisor) = file switch
        {
            _ when file.StartsWith("temp", StringComparison.Ordinal) => ("C", "temperature", Milli),
            _ when file.StartsWith("fan", StringComparison.Ordinal) => ("RPM", "speed", 1.0),
            _ when file.StartsWith("in", StringComparison.Ordinal) => ("V", "voltage", Milli),
            _ => ("", "", 1.0),
        };
        if (unit.Length == 0 || files.Number(path) is not { } raw) return;
        string name = files.Text($"{chip}/name") ?? chip;
        string label = files.Text($"{sensor}_label") ?? file[..^"_input".Length];
        report.Add(new HealthReading
        {
            Component = $"{name} {label}",
            Kind = KindOf(name, label, unit),
            Quantity = quantity,
            Value = raw / divisor,
            Unit = unit,
            Level = LevelOf(files, sensor, raw, unit),
        });
    }

    private static ComponentKind KindOf(string chip, string label, string unit) => chip switch
    {
        "coretemp" or "k10temp" or "zenpower" when unit == "C" => ComponentKind.Processor,
        "nvme" or "drivetemp" => ComponentKind.Drive,
        "jc42" or "spd5118" => ComponentKind.Memory,
        _ => ComponentNames.KindOf(label, unit),
    };

    // Zero as a limit stands for none: many chips give it so.
    private static HealthLevel LevelOf(SysFiles files, string sensor, double raw, string unit)
    {
        bool Reached(string limit) => files.Number($"{sensor}_{limit}") is { } most and > 0 && raw >= most;
        bool Raised(string alarm) => files.Number($"{sensor}_{alarm}") == 1;
        bool isLow = files.Number($"{sensor}_min") is { } least and > 0 && raw < least;
        if (unit == "C" && (Reached("crit") || Reached("emergency") || Raised("crit_alarm")))
            return HealthLevel.Critical;
        if (unit == "C" && (Reached("max") || Raised("max_alarm") || Raised("alarm"))) return HealthLevel.Warning;
        if (unit == "RPM" && (Raised("alarm") || Raised("fault") || isLow)) return HealthLevel.Warning;
        return unit == "V" && Raised("alarm") ? HealthLevel.Warning : HealthLevel.Ok;
    }

    private static void AddZone(SysFiles files, string path, HealthReportBuilder report)
    {
        if (path.Split('/') is not [var zone, "temp"] || files.Number(path) is not { } raw) return;
        string type = files.Text($"{zone}/type") ?? zone;
        bool IsPast(string kind) => TripPoint(files, zone, kind) is { } trip and > 0 && raw >= trip;
        report.Add(new HealthReading
        {
            Component = $"zone {type}",
            Kind = ComponentNames.KindOf(type, "C"),
            Quantity = "temperature",
            Value = raw / Milli,
            Unit = "C",
            Level = IsPast("critical") ? HealthLevel.Critical : IsPast("hot") ? HealthLevel.Warning : HealthLevel.Ok,
        });
    }

    private static double? TripPoint(SysFiles files, string zone, string kind)
    {
        const int tripsMax = 12;
        for (int trip = 0; trip < tripsMax; trip++)
        {
            if (files.Text($"{zone}/trip_point_{trip}_type") == kind)
                return files.Number($"{zone}/trip_point_{trip}_temp");
        }

        return null;
    }

    private static void AddThrottling(SysFiles files, string path, HealthReportBuilder report)
    {
        if (path.Split('/') is not [var cpu, "thermal_throttle", var file]) return;
        if (file is not ("core_throttle_count" or "package_throttle_count")) return;
        if (files.Number(path) is not { } count) return;
        report.Add(new HealthReading
        {
            Component = cpu,
            Kind = ComponentKind.Processor,
            Quantity = file[..file.IndexOf('_', StringComparison.Ordinal)] + " throttled",
            Value = count,
            Level = HealthLevel.Ok,
            Rise = HealthSeverity.Warning,
        });
    }
}
