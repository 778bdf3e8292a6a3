using System.Globalization;
using System.Text.Json;

namespace Umbra.Core.Health.Redfish;

/// <summary>Log entries of Redfish services.</summary>
internal static class RedfishLog
{
    /// <summary>The entry in <paramref name="page"/>; null: it is none. <paramref name="path"/>: the page's.</summary>
    public static HealthRecord? Entry(JsonElement page, string path)
    {
        if (page.Text("Message") is not { } message) return null;
        if ((page.Text("Severity") ?? page.Text("MessageSeverity")) is not { } severity) return null;
        string created = page.Text("Created") ?? page.Text("EventTimestamp") ?? "";
        string id = page.Text("@odata.id") ?? $"{path}/{page.Text("Id")}";
        string? origin = page.Text("Links", "OriginOfCondition", "@odata.id");
        ComponentKind kind = ComponentNames.KindOf(page.Text("SensorType") ?? message);
        return new HealthRecord
        {
            // Numbers are given anew when a log was cleared.
            Id = $"{created}|{message}|{id}",
            Time = DateTimeOffset.TryParse(
                created, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
                ? time
                : null,
            Component = origin is null ? NameOf(kind) : origin[(origin.LastIndexOf('/') + 1)..],
            Kind = kind == ComponentKind.Host ? ComponentNames.KindOf(message) : kind,
            Severity = IsOver(page) ? HealthSeverity.Info : severity switch
            {
                "Critical" => HealthSeverity.Critical,
                "Warning" => HealthSeverity.Warning,
                _ => HealthSeverity.Info,
            },
            Message = message,
        };
    }

    private static bool IsOver(JsonElement page) =>
        page.Flag("Resolved") == true || page.Flag("Oem", "Hpe", "Repaired") == true;

    private static string NameOf(ComponentKind kind) => kind switch
    {
        ComponentKind.PowerSupply => "power supply",
        _ => kind.ToString().ToLowerInvariant(),
    };
}
