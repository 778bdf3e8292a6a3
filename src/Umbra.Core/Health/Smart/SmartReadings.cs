namespace Umbra.Core.Health.Smart;

/// <summary>Readings of one drive from its report: how its figures are judged.</summary>
public static class SmartReadings
{
    // NVMe critical warnings: spare, temperature, reliability, read-only, backup of volatile memory, persistent memory.
    private const int TemperatureWarningBit = 2;

    private const double LifeUsedWarning = 90, LifeUsedCritical = 100;

    // A few replaced sectors are a drive's ordinary life; hundreds are not (the drives that fail have grown them).
    private const double ReplacedWarning = 50;

    /// <summary>Adds the readings of the drive called <paramref name="drive"/>.</summary>
    public static void Add(string drive, SmartReport smart, HealthReportBuilder report)
    {
        // A sleeping drive says little: what was known of it stays.
        if (smart.IsAsleep)
        {
            report.Add(State(drive, HealthLevel.Unknown, "asleep"));
            return;
        }

        report.Add(State(drive, LevelOf(smart, out string detail), detail));
        Add(report, drive, "temperature", smart.TemperatureCelsius, "C", HealthLevel.Ok, null);
        Add(report, drive, "media errors", smart.MediaErrors, "", Unless(smart.MediaErrors > 0),
            HealthSeverity.Critical);
        Add(report, drive, "life used", smart.PercentageUsed, "%", smart.PercentageUsed switch
        {
            >= LifeUsedCritical => HealthLevel.Critical,
            >= LifeUsedWarning => HealthLevel.Warning,
            _ => HealthLevel.Ok,
        }, null);
        Add(report, drive, "spare left", smart.AvailableSpare, "%",
            smart.AvailableSpare <= smart.AvailableSpareThreshold ? HealthLevel.Critical : HealthLevel.Ok, null);
        Add(report, drive, "reallocated sectors", smart.Reallocated, "", Unless(smart.Reallocated >= ReplacedWarning),
            HealthSeverity.Warning);
        Add(report, drive, "pending sectors", smart.Pending, "", Unless(smart.Pending > 0), HealthSeverity.Warning);
        Add(report, drive, "unreadable sectors", smart.OfflineUncorrectable, "",
            Unless(smart.OfflineUncorrectable > 0), HealthSeverity.Critical);
        Add(report, drive, "transfer errors", smart.TransferErrors, "", HealthLevel.Ok, HealthSeverity.Warning);
        Add(report, drive, "grown defects", smart.GrownDefects, "", Unless(smart.GrownDefects >= ReplacedWarning),
            HealthSeverity.Warning);
        Add(report, drive, "uncorrected errors", smart.UncorrectedErrors, "", Unless(smart.UncorrectedErrors > 0),
            HealthSeverity.Critical);
    }

    /// <summary>The drive's state as a whole, and what is wrong with it.</summary>
    public static HealthLevel LevelOf(SmartReport smart, out string detail)
    {
        var wrong = new List<string>();
        var level = HealthLevel.Ok;
        void Note(HealthLevel found, string what)
        {
            wrong.Add(what);
            if (found > level) level = found;
        }

        if (smart.Passed == false) Note(HealthLevel.Critical, "its own check has failed");
        int warning = smart.CriticalWarning ?? 0;
        if ((warning & ~TemperatureWarningBit) != 0) Note(HealthLevel.Critical, $"critical warning 0x{warning:x2}");
        else if (warning != 0) Note(HealthLevel.Warning, "its temperature is beyond its limits");
        if (smart.FailingAttributes.Count > 0)
            Note(HealthLevel.Critical, "attributes failing: " + string.Join(' ', smart.FailingAttributes));
        detail = wrong.Count > 0 ? string.Join(", ", wrong) : smart.Model ?? "";
        return smart.Passed is null && wrong.Count == 0 ? HealthLevel.Unknown : level;
    }

    private static HealthLevel Unless(bool wrong) => wrong ? HealthLevel.Warning : HealthLevel.Ok;

    private static HealthReading State(string drive, HealthLevel level, string detail) => new()
    {
        Component = drive, Kind = ComponentKind.Drive, Quantity = "state", Level = level, Detail = detail,
    };

    private static void Add(
        HealthReportBuilder report, string drive, string quantity, double? value, string unit, HealthLevel level,
        HealthSeverity? rise)
    {
        if (value is null) return;
        report.Add(new HealthReading
        {
            Component = drive,
            Kind = ComponentKind.Drive,
            Quantity = quantity,
            Value = value,
            Unit = unit,
            Level = level,
            Rise = rise,
        });
    }
}
