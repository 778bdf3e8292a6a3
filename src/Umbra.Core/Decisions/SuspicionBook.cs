using Umbra.Core.Basics;

namespace Umbra.Core.Decisions;

/// <summary>
/// What the controller remembers between two looks at its VMs: since when hosts are suspected, what people approved,
/// and what was decided last. In memory alone: after a restart it is seen anew, and an approval has to be given again.
/// Single-threaded.
/// </summary>
public sealed class SuspicionBook
{
    /// <summary>How long an approval holds: whoever gave it looked at the evidence of that time.</summary>
    public static readonly TimeSpan ApprovalTime = TimeSpan.FromMinutes(10);

    private readonly Dictionary<HostId, TimeSpan> _suspectedSince = [];
    private readonly Dictionary<VmId, TimeSpan> _approvedUntil = [];
    private readonly Dictionary<VmId, SwapVerdict> _last = [];
    private readonly Dictionary<VmId, SuspicionHistory> _histories = [];

    /// <summary>Notes that a VM's verdict speaks against the host; the first time counts.</summary>
    public void Suspect(HostId host, TimeSpan now)
    {
        Prune(now);
        _suspectedSince.TryAdd(host, now);
    }

    /// <summary>
    /// Hosts that came under suspicion within the storm window before <paramref name="now"/>, and
    /// <paramref name="also"/> where it is not among them.
    /// </summary>
    public int HostsSuspected(TimeSpan now, HostId? also)
    {
        Prune(now);
        return _suspectedSince.Count + (also is { } host && !_suspectedSince.ContainsKey(host) ? 1 : 0);
    }

    /// <summary>A person approves that the VM leaves its host.</summary>
    public void Approve(VmId vm, TimeSpan now) => _approvedUntil[vm] = now + ApprovalTime;

    /// <summary>Whether such an approval holds.</summary>
    public bool IsApproved(VmId vm, TimeSpan now) => _approvedUntil.TryGetValue(vm, out var until) && now < until;

    /// <summary>The approval is used up.</summary>
    public void UseApproval(VmId vm) => _approvedUntil.Remove(vm);

    /// <summary>
    /// Keeps the newest decision; whether it is another step than the last one, so that it is worth an event.
    /// </summary>
    public bool IsNews(VmId vm, SwapVerdict verdict)
    {
        var before = _last.TryGetValue(vm, out var last) ? last.Step : SwapStep.Hold;
        _last[vm] = verdict;
        return before != verdict.Step;
    }

    /// <summary>How the suspicion of the VM went of late; empty for one that was never looked at.</summary>
    public IReadOnlyCollection<SuspicionPoint> HistoryOf(VmId vm) =>
        _histories.TryGetValue(vm, out var history) ? history.Points : [];

    /// <summary>Keeps what a look at the VM found.</summary>
    public void Keep(VmId vm, SuspicionPoint point)
    {
        if (!_histories.TryGetValue(vm, out var history)) _histories[vm] = history = new SuspicionHistory();
        history.Add(point);
    }

    /// <summary>Forgets the VM.</summary>
    public void Forget(VmId vm)
    {
        _approvedUntil.Remove(vm);
        _last.Remove(vm);
        _histories.Remove(vm);
    }

    // A host that is suspected for longer than the window is one that has its own cause.
    private void Prune(TimeSpan now)
    {
        foreach (var (host, since) in _suspectedSince)
        {
            if (now - since > DecisionLimits.StormWindow) _suspectedSince.Remove(host);
        }
    }
}
