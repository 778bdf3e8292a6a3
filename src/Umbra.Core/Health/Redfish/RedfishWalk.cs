using System.Text.Json;
using System.Text.RegularExpressions;

namespace Umbra.Core.Health.Redfish;

/// <summary>
/// Walks the pages of a Redfish service (DMTF DSP0266) that tell of hardware: says which page to fetch next, takes the
/// pages, gathers readings and log entries. Links are followed by what they are called and only within
/// <c>/redfish/v1</c>; a link that leads nowhere leaves the report partial.
/// </summary>
/// <param name="isKnownEntry">Whether the log entry at a path was read before: it is not fetched again.</param>
public sealed partial class RedfishWalk(Func<string, bool> isKnownEntry)
{
    /// <summary>Where a service begins.</summary>
    public const string Root = "/redfish/v1";

    private static readonly string[] Tops = [Root + "/Chassis", Root + "/Systems", Root + "/Managers"];

    // What is below the newer name is also below the older one, which has it all on one page.
    private static readonly (string Older, string Newer)[] Alternatives =
    [
        ("Thermal", "ThermalSubsystem"), ("Power", "PowerSubsystem"),
    ];

    private static readonly string[] HardwareLinks =
    [
        "Fans", "PowerSupplies", "Memory", "Processors", "Storage", "SimpleStorage", "Drives", "PhysicalDrives",
        "DiskDrives", "ArrayControllers", "SmartStorage",
    ];

    private readonly HealthReportBuilder _report = new();
    private readonly Queue<string> _hardware = new([Root]);
    private readonly Queue<string> _logs = new();
    private readonly HashSet<string> _met = new(StringComparer.Ordinal) { Root };
    private string _firstError = "";
    private int _pages;

    /// <summary>Entries that this look has read; to be known from now on.</summary>
    public IReadOnlyList<string> EntriesRead => _entriesRead;

    private readonly List<string> _entriesRead = [];

    /// <summary>Path of the next page to fetch; null: the walk is over.</summary>
    public string? Next()
    {
        if (_hardware.Count + _logs.Count == 0) return null;
        if (_pages++ >= RedfishLimits.PagesMax)
        {
            _report.Missing($"the service has more than {RedfishLimits.PagesMax} pages");
            return null;
        }

        return _hardware.Count > 0 ? _hardware.Dequeue() : _logs.Dequeue();
    }

    /// <summary>The page at <paramref name="path"/> has come.</summary>
    public void Take(string path, ReadOnlyMemory<byte> body)
    {
        if (body.Length > RedfishLimits.PageBytesMax)
        {
            Miss(path, $"larger than {RedfishLimits.PageBytesMax} bytes");
            return;
        }

        using JsonDocument? document = JsonFields.TryParse(body, out string error);
        if (document is null || document.RootElement.ValueKind != JsonValueKind.Object)
        {
            Miss(path, error.Length > 0 ? error : "not a JSON object");
            return;
        }

        JsonElement page = document.RootElement;
        RedfishResources.Add(page, _report);
        if (IsLogPath(path)) TakeLog(path, page);
        else FollowHardware(page);
    }

    /// <summary>The page at <paramref name="path"/> could not be had.</summary>
    public void Miss(string path, string why)
    {
        if (_firstError.Length == 0) _firstError = $"{path}: {why}";
        if (path != Root)
        {
            _report.Missing($"{path}: {why}");
            return;
        }

        // Some services answer below a root that they do not show.
        foreach (string top in Tops) Enqueue(_hardware, top);
    }

    /// <summary>What the walk brought.</summary>
    public HealthReport Build() => _report.BuildOr(
        _firstError.Length > 0 ? "no Redfish service: " + _firstError : "the Redfish service tells of no hardware");

