using Umbra.Core.Api;
using Umbra.Core.Health;

namespace Umbra.Agent.Health;

/// <summary>The last events of this host's hardware, for those on it that act by them. Thread-safe.</summary>
internal sealed class RecentHealth
{
    private readonly Lock _lock = new();
    private readonly Queue<HealthEvent> _events = new();

    /// <summary>The events, oldest first; at most <see cref="HostHealth.EventsMax"/>.</summary>
    public IReadOnlyList<HealthEvent> Events
    {
        get
        {
            lock (_lock) return [.. _events];
        }
    }

    /// <summary>Adds one; the oldest goes where there is no room.</summary>
    public void Add(HealthEvent happened)
    {
        lock (_lock)
        {
            if (_events.Count == HostHealth.EventsMax) _events.Dequeue();
            _events.Enqueue(happened);
        }
    }
}
