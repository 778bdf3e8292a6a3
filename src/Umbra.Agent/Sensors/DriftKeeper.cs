using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Drift;
using Umbra.Core.Protocol;
using Umbra.Core.Sensors;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.Sensors;

/// <summary>
/// Keeps the drift watch of one VM's pair at the shadow's agent, with its baseline on disk, so that neither this
/// agent's end nor the primary's trouble ends it. Thread-safe.
/// </summary>
internal sealed class DriftKeeper : IKpiSink
{
    /// <summary>Seconds that wait while a baseline is learnt or kept; beyond, the oldest is left out.</summary>
    private const int WaitingMax = 60;

    private readonly Queue<KpiPair> _waiting = new();
    private readonly Lock _lock = new();
    private readonly AgentServices _services;
    private readonly VmPaths _paths;
    private PairKey? _pair;
    private LiveDrift? _live;
    private PairBaseline? _kept;
    private bool _isWorking;

    /// <summary>A keeper that watches nothing yet.</summary>
    public DriftKeeper(AgentServices services, VmPaths paths) => (_services, _paths) = (services, paths);

    /// <summary>The pair is this one now; another one begins with a baseline of its own.</summary>
    public void Follow(HostId primary)
    {
        var pair = new PairKey(_paths.Vm, primary, _services.Host);
        lock (_lock)
        {
            if (pair == _pair) return;
            _kept = Read();
            (_pair, _live) = (pair, new LiveDrift(pair, _services.DriftCalibration, _kept));
        }
    }

    /// <inheritdoc/>
    public void On(VmId vm, KpiPair pair)
    {
        // The caller may be the thread that commits epochs, and a baseline is learnt for a good part of a second.
        lock (_waiting)
        {
            if (_waiting.Count == WaitingMax) _waiting.Dequeue();
            _waiting.Enqueue(pair);
            if (_isWorking) return;
            _isWorking = true;
        }

        _ = Task.Run(Work);
    }

    /// <summary>How the pair stands.</summary>
    public DriftStatus Status()
    {
        lock (_lock) return _live?.Status(DateTimeOffset.UtcNow) ?? new DriftStatus();
    }

    /// <summary>What the primary's agent is to know, so that it syncs as often as that asks for.</summary>
    public DriftNotice Notice(Generation generation)
    {
        Suspicion found = SuspicionRule.Weigh(Status(), DriftSide.Primary, [], DateTimeOffset.UtcNow);
        uint weight = (uint)Math.Min(found.Weight * 1000, DriftNotice.WeightMax);
        return new DriftNotice(generation, weight, found.Hint, found.Explanation);
    }

    private void Work()
    {
        while (true)
        {
            KpiPair? pair;
            lock (_waiting)
            {
                _isWorking = _waiting.TryDequeue(out pair);
                if (!_isWorking) return;
            }

            Weigh(pair!);
        }
    }

    private void Weigh(KpiPair pair)
    {
        PairBaseline? learnt;
        lock (_lock)
        {
            _live?.On(pair);
            learnt = _live?.Baseline is { } baseline && !ReferenceEquals(baseline, _kept) ? baseline : null;
            if (learnt is not null) _kept = learnt;
        }

        if (learnt is not null) Keep(learnt);
    }

    private PairBaseline? Read()
    {
        Outcome<byte[]?> file = DurableFile.Read(_paths.DriftBaseline, PairBaseline.BytesMax);
        if (file.Value is not { } bytes) return null;
        var baseline = PairBaseline.TryDecode(bytes, out string error);
        if (baseline is null) _services.Report("drift.baseline-unread", _paths.Vm, $"it is learnt anew: {error}");
        return baseline;
    }

    private void Keep(PairBaseline baseline)
    {
        _services.Report(
            "drift.baseline", _paths.Vm,
            $"what {baseline.Pair?.Primary} and {baseline.Pair?.Shadow} look like was learnt from "
            + $"{baseline.Samples} seconds");
        if (DurableFile.Replace(_paths.DriftBaseline, baseline.Encode()) is { } error)
            _services.Report("drift.baseline-unkept", _paths.Vm, error.Message);
    }
}
