using System.Text.Json;

namespace Umbra.Core.Health.Redfish;

/// <summary>Readings of one Redfish resource, by its type or, where vendors give none, by what it has.</summary>
internal static class RedfishResources
{
    private const int PartsMax = 512;

    /// <summary>Adds what the resource says of hardware; whether it was of a kind that does.</summary>
    public static bool Add(JsonElement page, HealthReportBuilder report)
    {
        if (page.ValueKind != JsonValueKind.Object) return false;
        string type = TypeOf(page);
        if (PartKind(type) is { } kind)
        {
            AddPart(page, kind, report);
            if (type is "Drive" or "HpeSmartStorageDiskDrive") AddDrive(page, report);
            return true;
        }

        bool isSensor = type == "Sensor" || (page.At("Reading") is not null && page.At("ReadingUnits") is not null);
        if (isSensor) AddSensor(page, report);
        else AddParts(page, report);
        return isSensor;
    }

    // "#Memory.v1_7_1.Memory" -> Memory
    private static string TypeOf(JsonElement page)
    {
        string type = page.Text("@odata.type") ?? "";
        int dot = type.IndexOf('.', StringComparison.Ordinal);
        return dot > 1 && type[0] == '#' ? type[1..dot] : "";
    }

    private static ComponentKind? PartKind(string type) => type switch
    {
        "Memory" => ComponentKind.Memory,
        "Processor" => ComponentKind.Processor,
        "Drive" or "HpeSmartStorageDiskDrive" or "HpeSmartStorageArrayController" => ComponentKind.Drive,
        "Fan" => ComponentKind.Fan,
        "PowerSupply" => ComponentKind.PowerSupply,
        "Chassis" or "ComputerSystem" => ComponentKind.Host,
        _ => null,
    };

    private static void AddParts(JsonElement page, HealthReportBuilder report)
    {
        foreach (JsonElement part in page.Items(PartsMax, "Temperatures"))
            AddValue(part, ComponentKind.Temperature, "temperature", part.Number("ReadingCelsius"), "C", report);
        foreach (JsonElement part in page.Items(PartsMax, "Fans"))
        {
            // iLO 4 writes CurrentReading and FanName.
            double? speed = part.Number("Reading") ?? part.Number("CurrentReading");
            string units = part.Text("ReadingUnits") ?? part.Text("Units") ?? "RPM";
            if (speed is not null) AddValue(part, ComponentKind.Fan, "speed", speed, UnitOf(units), report);
        }

        foreach (JsonElement part in page.Items(PartsMax, "Voltages"))
            AddValue(part, ComponentKind.Voltage, "voltage", part.Number("ReadingVolts"), "V", report);
        foreach (JsonElement part in page.Items(PartsMax, "PowerControl"))
            AddValue(part, ComponentKind.Host, "power", part.Number("PowerConsumedWatts"), "W", report);
        foreach (JsonElement part in page.Items(PartsMax, "PowerSupplies"))
        {
            if (part.At("Status") is not null) AddPart(part, ComponentKind.PowerSupply, report);
        }

        foreach (JsonElement part in page.Items(PartsMax, "Redundancy"))
        {
            if (part.At("Status") is not null) AddPart(part, ComponentNames.KindOf(NameOf(part) ?? ""), report);
        }

        foreach (JsonElement part in page.Items(PartsMax, "StorageControllers"))
            AddPart(part, ComponentKind.Drive, report);
        if (page.Text("@odata.type")?.StartsWith("#SimpleStorage.", StringComparison.Ordinal) == true)
        {
            foreach (JsonElement part in page.Items(PartsMax, "Devices")) AddPart(part, ComponentKind.Drive, report);
        }
    }

    // A part with a state: its health, in its own words.
    private static void AddPart(JsonElement part, ComponentKind kind, HealthReportBuilder report)
    {
        if (IsAbsent(part) || NameOf(part) is not { } name) return;
        bool isWhole = kind == ComponentKind.Host;
        string? health = part.Text("Status", "Health") ?? (isWhole ? part.Text("Status", "HealthRollup") : null);
        string state = part.Text("Status", "State") ?? "";
        string power = isWhole && part.Text("PowerState") is { } on ? $"power {on}" : "";
        report.Add(new HealthReading
        {
            Component = name,
            Kind = kind,
            Quantity = "state",
            Level = LevelOf(health),
            Detail = string.Join(", ", new[] { health ?? "", state, power }.Where(static text => text.Length > 0)),
        });
    }

