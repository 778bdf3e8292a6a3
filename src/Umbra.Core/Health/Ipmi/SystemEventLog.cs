using System.Globalization;

namespace Umbra.Core.Health.Ipmi;

/// <summary>
/// Records from the text of <c>ipmitool sel elist</c>:
/// <c>ID | 10/28/2020 | 16:49:32 | SENSOR | EVENT | Asserted</c>. Records from before the BMC knew the time have
/// <c>Pre-Init |0000000085</c> instead, and the order of the lines is not that of time.
/// </summary>
public static class SystemEventLog
{
    private const string Empty = "SEL has no entries";

    /// <summary>The records in <paramref name="text"/>; times are read as UTC.</summary>
    public static HealthReport Parse(string text)
    {
        if (text.Length > IpmiWords.OutputCharsMax)
            return HealthReport.Failed($"ipmitool wrote more than {IpmiWords.OutputCharsMax} characters");
        var report = new HealthReportBuilder();
        string firstOther = "";
        bool isEmpty = false;
        foreach (ReadOnlySpan<char> raw in text.AsSpan().EnumerateLines())
        {
            string line = raw.Trim().ToString();
            if (line.Length == 0) continue;
            if (line == Empty) isEmpty = true;
            else if (Parse(line.Split('|', StringSplitOptions.TrimEntries)) is { } record) report.Add(record);
            else if (firstOther.Length == 0) firstOther = line;
        }

        if (isEmpty || (report.IsEmpty && firstOther.Length == 0)) return report.Build();
        return report.BuildOr("not the output of ipmitool's sel elist: " + firstOther);
    }

    private static HealthRecord? Parse(string[] fields)
    {
        if (fields.Length < 5 || !uint.TryParse(fields[0], NumberStyles.AllowHexSpecifier, null, out _)) return null;
        string sensor = fields[3];
        // An OEM record has bytes that only its vendor understands.
        bool isOem = sensor.StartsWith("OEM record", StringComparison.Ordinal);
        string happened = isOem ? string.Join(' ', fields[4..]) : fields[4];
        bool isOver = fields.Length > 5 && fields[5] == "Deasserted";
        HealthSeverity severity = isOem || isOver ? HealthSeverity.Info : IpmiWords.SeverityOf(happened);
        string state = fields.Length > 5 && !isOem ? $" ({fields[5].ToLowerInvariant()})" : "";
        return new HealthRecord
        {
            // A cleared log counts from 1 again: the number alone does not tell records apart.
            Id = string.Join('|', fields[..Math.Min(fields.Length, 6)]),
            Time = TimeOf(fields[1], fields[2]),
            Component = sensor,
            Kind = isOem ? ComponentKind.Host : KindOf(sensor, happened),
            Severity = severity,
            Message = $"{sensor}: {happened}{state}",
        };
    }

    private static ComponentKind KindOf(string sensor, string happened)
    {
        ComponentKind kind = ComponentNames.KindOf(sensor);
        return kind == ComponentKind.Host ? ComponentNames.KindOf(happened) : kind;
    }

    private static DateTimeOffset? TimeOf(string date, string time) => DateTimeOffset.TryParseExact(
        date + " " + time.Replace(" UTC", "", StringComparison.Ordinal), "MM/dd/yyyy HH:mm:ss",
        CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset parsed)
        ? parsed
        : null;
}
