using Umbra.Core.Basics;

namespace Umbra.Core.Health;

/// <summary>
/// Turns what one reader sees, again and again, into events of what changed. A state is told when it gets worse, and
/// when it is well again for some looks in a row; a count when it rises; a log entry once. Not thread-safe.
/// </summary>
/// <param name="host">Whose hardware it is.</param>
/// <param name="source">The reader.</param>
/// <param name="told">Up to where an earlier process has told of the log; null: not known.</param>
public sealed class HealthEdges(HostId host, string source, LogPosition? told = null)
{
    /// <summary>A better level counts once seen in this many looks in a row: limits are crossed to and fro.</summary>
    public const int CalmLooks = 3;

    /// <summary>Log entries remembered; more than a log has that is read whole.</summary>
    public const int RecordsRememberedMax = 4 * HealthReportBuilder.RecordsMax;

    /// <summary>Most events of one look; further ones are counted only.</summary>
    public const int EventsMax = 64;

    /// <summary>
    /// Entries older than this when a log is first read are history, where it is not known what was told of it.
    /// </summary>
    public static readonly TimeSpan HistoryMin = TimeSpan.FromHours(1);

    // A source that is never read whole and names its parts anew each time must not fill the memory.
    private const int SeenMax = 4 * HealthReportBuilder.ReadingsMax;

    private static readonly TimeSpan ClockErrorMax = TimeSpan.FromMinutes(5);

    private readonly LogPosition? _told = told;
    private readonly Dictionary<(string Component, string Quantity), Seen> _seen = [];
    private readonly HashSet<string> _records = new(StringComparer.Ordinal);
    private readonly Queue<string> _recordOrder = new();
    private bool _isFirst = true;
    private long _look;

    /// <summary>Up to where the log has been looked at; null: it had no entry with a time that can be.</summary>
    public LogPosition? Position { get; private set; } = told;

    /// <summary>What changed with the look that brought <paramref name="report"/>.</summary>
    public IReadOnlyList<HealthEvent> Update(HealthReport report, DateTimeOffset now)
    {
        Invariant.Holds(report.Error is null, "a report of an error tells nothing of the hardware");
        _look++;
        var events = new List<HealthEvent>();
        foreach (HealthReading reading in report.Readings) Look(reading, events, now);
        if (!report.IsPartial) TellVanished(events, now);
        else if (_seen.Count > SeenMax) Forget();
        foreach (HealthRecord record in report.Records) Look(record, events, now);
        _isFirst = false;
        return Bounded(events, now);
    }

    private void Look(HealthReading reading, List<HealthEvent> events, DateTimeOffset now)
    {
        var key = (reading.Component, reading.Quantity);
        if (!_seen.TryGetValue(key, out Seen? seen))
        {
            seen = new Seen { Kind = reading.Kind };
            _seen.Add(key, seen);
        }

        bool told = LookAtLevel(reading, seen, events, now);
        if (!told && reading.Rise is { } severity && reading.Value > seen.Value)
        {
            string before = HealthText.Format(seen.Value.Value), after = HealthText.Format(reading.Value.Value);
            events.Add(Event(
                reading, severity,
                $"{reading.Quantity} of {reading.Component} rose from {before} to {after}", now));
        }

        seen.Value = reading.Value ?? seen.Value;
        seen.Look = _look;
    }

    // A sensor that cannot be read at the moment says neither good nor bad: what was known stays.
    private static bool IsKnown(HealthLevel level) => level != HealthLevel.Unknown;

    private bool LookAtLevel(HealthReading reading, Seen seen, List<HealthEvent> events, DateTimeOffset now)
    {
        HealthLevel known = IsKnown(seen.Level) ? seen.Level : HealthLevel.Ok;
        if (!IsKnown(reading.Level)) return false;
        if (reading.Level > known)
        {
            (seen.Level, seen.Calm) = (reading.Level, 0);
            var severity = reading.Level == HealthLevel.Critical ? HealthSeverity.Critical : HealthSeverity.Warning;
            events.Add(Event(reading, severity, Describe(reading, reading.Level), now));
            return true;
        }

        seen.Calm = reading.Level < known ? seen.Calm + 1 : 0;
        if (reading.Level == known || seen.Calm < CalmLooks)
        {
            seen.Level = known;
            return false;
        }

        (seen.Level, seen.Calm) = (reading.Level, 0);
        events.Add(Event(reading, HealthSeverity.Info, Describe(reading, reading.Level), now));
        return true;
    }

