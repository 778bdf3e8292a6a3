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

    private readonly Dictionary<HostId, (TimeSpan Since, TimeSpan Last)> _suspected = [];

    // How many hosts belong together by when they were first suspected; of one time, for every VM asks in a storm.
    private readonly Dictionary<TimeSpan, int> _counts = [];
    private TimeSpan? _prunedAt;

    private readonly Dictionary<VmId, (string Action, TimeSpan At)> _begun = [];
    private readonly Dictionary<VmId, (string Action, TimeSpan At)> _moved = [];
    private readonly Dictionary<VmId, TimeSpan> _approvedUntil = [];
    private readonly Dictionary<VmId, SwapVerdict> _last = [];
    private readonly Dictionary<VmId, SuspicionHistory> _histories = [];
    private readonly Dictionary<VmId, (HostId Host, TimeSpan HeardAt, Suspicion Suspicion)> _lastWords = [];

    /// <summary>
    /// Notes that a VM's verdict speaks against the host. It goes on to be suspected while that is noted again at
    /// least once in a storm window.
    /// </summary>
    public void Suspect(HostId host, TimeSpan now)
    {
        Prune(now);
        if (_suspected.TryGetValue(host, out var known)) _suspected[host] = (known.Since, now);
        else
        {
            _suspected[host] = (now, now);
            _counts.Clear();
        }
    }

    /// <summary>
    /// Hosts that came under suspicion within a storm window of <paramref name="host"/>. It counts itself where it was
    /// noted, or <paramref name="isSuspected"/> now. One that has been suspected for long has a cause of its own, but
    /// those that came to it together stay together for as long as it takes.
    /// </summary>
    public int HostsSuspectedWith(HostId host, bool isSuspected, TimeSpan now)
    {
        Prune(now);
        bool noted = _suspected.TryGetValue(host, out var own);
        int itself = isSuspected && !noted ? 1 : 0;
        return itself + CountAround(noted ? own.Since : now);
    }

    private int CountAround(TimeSpan since)
    {
        if (_counts.TryGetValue(since, out int count)) return count;
        foreach (var other in _suspected.Values)
        {
            if ((other.Since - since).Duration() <= DecisionLimits.StormWindow) count++;
        }

        return _counts[since] = count;
    }

    /// <summary>A move by suspicion begins.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="action">The move.</param>
    /// <param name="last">The VM's last move by suspicion that succeeded; null: none. It stays known.</param>
    /// <param name="now">The fleet's time.</param>
    public void Begin(VmId vm, string action, string? last, TimeSpan now)
    {
        if (_begun.TryGetValue(vm, out var begun) && begun.Action == last) _moved[vm] = begun;
        _begun[vm] = (action, now);
    }

    /// <summary>
    /// How long ago the move began, by a clock that nobody sets; null: it is not the VM's last that succeeded, or it
    /// began before this controller.
    /// </summary>
    public TimeSpan? SinceBegun(VmId vm, string action, TimeSpan now)
    {
        if (_begun.TryGetValue(vm, out var begun) && begun.Action == action) return now - begun.At;
        return _moved.TryGetValue(vm, out var moved) && moved.Action == action ? now - moved.At : null;
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

    /// <summary>
    /// Keeps what is held against the primary's host as of when that was last heard; what is found out in its silence
    /// is not what it fell silent under.
    /// </summary>
    public void NoteHeard(VmId vm, HostId primary, TimeSpan heardAt, Suspicion suspicion)
    {
        bool isKnown = _lastWords.TryGetValue(vm, out var last) && last.Host == primary && last.HeardAt >= heardAt;
        if (!isKnown) _lastWords[vm] = (primary, heardAt, suspicion);
    }

    /// <summary>What was held against the primary's host when it was last heard; null: it is not known.</summary>
    public Suspicion? LastWordAgainst(VmId vm, HostId primary) =>
        _lastWords.TryGetValue(vm, out var last) && last.Host == primary ? last.Suspicion : null;

    /// <summary>Forgets the VM.</summary>
    public void Forget(VmId vm)
    {
        _lastWords.Remove(vm);
        _approvedUntil.Remove(vm);
        _begun.Remove(vm);
        _moved.Remove(vm);
        _last.Remove(vm);
        _histories.Remove(vm);
    }

    private void Prune(TimeSpan now)
    {
        if (now == _prunedAt) return;
        _prunedAt = now;
        _counts.Clear();
        foreach (var (host, (_, last)) in _suspected)
        {
            if (now - last > DecisionLimits.StormWindow) _suspected.Remove(host);
        }
    }
}
