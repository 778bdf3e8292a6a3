using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Agent;

/// <summary>Events that the controller has not got yet, in order. Bounded: the oldest give way.</summary>
public sealed class EventLog(TimeProvider clock, HostId host)
{
    /// <summary>Events kept while the controller is away.</summary>
    public const int EventsMax = 1000;

    private readonly Lock _lock = new();
    private readonly Queue<FleetEvent> _events = new();
    private readonly Dictionary<(string Kind, VmId? Vm), (string Text, DateTimeOffset Time)> _last = [];

    /// <summary>The same again within this time is not news.</summary>
    private static readonly TimeSpan RepeatMin = TimeSpan.FromSeconds(30);

    /// <summary>Notes that something happened; whether it was news.</summary>
    /// <param name="kind">As in <see cref="FleetEvent.Kind"/>.</param>
    /// <param name="vm">The VM it is about; null when about none.</param>
    /// <param name="text">For people.</param>
    public bool Add(string kind, VmId? vm, string text)
    {
        var happened = new FleetEvent { Time = clock.GetUtcNow(), Kind = kind, Vm = vm, Host = host, Text = text };
        lock (_lock)
        {
            if (_last.TryGetValue((kind, vm), out var last) && last.Text == text
                && happened.Time - last.Time < RepeatMin)
                return false;
            if (_last.Count == EventsMax) _last.Clear();
            _last[(kind, vm)] = (text, happened.Time);
            if (_events.Count == EventsMax) _events.Dequeue();
            _events.Enqueue(happened);
        }

        return true;
    }

    /// <summary>What the controller has not confirmed.</summary>
    public IReadOnlyList<FleetEvent> Unsent()
    {
        lock (_lock) return [.. _events];
    }

    /// <summary>The controller has got these.</summary>
    public void Sent(IReadOnlyList<FleetEvent> events)
    {
        lock (_lock)
        {
            foreach (FleetEvent sent in events)
            {
                if (_events.TryPeek(out FleetEvent? first) && ReferenceEquals(first, sent)) _events.Dequeue();
            }
        }
    }
}