    private void TellVanished(List<HealthEvent> events, DateTimeOffset now)
    {
        foreach (var (key, seen) in _seen.Where(entry => _look - entry.Value.Look >= CalmLooks).ToList())
        {
            _seen.Remove(key);
            if (seen.Kind is not (ComponentKind.Drive or ComponentKind.Memory or ComponentKind.PowerSupply
                or ComponentKind.Fan or ComponentKind.Network)) continue;
            // A part that has several values is gone once.
            if (_seen.Keys.Any(other => other.Component == key.Component)) continue;
            events.Add(Event(key.Component, seen.Kind, HealthSeverity.Warning,
                $"{key.Component} is not reported any more", now));
        }
    }

    private void Forget()
    {
        foreach (var key in _seen.Where(entry => entry.Value.Look != _look).Select(static e => e.Key).ToList())
            _seen.Remove(key);
    }

    private void Look(HealthRecord record, List<HealthEvent> events, DateTimeOffset now)
    {
        if (!_records.Add(record.Id)) return;
        _recordOrder.Enqueue(record.Id);
        if (_recordOrder.Count > RecordsRememberedMax) _records.Remove(_recordOrder.Dequeue());
        bool wasTold = _told?.Covers(record) ?? false;
        bool hasTime = record.Time is { } time && time - now < ClockErrorMax;
        bool isRecent = hasTime && now - record.Time < HistoryMin;
        if (hasTime) Position = LogPosition.After(Position, record);
        bool isHistory = wasTold || (_isFirst && (_told is null || !hasTime));
        if (isHistory && !isRecent) return;
        // Log-ins and the like fill logs: without a part that it is about, an entry must say something bad.
        if (record is { Severity: HealthSeverity.Info, Kind: ComponentKind.Host }) return;
        events.Add(Event(
            record.Component, record.Kind, record.Severity, record.Message,
            isRecent || (_isFirst && hasTime) ? record.Time!.Value : now) with
        {
            WasTold = record.WasTold || wasTold,
        });
    }

    private IReadOnlyList<HealthEvent> Bounded(List<HealthEvent> events, DateTimeOffset now)
    {
        if (events.Count <= EventsMax) return events;
        var worst = events.OrderByDescending(static entry => entry.Severity).Take(EventsMax - 1).ToList();
        worst.Add(Event(source, ComponentKind.Reader, HealthSeverity.Warning,
            $"{events.Count - worst.Count} more events of {source} at once are left out", now));
        return worst;
    }

    private static string Describe(HealthReading reading, HealthLevel level)
    {
        string word = level switch
        {
            HealthLevel.Critical => "critical",
            HealthLevel.Warning => "not as it should be",
            _ => "well",
        };
        string value = reading.Value is { } number ? $": {HealthText.Format(number)} {reading.Unit}".TrimEnd() : "";
        string detail = reading.Detail.Length > 0 ? $" ({reading.Detail})" : "";
        return $"{reading.Quantity} of {reading.Component} is {word}{value}{detail}";
    }

    private HealthEvent Event(HealthReading reading, HealthSeverity severity, string message, DateTimeOffset time) =>
        Event(reading.Component, reading.Kind, severity, message, time);

    private HealthEvent Event(
        string component, ComponentKind kind, HealthSeverity severity, string message, DateTimeOffset time) => new()
        {
            Host = host,
            Component = component,
            Kind = kind,
            Severity = severity,
            Time = time,
            Source = source,
            Message = message,
        };

    private sealed class Seen
    {
        public required ComponentKind Kind { get; init; }

        public HealthLevel Level { get; set; }

        public int Calm { get; set; }

        public double? Value { get; set; }

        public long Look { get; set; }
    }
}
