using Umbra.Agent.Replication;
using Umbra.Agent.Shadows;
using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Agent.Vms;

/// <summary>Why a process could not be attached when it was looked at last.</summary>
/// <param name="Target">The process; null: none was looked at.</param>
/// <param name="Reasons">Each a sentence for people; empty: it could be.</param>
internal sealed record RefusedAttach(AttachTarget? Target, IReadOnlyList<string> Reasons);

/// <summary>Puts together what a keeper knows of its VM.</summary>
internal static class KeeperStatus
{
    /// <summary>The VM as the controller is to know it.</summary>
    public static VmStatus Of(
        VmId vm, PrimaryVm? primary, ShadowRunner? shadow, VmRecord? left, VmRecord? dead, GuestState deadState,
        Assignment? failing, string trouble, RefusedAttach refused,
        IReadOnlyList<VmActionResult> results)
    {
        if (primary is not null) return OfPrimary(vm, primary, results);
        if (shadow is not null) return shadow.VmStatus(results);
        if (left is not null)
        {
            string reason = trouble.Length > 0 ? trouble : "what an earlier agent left is being taken up";
            return Starting(left.Assignment, reason, results) with { ProcessId = left.ProcessId };
        }

        if (dead is null && failing is not null)
        {
            VmStatus starting = Starting(failing, trouble, results);
            return failing.Attach is { } target
                ? starting with
                {
                    // Those of a process that was to be attached before say nothing of this one.
                    ProcessId = target.ProcessId,
                    Refusals = refused.Target == target ? refused.Reasons : [],
                }
                : starting;
        }

        return new VmStatus
        {
            Vm = vm,
            Role = dead is null ? VmRole.None : VmRole.Primary,
            Generation = dead?.Assignment.Generation ?? Generation.None,
            Guest = dead is null ? GuestState.Absent : deadState,
            Reason = dead is null ? "nothing of it is here" : "the VM's process is gone",
            Results = results,
        };
    }

    private static VmStatus Starting(Assignment part, string trouble, IReadOnlyList<VmActionResult> results) => new()
    {
        Vm = part.Vm.Name,
        Role = part.Role,
        Generation = part.Generation,
        Guest = GuestState.Starting,
        Reason = trouble,
        Results = results,
    };

    private static VmStatus OfPrimary(VmId vm, PrimaryVm primary, IReadOnlyList<VmActionResult> results)
    {
        Assignment assignment = primary.Record.Assignment;
        SourceRunner? runner = primary.Runner;
        var status = runner?.Status;
        return new VmStatus
        {
            Vm = vm,
            Role = VmRole.Primary,
            Generation = status?.Generation ?? assignment.Generation,
            Guest = status?.Paused ?? primary.IsPaused ? GuestState.Paused : GuestState.Running,
            Protection = status?.Protection ?? ProtectionState.Unprotected,
            Reason = Reason(assignment, runner),
            Lease = runner is { IsGuarded: true } ? status?.Lease : null,
            ProcessId = primary.Qemu.Identity.Pid,
            Definition = assignment.Vm,
            Kpis = primary.Kpis,
            Place = primary.Place,
            Sync = (status?.Sync ?? new SyncStatus()) with
            {
                Tracker = runner?.Tracker ?? "",
                TrackerReason = runner?.TrackerReason ?? "",
                Brakes = runner?.Brakes ?? 0,
            },
            Results = [.. results, .. runner?.Results ?? []],
        };
    }

    private static string Reason(Assignment assignment, SourceRunner? runner)
    {
        if (!assignment.Policy.Enabled) return "protection is turned off";
        if (runner is null) return "it has no shadow";
        if (runner.Status is not { } status) return runner.Trouble;
        return runner.Trouble.Length > 0 ? $"{status.Reason}: {runner.Trouble}" : status.Reason;
    }
}
