using System.Text.Json;

namespace Umbra.Core.Health.Smart;

/// <summary>Reads <c>smartctl --json</c> (version 7 and later; its JSON format 1.0) and its <c>--scan</c>.</summary>
public static class SmartParser
{
    /// <summary>Largest output of one call, bytes; <c>--all</c> of a drive with full logs has about 100 KB.</summary>
    public const int BytesMax = 2 * 1024 * 1024;

    /// <summary>Most drives of one host that are read.</summary>
    public const int DrivesMax = 64;

    // Bits of the exit status: the command line, and the device could not be opened or did not answer as a drive.
    private const int UsageBit = 1, OpenBit = 2;

    private const int AttributesMax = 256, MessagesMax = 16;

    /// <summary>The drive's report; null with the reason in <paramref name="error"/>.</summary>
    public static SmartReport? Parse(ReadOnlyMemory<byte> output, out string error)
    {
        using JsonDocument? document = Open(output, out error);
        if (document is null) return null;
        JsonElement root = document.RootElement;
        if (Whole(root, "smartctl", "exit_status") is { } status && WhyUnread(root, status) is { } reason)
        {
            error = reason;
            return null;
        }

        return Read(root);
    }

    /// <summary>Names and types of the drives that <c>smartctl --scan --json</c> found; null with the reason.</summary>
    public static IReadOnlyList<SmartDevice>? ParseScan(ReadOnlyMemory<byte> output, out string error)
    {
        using JsonDocument? document = Open(output, out error);
        if (document is null) return null;
        return
        [
            .. from device in document.RootElement.Items(DrivesMax, "devices")
               let name = device.Text("name")
               where SmartDevice.IsName(name)
               let type = device.Text("type")
               select new SmartDevice(name!, SmartDevice.IsType(type) ? type : null),
        ];
    }

    private static JsonDocument? Open(ReadOnlyMemory<byte> output, out string error)
    {
        if (output.Length > BytesMax)
        {
            error = $"smartctl wrote more than {BytesMax} bytes";
            return null;
        }

        if (!output.Span.TrimStart(" \r\n\t"u8).StartsWith("{"u8))
        {
            error = output.Length == 0
                ? "smartctl wrote nothing"
                : "smartctl wrote text and not JSON: version 7.0 or later is needed";
            return null;
        }

        JsonDocument? document = JsonFields.TryParse(output, out error);
        if (Has(document, "smartctl") || Has(document, "device")) return document;
        if (error.Length == 0) error = "not the output of smartctl: it has no part 'smartctl' and no 'device'";
        document?.Dispose();
        return null;
    }

    private static bool Has(JsonDocument? document, string part) =>
        document?.RootElement.At(part) is { ValueKind: JsonValueKind.Object };

    private static string? WhyUnread(JsonElement root, int status)
    {
        if ((status & (UsageBit | OpenBit)) == 0 || IsAsleep(root)) return null;
        string messages = string.Join("; ",
            root.Items(MessagesMax, "smartctl", "messages").Select(static m => m.Text("string")).OfType<string>());
        return "smartctl could not read the drive" + (messages.Length > 0 ? ": " + HealthText.Clean(messages) : "");
    }

    private static bool IsAsleep(JsonElement root) =>
        root.Items(MessagesMax, "smartctl", "messages").Any(static message =>
            message.Text("string") is { } text && text.Contains("STANDBY", StringComparison.Ordinal))
        || root.Text("power_mode", "string") is { } mode && mode.Contains("STANDBY", StringComparison.Ordinal);

    private static SmartReport Read(JsonElement root)
    {
        var attributes = new Dictionary<int, JsonElement>();
        foreach (JsonElement attribute in root.Items(AttributesMax, "ata_smart_attributes", "table"))
        {
            if (Whole(attribute, "id") is { } id) attributes.TryAdd(id, attribute);
        }

        double? Raw(int id) => attributes.TryGetValue(id, out JsonElement found) ? found.Number("raw", "value") : null;
        const string nvme = "nvme_smart_health_information_log";
        return new SmartReport
        {
            Protocol = root.Text("device", "protocol"),
            Model = root.Text("model_name") ?? root.Text("scsi_model_name"),
            Passed = root.Flag("smart_status", "passed"),
            ExitStatus = Whole(root, "smartctl", "exit_status"),
            TemperatureCelsius = root.Number("temperature", "current"),
            PowerOnHours = root.Number("power_on_time", "hours"),
            CriticalWarning = Whole(root, nvme, "critical_warning"),
            MediaErrors = root.Number(nvme, "media_errors"),
            PercentageUsed = root.Number(nvme, "percentage_used"),
            AvailableSpare = root.Number(nvme, "available_spare"),
            AvailableSpareThreshold = root.Number(nvme, "available_spare_threshold"),
            Reallocated = Raw(5),
            Pending = Raw(197),
            OfflineUncorrectable = Raw(198),
            TransferErrors = Raw(199),
            GrownDefects = root.Number("scsi_grown_defect_list"),
            UncorrectedErrors = Uncorrected(root),
            FailingAttributes =
            [
                .. attributes.Where(static entry => entry.Value.Text("when_failed") is { Length: > 0 } when
                        && !when.Equals("past", StringComparison.OrdinalIgnoreCase) && when != "-")
                    .Select(static entry => entry.Key).Order(),
            ],
            IsAsleep = IsAsleep(root),
        };
    }

    private static double? Uncorrected(JsonElement root)
    {
        double? read = root.Number("scsi_error_counter_log", "read", "total_uncorrected_errors");
        double? write = root.Number("scsi_error_counter_log", "write", "total_uncorrected_errors");
        return read is null && write is null ? null : (read ?? 0) + (write ?? 0);
    }

    private static int? Whole(JsonElement element, params ReadOnlySpan<string> names) =>
        element.Number(names) is { } value && value == Math.Floor(value) && Math.Abs(value) <= int.MaxValue
            ? (int)value
            : null;
}