    private void FollowHardware(JsonElement page)
    {
        foreach (string top in (ReadOnlySpan<string>)["Chassis", "Systems", "Managers"]) Follow(page, top);
        foreach ((string older, string newer) in Alternatives)
        {
            if (!Follow(page, older)) Follow(page, newer);
        }

        // Sensors are one page each: only where nothing tells of several at once.
        if (page.At("Thermal") is null && page.At("Power") is null) Follow(page, "Sensors");
        foreach (string name in HardwareLinks) Follow(page, name);
        if (page.At("Oem", "Hpe", "Links") is { } hpe) Follow(hpe, "SmartStorage");
        foreach (JsonElement member in page.Items(RedfishLimits.LinksPerPageMax, "Members")) FollowMember(member);
        FollowNext(page, _hardware);
        if (page.Text("LogServices", "@odata.id") is { } logs) Enqueue(_logs, logs);
    }

    // A member is a link, or the whole resource.
    private void FollowMember(JsonElement member)
    {
        if (member.ValueKind != JsonValueKind.Object) return;
        if (member.EnumerateObject().Skip(1).Any() && RedfishResources.Add(member, _report)) return;
        if (member.Text("@odata.id") is { } path) Enqueue(_hardware, path);
    }

    private bool Follow(JsonElement page, string name)
    {
        if (page.Text(name, "@odata.id") is { } path)
        {
            Enqueue(_hardware, path);
            return true;
        }

        bool any = false;
        foreach (JsonElement link in page.Items(RedfishLimits.LinksPerPageMax, name))
        {
            // On pages of several things the elements are no pages of their own: their ids have a fragment.
            if (link.Text("@odata.id") is not { } target || target.Contains('#')) continue;
            Enqueue(_hardware, target);
            any = true;
        }

        return any;
    }

    private void FollowNext(JsonElement page, Queue<string> queue)
    {
        if (page.Text("Members@odata.nextLink") is { } next) Enqueue(queue, next);
    }

    private void TakeLog(string path, JsonElement page)
    {
        if (page.Text("Entries", "@odata.id") is { } entries && !IsAudit(path)) Enqueue(_logs, entries);
        if (RedfishLog.Entry(page, path) is { } own)
        {
            _report.Add(own);
            _entriesRead.Add(path);
        }

        var links = new List<string>();
        foreach (JsonElement member in page.Items(HealthReportBuilder.RecordsMax, "Members"))
        {
            if (RedfishLog.Entry(member, path) is { } record) _report.Add(record);
            else if (member.ValueKind == JsonValueKind.Object && member.Text("@odata.id") is { } link) links.Add(link);
        }

        FollowNext(page, _logs);
        EnqueueEntries(path, links);
    }

    // Services agree on no order: new entries are at one end of the list.
    private void EnqueueEntries(string path, List<string> links)
    {
        bool areEntries = path.Contains("/Entries", StringComparison.OrdinalIgnoreCase);
        int half = RedfishLimits.EntriesFetchedMax / 2;
        for (int i = 0; i < links.Count; i++)
        {
            if (areEntries && i >= half && i < links.Count - half) continue;
            if (areEntries && isKnownEntry(links[i])) continue;
            if (!areEntries && IsAudit(links[i])) continue;
            Enqueue(_logs, links[i]);
        }
    }

    private static bool IsLogPath(string path) => path.Contains("/LogServices", StringComparison.OrdinalIgnoreCase);

    private static bool IsAudit(string path) =>
        path.Contains("Audit", StringComparison.OrdinalIgnoreCase)
        || path.EndsWith("LogServices/SL", StringComparison.OrdinalIgnoreCase);

    // Only onward within the service: what a page says is no order to ask other machines.
    private void Enqueue(Queue<string> queue, string link)
    {
        string path = link.TrimEnd('/');
        if (path.Length > RedfishLimits.PathCharsMax || !PathPattern().IsMatch(path) || path.Contains("..")) return;
        if (_met.Count < 2 * RedfishLimits.PagesMax && _met.Add(path)) queue.Enqueue(path);
    }

    [GeneratedRegex(
        @"^/redfish/v1(/[A-Za-z0-9_.:~%@+=(),-]+)*(\?[A-Za-z0-9_.$=&%-]+)?\z", RegexOptions.NonBacktracking)]
    private static partial Regex PathPattern();
}
