using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;

namespace Umbra.Controller.Fleet;

/// <summary>The controller's side of its conversation with one agent; nothing of it outlives the controller.</summary>
internal sealed class HostSession
{
    private IReadOnlyList<FleetEvent> _lastEvents = [];

    /// <summary>Pulsed when what the host is told changes.</summary>
    public Signal Changed { get; } = new();

    /// <summary>What the host is told; null: to be computed anew.</summary>
    public HeartbeatAnswer? Answer { get; set; }

    /// <summary>Whether the host was alive when last looked at, for events.</summary>
    public bool WasAlive { get; set; }

    /// <summary>VMs that the agent has and the controller does not know, told once.</summary>
    public HashSet<VmId> Strangers { get; } = [];

    /// <summary>Which of its reports are news.</summary>
    public ReportOrder Order { get; } = new();

    /// <summary>Those events that the last heartbeat, whose answer may have been lost, did not bring already.</summary>
    public IReadOnlyList<FleetEvent> NewEvents(IReadOnlyList<FleetEvent> events)
    {
        var known = _lastEvents.ToHashSet();
        if (events.Count > 0) _lastEvents = events;
        return [.. events.Where(entry => !known.Contains(entry))];
    }
}
