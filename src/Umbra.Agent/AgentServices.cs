using Microsoft.Extensions.Logging;
using Umbra.Agent.Guarding;
using Umbra.Agent.Health;
using Umbra.Agent.Links;
using Umbra.Agent.Sensors;
using Umbra.Agent.State;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Drift;
using Umbra.Core.Health;
using Umbra.Core.Protocol;
using Umbra.Linux.Native;
using Umbra.Linux.Tracking;

namespace Umbra.Agent;

/// <summary>What everything in an agent shares.</summary>
/// <param name="Host">This host.</param>
/// <param name="Paths">Where it keeps things.</param>
/// <param name="BootId">The kernel's boot id: what was in memory under another one is gone.</param>
/// <param name="Controller">Calls to the controller.</param>
/// <param name="Transport">Connections to other agents.</param>
/// <param name="Guard">Looks after VMs when this process cannot.</param>
/// <param name="Events">What the controller is to be told.</param>
/// <param name="Log">What an operator of this host is told.</param>
internal sealed record AgentServices(
    HostId Host,
    AgentPaths Paths,
    string BootId,
    ControllerClient Controller,
    PairTransport Transport,
    Guard Guard,
    EventLog Events,
    ILogger Log)
{
    /// <summary>What measures this host itself, shared by its VMs.</summary>
    public HostCanaries Canaries { get; } = new();

    /// <summary>Seconds from which a pair's drift baseline is learnt.</summary>
    public int DriftCalibration { get; init; } = LiveDrift.CalibrationDefault;

    /// <summary>The last events of this host's hardware.</summary>
    public RecentHealth RecentHealth { get; } = new();

    /// <summary>How written pages of VMs are found.</summary>
    public TrackerChoice Tracker { get; init; }

    /// <summary>The pair's content hash.</summary>
    public IContentHash Hash { get; } = new XxHash3();

    /// <summary>The pair protocol.</summary>
    public PairCodec Codec { get; } = new(new XxHash3());

    /// <summary>
    /// The pair's compressors, for one VM's thread: each has a work space of its own, and one a history.
    /// </summary>
    public static BatchCodecs NewCodecs() =>
        new(new Lz4Compressor(), new ZstdCompressor(), new BatchHistory(new ZstdStream()));

    /// <summary>Notes that something of the host's hardware changed.</summary>
    public void ReportHealth(HealthEvent happened)
    {
        RecentHealth.Add(happened);
        if (happened.WasTold) return;
        string kind = "health." + happened.Severity.ToString().ToLowerInvariant();
        Report(kind, null, $"{happened.Source}: {happened.Message}");
    }

    /// <summary>Notes an event, for the controller and in the log.</summary>
    public void Report(string kind, VmId? vm, string text)
    {
        if (Events.Add(kind, vm, text)) Log.Happened(kind, vm?.Value ?? "-", text);
    }

    /// <summary>Notes an event that an operator should do something about.</summary>
    public void Warn(string kind, VmId? vm, string text)
    {
        if (Events.Add(kind, vm, text)) Log.Warned(kind, vm?.Value ?? "-", text);
    }
}
