using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Agent.Vms;

/// <summary>
/// What an earlier agent left of the VM, and what is left of it when its process has ended. That a VM is dead is
/// evidence for a takeover: it is said of a process that is proven gone, and never of one that does not answer.
/// </summary>
internal sealed partial class VmKeeper
{
    /// <summary>One try to reach a left VM's monitors; there is another one each round.</summary>
    private static readonly TimeSpan TakeUpDeadline = TimeSpan.FromSeconds(5);

    private volatile VmRecord? _left;
    private VmRecord? _dead;
    private GuestState _deadState = GuestState.Dead;

    /// <summary>What an earlier agent left here goes on as it was, before the controller has said a word.</summary>
    private void FindLeft()
    {
        VmRecord? record = VmRecord.Read(_paths, out string error);
        if (error.Length > 0) _services.Report("agent.record-unreadable", _vm, error);
        if (record is null) return;
        // Switched off: a word that may be outdated is no reason to start it.
        if (record is { Assignment.Role: VmRole.Primary, ProcessId: 0 }) return;
        lock (_lock) _want ??= record.Assignment;
        if (record.Assignment.Role is VmRole.Primary or VmRole.Shadow) _left = record;
    }

    /// <summary>Takes up what was left, or ends it; false: it lives and cannot be reached, so try again.</summary>
    private async Task<bool> TakeUpAsync(VmRecord left, Assignment? want, bool gone)
    {
        if (left.Assignment.Role == VmRole.Shadow)
        {
            await OpenLeftShadowAsync(left);
            return true;
        }

        Generation known = left.Assignment.Generation;
        bool isMoved = gone || (want is { Role: VmRole.Shadow } && want.Generation > known);
        bool isOff = want is { Role: VmRole.Primary, Power: DesiredPower.Stopped } && want.Generation >= known;
        if (!isMoved && await TryAdoptAsync(left, isOff ? StopPatience : TakeUpDeadline)) return true;
        if (!isMoved && !isOff) return false;
        await LeftProcess.KillAsync(left, _services.BootId);
        // Ended by a word, which is no reason for a takeover.
        (_dead, _deadState, _left) = (left, GuestState.ShutDown, null);
        return true;
    }

    private async Task<bool> TryAdoptAsync(VmRecord left, TimeSpan deadline)
    {
        Adoption adoption = await Adoption.TryAsync(_services, _paths, left, deadline, _stop.Token);
        if (adoption.Vm is { } vm)
        {
            // In this order: it must not look absent for a moment.
            _primary = vm;
            (_left, _trouble) = (null, "");
            await RunPrimaryAsync(vm, left.Assignment);
            return true;
        }

        if (adoption.IsUnloaded)
        {
            // Won, but not brought up: the shadow that it still is loads its epoch again.
            await OpenLeftShadowAsync(left with { Assignment = left.Assignment with { Role = VmRole.Shadow } });
            return true;
        }

        if (LeftProcess.IsGone(left, _services.BootId))
        {
            NoteDead(left, adoption.Error);
            return true;
        }

        string trouble = $"process {left.ProcessId} runs, but cannot be reached: {adoption.Error}";
        if (_trouble.Length == 0) _services.Report("vm.unreachable", _vm, trouble);
        _trouble = trouble;
        return false;
    }

    /// <summary>The files of a shadow are taken up, its standby is not.</summary>
    private async Task OpenLeftShadowAsync(VmRecord left)
    {
        await LeftProcess.KillAsync(left, _services.BootId);
        OpenShadow(left.Assignment);
        _left = null;
    }

    private void NoteDead(VmRecord record, string why)
    {
        _dead = record;
        _deadState = record.GuestShutDown ? GuestState.ShutDown : GuestState.Dead;
        (_left, _trouble) = (null, "");
        _services.Report("vm.died", _vm, $"process {record.ProcessId} is gone: {why}");
        _fleet.UrgentChange();
    }

    /// <summary>A dead VM that is to be off is off, like one that was switched off here.</summary>
    private void ForgetDead(Assignment want)
    {
        if (_dead is not { } dead || want.Generation < dead.Assignment.Generation) return;
        if ((dead with { ProcessId = 0 }).Write(_paths) is { } error)
        {
            _services.Report("agent.record-failed", _vm, error.Message);
            return;
        }

        _dead = null;
        _services.Report("vm.stopped", _vm, "its process was gone already");
        _fleet.UrgentChange();
    }

    // A claim of this host's own that was won as the VM died: it is dead under that generation, and a takeover may
    // begin only once this agent says so.
    private void RaiseDead(Assignment want)
    {
        if (_dead is not { } dead || want.Generation <= dead.Assignment.Generation) return;
        VmRecord raised = dead with { Assignment = dead.Assignment with { Generation = want.Generation } };
        if (raised.Write(_paths) is { } error)
        {
            _services.Report("agent.record-failed", _vm, error.Message);
            return;
        }

        _dead = raised;
        _fleet.UrgentChange();
    }

    private async Task RemoveDeadAsync()
    {
        await LeftProcess.KillAsync(_dead!, _services.BootId);
        HostTaps.Remove(_dead!.Assignment.Vm);
        _dead = null;
        _paths.Destroy();
    }
}
