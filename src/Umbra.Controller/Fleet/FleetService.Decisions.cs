using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Decisions;
using Umbra.Core.Placement;

namespace Umbra.Controller.Fleet;

/// <content>Suspected hardware: what is decided about each VM, and a person's word in it.</content>
public sealed partial class FleetService
{
    /// <summary>What is decided about the VM and what that rests on.</summary>
    public Outcome<DecisionView> Decision(VmId name)
    {
        lock (_lock)
        {
            Enter();
            if (_fleet.Vm(name) is not { } vm) return NoVm(name);
            return SuspicionPlanner.View(_fleet, vm, _time.GetUtcNow());
        }
    }

    /// <summary>A person approves that the VM leaves its host; refused where nobody asked.</summary>
    public Outcome<DecisionView> Approve(VmId name)
    {
        lock (_lock)
        {
            Enter();
            if (_fleet.Vm(name) is not { } vm) return NoVm(name);
            if (SuspicionPlanner.Look(_fleet, vm, _time.GetUtcNow()) is not { Step: SwapStep.AskPerson } asked)
            {
                return Problems.Refused(
                    $"nothing waits for an approval of {name}",
                    $"'umbra explain {name}' shows what is decided; 'umbra swap {name}' moves it all the same");
            }

            _fleet.Suspicions.Approve(name, _fleet.Now);
            Record(Event("swap.approved", name, vm.Primary, $"a person approves: {asked.Reason}"));
            _unsettled.Add(name);
            Settle();
            return SuspicionPlanner.View(_fleet, _fleet.Vm(name)!, _time.GetUtcNow());
        }
    }

    private void WatchDecision(VmId name)
    {
        if (_fleet.Vm(name) is not { } vm) return;
        var verdict = SuspicionPlanner.Look(_fleet, vm, _time.GetUtcNow())
            ?? new SwapVerdict(SwapStep.Hold, "it is off, leaving or not protected");
        if (_fleet.Suspicions.IsNews(name, verdict))
            Record(Event(KindOf(verdict.Step), name, vm.Primary, verdict.Reason));
    }

    private static string KindOf(SwapStep step) => step switch
    {
        SwapStep.SyncFaster => "decision.sync-faster",
        SwapStep.Prepare => "decision.prepare",
        SwapStep.AskPerson => "decision.ask",
        SwapStep.Swap => "decision.swap",
        SwapStep.Refuse => "decision.refuse",
        _ => "decision.hold",
    };
}
