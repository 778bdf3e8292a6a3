using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;

namespace Umbra.Simulation;

/// <summary>
/// In some worlds the hardware under the VM comes under suspicion at some moment amid the faults, and the controller
/// moves the VM by itself. The seed says which worlds, not its generator: the others go as they would without.
/// </summary>
internal sealed partial class SimWorld
{
    /// <summary>One world in so many has a suspicion.</summary>
    public const int SuspicionOneIn = 8;

    private HostId? _suspected;

    /// <summary>Swaps by suspicion by which a VM has left its host.</summary>
    public int Moves { get; private set; }

    /// <summary>What the drift watch at a shadow says of its pair.</summary>
    public DriftStatus DriftOf(HostId primary, HostId shadow)
    {
        bool ofPair = Faulty && (_suspected == primary || _suspected == shadow);
        if (!ofPair) return new DriftStatus { State = DriftWatchState.Watching, Reason = "watching" };
        return new DriftStatus
        {
            State = DriftWatchState.Watching, Reason = "watching",
            Kpis =
            [
                new KpiDrift
                {
                    Kpi = "disk.latency", Score = 1.5, Hint = true, Explanation = "disk.latency is up",
                    Side = _suspected == primary ? DriftSide.Primary : DriftSide.Shadow,
                },
            ],
        };
    }

    private void PlanSuspicion()
    {
        if (Seed % SuspicionOneIn != SuspicionOneIn / 2) return;
        At(Random.Between(400, 3000), () =>
        {
            _suspected = Controller.Vm.Primary;
            Trace($"{_suspected} comes under suspicion");
        });
    }

    /// <summary>A host that fell silent under suspicion is cordoned as it loses the VM by its lease.</summary>
    public void CheckTakenOver(HostId left, PendingAction consent)
    {
        if (!consent.Action.Suspect) return;
        Require(_suspected is not null, $"{left} is said to be suspect, and nothing is");
        Require(Controller.IsCordoned(left), $"{left} fell silent under suspicion and is not cordoned");
        Trace($"{left} was taken over from under suspicion");
    }

    private void CheckMoved(FinishedAction action)
    {
        if (!action.IsMoveBySuspicion) return;
        Moves++;
        HostId left = action.Pending.Target;
        Require(Controller.IsCordoned(left), $"the VM has left {left} on suspicion, which is not cordoned");
    }
}
