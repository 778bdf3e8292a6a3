using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Simulation;

/// <summary>
/// One VM of a simulated fleet and what the drift watch at its shadow makes of the two hosts: a model of the product's,
/// which compares them and knows no more than the difference, and of that only what came after its baseline.
/// </summary>
internal sealed class FleetPair(VmId vm)
{
    /// <summary>Evidence that a second of full difference adds.</summary>
    private const double EvidencePerSecond = 0.05;

    private const double EvidenceMax = 2.5, LeastGap = 0.1, ForgetPerSecond = 0.03, NoiseMax = 0.7;

    private static readonly TimeSpan s_seeding = TimeSpan.FromSeconds(10), s_learning = TimeSpan.FromSeconds(60);

    private (HostId Primary, HostId? Shadow, Generation Generation) _pair;
    private TimeSpan _since;
    private (double Primary, double Shadow)? _baseline;

    // Positive: against the primary's host.
    private double _evidence;

    public VmId Vm => vm;

    /// <summary>Results of actions that its hosts tell of.</summary>
    public List<VmActionResult> Results { get; } = [];

    public bool IsSeeded(TimeSpan now) => _pair.Shadow is not null && now - _since >= s_seeding;

    /// <summary>Time goes on, and the pair may be another one.</summary>
    public void Watch(
        (HostId Primary, HostId? Shadow, Generation Generation) pair, FleetHost primary, FleetHost? shadow,
        TimeSpan now, double seconds)
    {
        if (pair != _pair) (_pair, _since, _baseline, _evidence) = (pair, now, null, 0);
        if (shadow is null || primary.SensorsFailed || shadow.SensorsFailed || now - _since < s_learning) return;
        (double Primary, double Shadow) known = _baseline ??= (primary.Wear, shadow.Wear);
        // A side that got better, by a repair, speaks against neither.
        double gap = Math.Max(0, primary.Wear - known.Primary) - Math.Max(0, shadow.Wear - known.Shadow);
        _evidence = Math.Abs(gap) >= LeastGap
            ? Math.Clamp(_evidence + (gap * EvidencePerSecond * seconds), -EvidenceMax, EvidenceMax)
            : _evidence * Math.Pow(1 - ForgetPerSecond, seconds);
    }

    /// <summary>What the shadow's agent says.</summary>
    public DriftStatus Tell(FleetHost primary, FleetHost shadow, SimRandom random)
    {
        if (primary.SensorsFailed || shadow.SensorsFailed)
            return new DriftStatus { State = DriftWatchState.Off, Reason = "a side is not measured" };
        if (_baseline is null) return new DriftStatus { State = DriftWatchState.Learning, Reason = "learning" };
        bool noisy = primary.Noisy || shadow.Noisy;
        double noise = noisy ? NoiseMax * random.Below(1000) / 1000 : 0;
        bool noiseOnPrimary = random.OneIn(2);
        return new DriftStatus
        {
            State = DriftWatchState.Watching, Reason = "watching",
            Kpis =
            [
                new KpiDrift
                {
                    Kpi = "disk.latency", Score = Math.Abs(_evidence), Explanation = "disk.latency is up",
                    Side = _evidence >= 0 ? DriftSide.Primary : DriftSide.Shadow, Hint = Math.Abs(_evidence) > 0.5,
                },
                new KpiDrift
                {
                    Kpi = "net.latency", Score = noise, Hint = noisy, Explanation = "net.latency is up",
                    Side = noiseOnPrimary ? DriftSide.Primary : DriftSide.Shadow,
                },
            ],
        };
    }
}
