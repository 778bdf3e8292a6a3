using System.Globalization;

namespace Umbra.Core.Health;

/// <summary>
/// Gathers a report within limits: whatever a source says, there are at most so many readings and records, with texts
/// of bounded length and finite numbers, and no name twice.
/// </summary>
public sealed class HealthReportBuilder
{
    /// <summary>Most readings of one reader; a large server has about 300 sensors. Further ones are left out.</summary>
    public const int ReadingsMax = 1024;

    /// <summary>Most records of one look. Of further ones the oldest are left out.</summary>
    public const int RecordsMax = 1024;

    // A name that a source gives to more things than this is kept for the first ones only.
    private const int NamesakesMax = 64;

    private readonly List<HealthReading> _readings = [];
    private readonly Queue<HealthRecord> _records = new();
    private readonly HashSet<(string Component, string Quantity)> _names = [];
    private readonly List<string> _notes = [];
    private bool _isPartial;

    /// <summary>Whether there is anything yet.</summary>
    public bool IsEmpty => _readings.Count == 0 && _records.Count == 0;

    /// <summary>Adds a reading; a second thing of the same name becomes <c>NAME #2</c>.</summary>
    public void Add(HealthReading reading)
    {
        if (_readings.Count == ReadingsMax)
        {
            Missing($"more than {ReadingsMax} readings");
            return;
        }

        string name = HealthText.Clean(reading.Component);
        string component = name.Length == 0 ? "unnamed" : name;
        for (int number = 2; !_names.Add((component, reading.Quantity)); number++)
        {
            if (number > NamesakesMax) return;
            component = name + " #" + number.ToString(CultureInfo.InvariantCulture);
        }

        _readings.Add(reading with
        {
            Component = component,
            Value = reading.Value is { } value && double.IsFinite(value) ? value : null,
            Unit = HealthText.Clean(reading.Unit),
            Detail = HealthText.Clean(reading.Detail),
        });
    }

    /// <summary>Adds a record.</summary>
    public void Add(HealthRecord record)
    {
        if (_records.Count == RecordsMax) _records.Dequeue();
        _records.Enqueue(record with
        {
            Id = HealthText.Clean(record.Id),
            Component = HealthText.Clean(record.Component),
            Message = HealthText.Clean(record.Message),
        });
    }

    /// <summary>Adds all that another report has; its error becomes a note that something is missing.</summary>
    public void Add(HealthReport report)
    {
        foreach (HealthReading reading in report.Readings) Add(reading);
        foreach (HealthRecord record in report.Records) Add(record);
        if (report.Error is { } error) Missing(error);
        if (report.IsPartial) Missing(report.Note);
    }

    /// <summary>Notes that something could not be read.</summary>
    public void Missing(string what)
    {
        const int notesMax = 4;
        _isPartial = true;
        string note = HealthText.Clean(what);
        if (_notes.Count < notesMax && !_notes.Contains(note)) _notes.Add(note);
    }

    /// <summary>The report.</summary>
    public HealthReport Build() => new([.. _readings], [.. _records], null)
    {
        IsPartial = _isPartial, Note = HealthText.Clean(string.Join("; ", _notes)),
    };

    /// <summary>The report, or <paramref name="error"/> when there is nothing in it.</summary>
    public HealthReport BuildOr(string error) => IsEmpty ? HealthReport.Failed(error) : Build();
}
