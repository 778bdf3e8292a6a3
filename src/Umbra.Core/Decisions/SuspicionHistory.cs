namespace Umbra.Core.Decisions;

/// <summary>One moment of a VM's suspicion.</summary>
/// <param name="At">When, on the controller's clock.</param>
/// <param name="Primary">Weight against the primary's host.</param>
/// <param name="Shadow">Weight against the shadow's.</param>
/// <param name="Interval">Sync interval in force.</param>
public readonly record struct SuspicionPoint(TimeSpan At, double Primary, double Shadow, TimeSpan Interval);

/// <summary>The last ten minutes of one VM, a point a second at most. Bounded; single-threaded.</summary>
public sealed class SuspicionHistory
{
    /// <summary>Most points.</summary>
    public const int PointsMax = 600;

    /// <summary>Least time between two points.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private readonly Queue<SuspicionPoint> _points = new();
    private TimeSpan? _last;

    /// <summary>The points, oldest first.</summary>
    public IReadOnlyCollection<SuspicionPoint> Points => _points;

    /// <summary>Adds a point unless there is one of this second.</summary>
    public void Add(SuspicionPoint point)
    {
        if (_last is { } last && point.At - last < Step) return;
        _last = point.At;
        if (_points.Count == PointsMax) _points.Dequeue();
        _points.Enqueue(point);
    }
}