    private static void AddDrive(JsonElement drive, HealthReportBuilder report)
    {
        if (IsAbsent(drive) || NameOf(drive) is not { } name) return;
        if (drive.Number("PredictedMediaLifeLeftPercent") is { } left)
        {
            const double leftWarning = 10;
            report.Add(new HealthReading
            {
                Component = name,
                Kind = ComponentKind.Drive,
                Quantity = "life left",
                Value = left,
                Unit = "%",
                Level = left <= leftWarning ? HealthLevel.Warning : HealthLevel.Ok,
            });
        }

        if (drive.Flag("FailurePredicted") is { } predicted)
        {
            report.Add(new HealthReading
            {
                Component = name,
                Kind = ComponentKind.Drive,
                Quantity = "failure predicted",
                Value = predicted ? 1 : 0,
                Level = predicted ? HealthLevel.Critical : HealthLevel.Ok,
            });
        }
    }

    private static void AddSensor(JsonElement sensor, HealthReportBuilder report)
    {
        string unit = UnitOf(sensor.Text("ReadingUnits") ?? "");
        string quantity = Ipmi.IpmiWords.QuantityOf(unit);
        AddValue(sensor, ComponentKind.Host, quantity == "state" ? "value" : quantity, sensor.Number("Reading"), unit,
            report);
    }

    private static void AddValue(
        JsonElement part, ComponentKind otherwise, string quantity, double? value, string unit,
        HealthReportBuilder report)
    {
        if (IsAbsent(part) || NameOf(part) is not { } name) return;
        ComponentKind kind = ComponentNames.KindOf(name, unit);
        // Some services call a part well that is beyond its own limits: the worse counts.
        HealthLevel own = LevelOf(part.Text("Status", "Health")), limits = LevelByThresholds(part, value);
        report.Add(new HealthReading
        {
            Component = name,
            Kind = kind == ComponentKind.Host ? otherwise : kind,
            Quantity = quantity,
            Value = value,
            Unit = unit,
            Level = own > limits ? own : limits,
            Detail = part.Text("PhysicalContext") ?? "",
        });
    }

    // Zero as a threshold stands for none.
    private static HealthLevel LevelByThresholds(JsonElement part, double? value)
    {
        if (value is null) return HealthLevel.Unknown;
        bool isKnown = false;
        bool Past(int direction, params ReadOnlySpan<string> names)
        {
            double limit = part.Number(names) ?? 0;
            isKnown |= limit > 0;
            return limit > 0 && (direction > 0 ? value >= limit : value <= limit);
        }

        bool isCritical = Past(1, "UpperThresholdCritical") | Past(1, "UpperThresholdFatal")
            | Past(-1, "LowerThresholdCritical") | Past(-1, "LowerThresholdFatal")
            | Past(1, "Thresholds", "UpperCritical", "Reading") | Past(-1, "Thresholds", "LowerCritical", "Reading");
        bool isWarning = Past(1, "UpperThresholdNonCritical") | Past(-1, "LowerThresholdNonCritical")
            | Past(1, "Thresholds", "UpperCaution", "Reading") | Past(-1, "Thresholds", "LowerCaution", "Reading");
        if (isCritical) return HealthLevel.Critical;
        return isWarning ? HealthLevel.Warning : isKnown ? HealthLevel.Ok : HealthLevel.Unknown;
    }

    private static bool IsAbsent(JsonElement part) => part.Text("Status", "State") is "Absent" or "Disabled";

    private static string? NameOf(JsonElement part)
    {
        string? name = part.Text("DeviceLocator") ?? part.Text("Name") ?? part.Text("FanName") ?? part.Text("MemberId")
            ?? part.Text("Id");
        return string.IsNullOrWhiteSpace(name) ? null : name;
    }

    private static HealthLevel LevelOf(string? health) => health switch
    {
        "OK" => HealthLevel.Ok,
        "Warning" => HealthLevel.Warning,
        "Critical" => HealthLevel.Critical,
        _ => HealthLevel.Unknown,
    };

    private static string UnitOf(string unit) => unit switch
    {
        "Cel" => "C",
        "Percent" => "%",
        _ => unit,
    };
}
