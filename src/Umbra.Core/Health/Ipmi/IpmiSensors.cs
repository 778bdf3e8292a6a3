namespace Umbra.Core.Health.Ipmi;

/// <summary>
/// Readings from the text of <c>ipmitool sensor list</c> (ten columns), <c>sdr</c> (three), <c>sdr elist</c> (five),
/// <c>sdr -v</c> (blocks) and <c>dcmi power reading</c>. Lines of other kinds stand between them on real machines and
/// are passed over.
/// </summary>
public static class IpmiSensors
{
    private static readonly string[] Units =
        ["degrees C", "degrees F", "RPM", "Volts", "Amps", "Watts", "percent", "unspecified", "CFM", "feet"];

    /// <summary>The readings in <paramref name="text"/>.</summary>
    public static HealthReport Parse(string text)
    {
        if (text.Length > IpmiWords.OutputCharsMax)
            return HealthReport.Failed($"ipmitool wrote more than {IpmiWords.OutputCharsMax} characters");
        var report = new HealthReportBuilder();
        var block = new VerboseBlock(report);
        string firstOther = "";
        foreach (ReadOnlySpan<char> raw in text.AsSpan().EnumerateLines())
        {
            string line = raw.Trim().ToString();
            if (line.Length == 0) continue;
            string[] fields = line.Split('|', StringSplitOptions.TrimEntries);
            bool taken = fields.Length switch
            {
                10 => AddSensor(fields, report),
                5 => AddExtended(fields, report),
                3 => AddShort(fields, report),
                1 => block.Take(line) || AddPower(line, report),
                _ => false,
            };
            if (!taken && firstOther.Length == 0) firstOther = line;
        }

        block.End();
        return report.BuildOr(firstOther.Length == 0
            ? "the BMC names no sensors"
            : "not the output of ipmitool's sensor commands: " + firstOther);
    }

    // NAME | 25.000 | degrees C | ok | six thresholds. A discrete sensor has its state bits instead of the word.
    private static bool AddSensor(string[] fields, HealthReportBuilder report)
    {
        if (fields[0].Length == 0) return false;
        bool isDiscrete = fields[2] == "discrete";
        string unit = IpmiWords.UnitOf(fields[2]);
        double? value = isDiscrete ? null : HealthText.Number(fields[1]);
        HealthLevel level = value is null ? HealthLevel.Unknown : IpmiWords.LevelOf(fields[3]);
        string detail = isDiscrete ? fields[3] : "";
        report.Add(Reading(fields[0], value, unit, level, detail));
        return true;
    }

    // NAME | 30h | ok | 7.1 | 5040 RPM
    private static bool AddExtended(string[] fields, HealthReportBuilder report)
    {
        if (fields[0].Length == 0 || !fields[1].EndsWith('h')) return false;
        AddValue(fields[0], fields[4], fields[2], report);
        return true;
    }

    // NAME | 5040 RPM | ok
    private static bool AddShort(string[] fields, HealthReportBuilder report)
    {
        if (fields[0].Length == 0) return false;
        AddValue(fields[0], fields[1], fields[2], report);
        return true;
    }

    // dcmi power reading
    private static bool AddPower(string line, HealthReportBuilder report)
    {
        const string label = "Instantaneous power reading:";
        if (!line.StartsWith(label, StringComparison.Ordinal)) return false;
        if (TakeNumber(line[label.Length..].Trim(), out double value) is not "W") return false;
        report.Add(Reading("Power", value, "W", HealthLevel.Ok, ""));
        return true;
    }

    internal static void AddValue(string name, string value, string state, HealthReportBuilder report)
    {
        // A power supply says "110 Watts, Presence detected": number and state words in one.
        string unit = TakeNumber(value, out double number);
        string words = unit.Length == 0 ? value : After(value, ',');
        if (words.StartsWith("0x", StringComparison.Ordinal) || words is "No Reading" or "Not Readable" or "Disabled")
            words = "";
        HealthLevel level = IpmiWords.LevelOf(state);
        if (words.Length > 0) level = Worse(level, FromWords(words));
        report.Add(Reading(name, unit.Length == 0 ? null : number, unit, level, words));
    }

    private static HealthLevel FromWords(string words) => IpmiWords.SeverityOf(words) switch
    {
        HealthSeverity.Critical => HealthLevel.Critical,
        HealthSeverity.Warning => HealthLevel.Warning,
        _ => HealthLevel.Ok,
    };

    private static HealthLevel Worse(HealthLevel one, HealthLevel other) => one > other ? one : other;

    // The unit of the number at the text's beginning; empty when there is none.
    private static string TakeNumber(string text, out double number)
    {
        number = 0;
        foreach (string unit in Units)
        {
            int at = text.IndexOf(unit, StringComparison.Ordinal);
            if (at <= 0 || HealthText.Number(text.AsSpan(0, Until(text, at))) is not { } value) continue;
            number = value;
            return IpmiWords.UnitOf(unit);
        }

        return "";
    }

    // "4704 (+/- 0) RPM": the tolerance is no part of the number.
    private static int Until(string text, int at)
    {
        int open = text.IndexOf('(', StringComparison.Ordinal);
        return open >= 0 && open < at ? open : at;
    }

    private static string After(string text, char mark)
    {
        int at = text.IndexOf(mark, StringComparison.Ordinal);
        return at < 0 ? "" : text[(at + 1)..].Trim();
    }

    private static HealthReading Reading(string name, double? value, string unit, HealthLevel level, string detail) =>
        new()
        {
            Component = name,
            Kind = ComponentNames.KindOf(name, unit),
            Quantity = IpmiWords.QuantityOf(unit),
            Value = value,
            Unit = unit,
            Level = level,
            Detail = detail,
        };

    // "Sensor ID : NAME (0x30)", then lines of "Label : value" until the next one.
    private sealed class VerboseBlock(HealthReportBuilder report)
    {
        private string? _name;
        private string _value = "", _state = "";

        public bool Take(string line)
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0) return _name is not null;
            string label = line[..colon].Trim(), value = line[(colon + 1)..].Trim();
            if (label == "Sensor ID")
            {
                End();
                int open = value.LastIndexOf('(');
                _name = (open > 0 ? value[..open] : value).Trim();
                return true;
            }

            if (label == "Sensor Reading") _value = value;
            if (label is "Status" or "States Asserted") _state = value;
            return _name is not null;
        }

        public void End()
        {
            if (_name is { Length: > 0 }) AddValue(_name, _value, _state, report);
            (_name, _value, _state) = (null, "", "");
        }
    }
}
