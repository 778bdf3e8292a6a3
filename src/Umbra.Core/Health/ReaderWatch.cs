using Umbra.Core.Basics;

namespace Umbra.Core.Health;

/// <summary>
/// One reader's state and memory: takes how each look ended, tells what changed, and knows when silence has made its
/// readings old. Not thread-safe.
/// </summary>
public sealed class ReaderWatch
{
    /// <summary>Readings older than this many periods are old, whatever their reader thinks of itself.</summary>
    public const int PeriodsMax = 3;

    private readonly string _name;
    private readonly HostId _host;
    private readonly TimeSpan _period;
    private readonly TimeSpan _deadline;
    private readonly HealthEdges _edges;
    private ReaderState _state = ReaderState.Stale;
    private string _reason = "not read yet";
    private string? _toldReason;
    private DateTimeOffset? _lastRead;
    private TimeSpan _took;

    /// <summary>Watches the reader <paramref name="name"/>.</summary>
    /// <param name="host">Whose hardware it reads.</param>
    /// <param name="name">Its name.</param>
    /// <param name="period">From the end of one look to the beginning of the next.</param>
    /// <param name="deadline">How long a look may take.</param>
    /// <param name="told">Up to where an earlier process has told of its log; null: not known.</param>
    public ReaderWatch(HostId host, string name, TimeSpan period, TimeSpan deadline, LogPosition? told = null)
    {
        (_host, _name, _period, _deadline) = (host, name, period, deadline);
        _edges = new HealthEdges(host, name, told);
    }

    /// <summary>Its readings of the last look that brought any.</summary>
    public IReadOnlyList<HealthReading> Readings { get; private set; } = [];

    /// <summary>Up to where its log has been looked at; null: it has none.</summary>
    public LogPosition? Position => _edges.Position;

    /// <summary>A look has ended: what changed by it.</summary>
    public IReadOnlyList<HealthEvent> Ended(ReadOutcome outcome, DateTimeOffset now, TimeSpan took)
    {
        _took = took;
        if (outcome.Report is not { } report) return Turn(ReaderState.Stale, outcome.Silence, now);
        if (report.Error is { } error) return Turn(ReaderState.Failed, error, now);
        _lastRead = now;
        Readings = report.Readings;
        string reason = report.IsPartial ? "read in part: " + report.Note : $"{report.Readings.Count} readings";
        return [.. Turn(ReaderState.Ok, reason, now), .. _edges.Update(report, now)];
    }

    /// <summary>As it is now.</summary>
    public ReaderStatus Status(DateTimeOffset now) => new()
    {
        Name = _name,
        State = _state == ReaderState.Ok && IsOld(now) ? ReaderState.Stale : _state,
        Reason = _state == ReaderState.Ok && !IsOld(now) ? _reason : _reason + AgeOf(now),
        LastRead = _lastRead,
        Took = _took,
    };

    private bool IsOld(DateTimeOffset now) => _lastRead is { } read && now - read > (PeriodsMax * _period) + _deadline;

    private string AgeOf(DateTimeOffset now) => _lastRead is { } read
        ? $"; last read {(now - read).TotalSeconds:0} s ago"
        : "; never read";

    private IReadOnlyList<HealthEvent> Turn(ReaderState state, string reason, DateTimeOffset now)
    {
        bool news = state != _state || (state != ReaderState.Ok && _toldReason != reason);
        // The first look that succeeds is no news.
        bool tell = news && !(state == ReaderState.Ok && _toldReason is null);
        (_state, _reason) = (state, reason.Length == 0 ? "no answer" : reason);
        if (!tell) return [];
        _toldReason = state == ReaderState.Ok ? null : reason;
        return
        [
            new HealthEvent
            {
                Host = _host,
                Component = _name,
                Kind = ComponentKind.Reader,
                Severity = state == ReaderState.Ok ? HealthSeverity.Info : HealthSeverity.Warning,
                Time = now,
                Source = _name,
                Message = state == ReaderState.Ok
                    ? $"the reader {_name} reads again"
                    : $"the reader {_name} is {(state == ReaderState.Stale ? "stale" : "failed")}: {_reason}",
            },
        ];
    }
}
