using System.Buffers;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>
/// The session's standby, and the ways by which it comes to run the VM: a swap's permit, or a takeover.
/// </summary>
public sealed partial class ShadowSession
{
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private Standby _standby;
    private string _standbyTrouble = "";
    private long _ticket;
    private bool _loadWanted;
    private SwapPermit? _permit;
    private FenceClaim? _claim;
    private Start? _start;
    private PhaseClock? _final;
    private bool _finalCommitted;
    private Query? _query;
    private TimeSpan _askAgainAt;
    private TimeSpan _startAgainAt;

    private enum Standby
    {
        None,

        Preparing,

        Ready,

        Loading,

        Loaded,

        Broken,
    }

    private sealed class Query(string swap)
    {
        public string Swap => swap;

        public bool IsAsked { get; set; }
    }

    // A VM that this host has won and brings up.
    private sealed class Start(PhaseClock clock)
    {
        public PhaseClock Clock => clock;

        public required string Action { get; init; }

        public required Generation Generation { get; init; }

        public required EpochNumber Epoch { get; init; }

        public bool BySwap { get; init; }

        public bool RunAsked { get; set; }
    }

    /// <summary>The answer to <see cref="IShadowEffects.PrepareStandby"/>.</summary>
    public void OnStandbyReady(long ticket, CallOutcome outcome, TimeSpan now)
    {
        if (ticket != _ticket || _standby != Standby.Preparing) return;
        _standby = outcome.Succeeded ? Standby.Ready : Standby.Broken;
        _standbyTrouble = outcome.Detail;
        _startAgainAt = outcome.Succeeded ? now : now + SessionLimits.StandbyRetry;
        if (!outcome.Succeeded) _effects.Report("standby.failed", outcome.Detail);
        if (outcome.Succeeded && _loadWanted && _end is null) LoadCommitted();
        if (!outcome.Succeeded) DeclineIfUnclaimed(outcome.Detail);
        if (_query is { IsAsked: false } query) Rehearse(query);
    }

    /// <summary>The answer to <see cref="IShadowEffects.LoadDeviceState"/>.</summary>
    public void OnLoaded(long ticket, CallOutcome outcome, TimeSpan now)
    {
        if (ticket != _ticket || _standby != Standby.Loading) return;
        _standby = outcome.Succeeded ? Standby.Loaded : Standby.Broken;
        _standbyTrouble = outcome.Detail;
        _startAgainAt = outcome.Succeeded ? now : now + SessionLimits.StandbyRetry;
        if (_finalCommitted) LoadFinal(now);
        if (outcome.Succeeded) _final?.PassedBeside(SwapPhases.Load, outcome.Duration, now);
        if (!outcome.Succeeded)
        {
            _effects.Report("standby.failed", outcome.Detail);
            DeclineIfUnclaimed(outcome.Detail);
        }
        else if (_permit is not null && _claim is null)
        {
            ClaimBySwap(now);
        }

        TickStarting(now);
    }

    /// <summary>
    /// The answer to <see cref="IShadowEffects.ClaimFence"/>; null when it is not known how the claim went.
    /// </summary>
    public void OnClaimAnswered(string request, FenceAnswer? answer, TimeSpan now)
    {
        if (_claim is null || _claim.Request != request || Phase != ShadowPhase.Claiming) return;
        if (answer is null || (!answer.Won && answer.Current.Generation <= _claim.Expected))
        {
            _askAgainAt = now + SessionLimits.ClaimRetry;
            return;
        }

        SwapPermit permit = _permit!;
        _claim = null;
        _permit = null;
        if (answer.Current.Holder == _options.Host)
        {
            PhaseClock clock = _final ?? new PhaseClock(now);
            _final = null;
            clock.Passed(SwapPhases.Fence, now);
            BeginStart(
                new Start(clock)
                {
                    Action = permit.Swap, Generation = answer.Current.Generation, Epoch = permit.Epoch, BySwap = true,
                },
                now);
            return;
        }

        // The primary won it for itself. Its device state is loaded here, and is of no use any more.
        Phase = ShadowPhase.Following;
        PrepareCommittedStandby();
        Finish(permit.Swap, false, $"{answer.Current.Holder} runs the VM under {answer.Current.Generation}", []);
    }

    /// <summary>The answer to <see cref="IShadowEffects.Run"/>.</summary>
    public void OnRunning(long ticket, CallOutcome outcome, TimeSpan now)
    {
        if (ticket != _ticket || _start is null || Phase != ShadowPhase.Starting) return;
        if (!outcome.Succeeded)
        {
            _effects.Report("standby.failed", "it does not run: " + outcome.Detail);
            _standby = Standby.Broken;
            _start.RunAsked = false;
            _startAgainAt = now + SessionLimits.StandbyRetry;
            return;
        }

        Phase = ShadowPhase.Running;
        PhaseClock clock = _start.Clock;
        clock.Passed(SwapPhases.Resume, now);
        if (_start.BySwap)
        {
            _link?.Send(new SwapDone(
                _start.Action, _start.Generation, clock.Of(SwapPhases.Verify), clock.Of(SwapPhases.Commit),
                clock.Of(SwapPhases.Load), clock.Between(SwapPhases.Commit, SwapPhases.Load),
                clock.Of(SwapPhases.Fence), clock.Of(SwapPhases.Resume)));
        }

        Finish(_start.Action, true, $"the VM runs here under {_start.Generation} from {_start.Epoch}", clock.Phases);
    }

    /// <summary>
    /// The fence is won for this host under <paramref name="generation"/>: run the committed epoch. Also for a host
    /// that won a swap's claim and lost its agent before the VM ran.
    /// </summary>
    public void TakeOver(string action, Generation generation, TimeSpan now)
    {
        bool underWay = Phase is ShadowPhase.Starting or ShadowPhase.Running;
        if (underWay && _start is not null && generation == _start.Generation) return;
        if (_store.State == StoreState.DisksOnly && Phase == ShadowPhase.Following)
        {
            GiveUp(action, generation);
            return;
        }

        if (_store.Committed == EpochNumber.None || generation < _store.Promised)
        {
            Finish(action, false, _store.Committed == EpochNumber.None
                ? "this shadow holds no complete epoch" : $"it is promised to {_store.Promised}", []);
            return;
        }

        CallOutcome promised = _store.Promise(generation);
        if (!promised.Succeeded)
        {
            Finish(action, false, "the promise could not be stored: " + promised.Detail, []);
            return;
        }

        if (_link is not null) CloseLink("this host takes the VM over");
        _store.Drop();
        _end = null;
        _permit = null;
        _claim = null;
        _final = null;
        BeginStart(
            new Start(new PhaseClock(now)) { Action = action, Generation = generation, Epoch = _store.Committed }, now);
    }

    /// <summary>
    /// Promises, durably, not to serve the primary any more, if it has not been heard for the lease's time. The
    /// action's result carries the generation that is refused from now on, and how long the primary was silent.
    /// </summary>
    /// <param name="action">The action's id.</param>
    /// <param name="refused">The primary's generation: it and all before it are refused from now on.</param>
    /// <param name="lease">
    /// The longest lease that the primary may be running under; null: it is proven off, and its silence matters not.
    /// </param>
    /// <param name="now">The session's clock.</param>
    public void RequestConsent(string action, Generation refused, TimeSpan? lease, TimeSpan now)
    {
        if (Phase is not (ShadowPhase.Following or ShadowPhase.Permitted))
        {
            Finish(action, false, $"the shadow is {Phase}", []);
            return;
        }

        if (lease is { } length && !_witness.Expired(now, length))
        {
            Finish(action, false, $"the primary was heard {_witness.Silence(now).TotalSeconds:0.0} s ago", []);
            return;
        }

        CallOutcome promised = _store.Promise(refused.Next);
        if (!promised.Succeeded)
        {
            Finish(action, false, "the promise could not be stored: " + promised.Detail, []);
            return;
        }

        ForgetPermit();
        _store.Drop();
        if (_link is not null) CloseLink("the shadow has consented to a takeover");
        TimeSpan silence = _witness.Silence(now);
        string said = $"{refused} is refused; the primary was heard {silence.TotalSeconds:0.0} s ago";
        Finish(action, true, said, [], refused, silence);
    }

    /// <summary>The answer to <see cref="IShadowEffects.Rehearse"/>.</summary>
    /// <param name="swap">As it was asked for.</param>
    /// <param name="standby">Whether the standby answers and the device state is whole.</param>
    /// <param name="claim">How the controller would answer the claim; null: it does not answer.</param>
    /// <param name="now">The session's clock.</param>
    public void OnRehearsed(string swap, CallOutcome standby, FenceAnswer? claim, TimeSpan now)
    {
        if (!standby.Succeeded && _standby == Standby.Ready)
        {
            // It will not load anything either. Another one is started, and the next swap finds that.
            DropStandby(standby.Detail);
            _startAgainAt = now;
            _effects.Report("standby.failed", standby.Detail);
        }

        if (_query?.Swap != swap || _link is null) return;
        _query = null;
        string refusal = claim switch
        {
            null => "the controller does not answer the shadow's agent",
            { Won: false } => $"the controller would refuse it: {claim.Current.Holder} has {claim.Current.Generation}",
            _ => "",
        };
        SendReadiness(swap, standby.Succeeded ? StandbyTrouble() : standby.Detail, refusal);
    }

    // One that is just being started will soon tell whether it can.
    private void OnQuery(SwapQuery query)
    {
        _query = new Query(query.Swap);
        if (_standby != Standby.Preparing) Rehearse(_query);
    }

    private void Rehearse(Query query)
    {
        string trouble = StandbyTrouble();
        if (trouble.Length == 0)
        {
            _bytes.ResetWrittenCount();
            CallOutcome read = _store.ReadDeviceState(_store.Committed, _bytes);
            if (!read.Succeeded) trouble = read.Detail;
        }

        if (trouble.Length > 0)
        {
            _query = null;
            SendReadiness(query.Swap, trouble, "");
            return;
        }

        query.IsAsked = true;
        _effects.Rehearse(query.Swap, ClaimOf(query.Swap, _store.Promised), _bytes.WrittenMemory);
    }

    private string StandbyTrouble()
    {
        if (Phase is not (ShadowPhase.Following or ShadowPhase.Committing)) return $"the shadow is {Phase}";
        if (_store.Committed == EpochNumber.None || _store.State != StoreState.Complete)
            return "the shadow holds no complete epoch";
        return _standby switch
        {
            Standby.Ready => "",
            Standby.Broken => "the standby does not start: " + _standbyTrouble,
            _ => $"the standby is {_standby}",
        };
    }

    private void SendReadiness(string swap, string standby, string claim) =>
        _link!.Send(new SwapReadiness(swap, _store.Committed, standby, claim));

    private FenceClaim ClaimOf(string swap, Generation expected) =>
        new(expected, _options.Host, $"{swap}/{_options.Host}/{_options.Session:x16}");

    private void OnPermit(SwapPermit permit, TimeSpan now)
    {
        // Once something is claimed, or the VM won, to decline would let both sides run.
        if (Phase is ShadowPhase.Claiming or ShadowPhase.Starting or ShadowPhase.Running || permit == _permit) return;
        if (_store.Committed != permit.Epoch || permit.Generation != _store.Promised || Phase != ShadowPhase.Following)
        {
            _link!.Send(new SwapDeclined(permit.Swap, $"the shadow is {Phase} and holds {_store.Committed}"));
            return;
        }

        _permit = permit;
        Phase = ShadowPhase.Permitted;
        if (_standby == Standby.Loaded) ClaimBySwap(now);
        else if (_standby == Standby.Ready) LoadCommitted();
        else if (_standby is Standby.Broken or Standby.None) DeclineIfUnclaimed(_standbyTrouble);
    }

    private void ClaimBySwap(TimeSpan now)
    {
        _claim = ClaimOf(_permit!.Swap, _permit.Generation);
        Phase = ShadowPhase.Claiming;
        AskClaim(now);
    }

    private void AskClaim(TimeSpan now)
    {
        _askAgainAt = now + SessionLimits.ClaimAnswerMax;
        _effects.ClaimFence(_claim!, "swap " + _permit!.Swap);
    }

    // Only before anything was claimed: afterwards the fence alone decides.
    private void DeclineIfUnclaimed(string reason)
    {
        if (_permit is null || _claim is not null) return;
        SwapPermit permit = _permit;
        ForgetPermit();
        _link?.Send(new SwapDeclined(permit.Swap, "the standby is not ready: " + reason));
        PrepareCommittedStandby();
    }

    // Loading touches no disk: it and the epoch's way to the disks go on beside each other. Nothing is acknowledged
    // before the latter is done, nothing claimed before both.
    private void LoadStaged()
    {
        _standby = Standby.Loading;
        _effects.LoadDeviceState(++_ticket, _end!.Epoch, _store.StagedDeviceState);
    }

    private void DropStandby(string reason)
    {
        _ticket++;
        _standby = Standby.Broken;
        _standbyTrouble = reason;
    }

    // In a step of its own: what the commit took is known by then.
    private void LoadFinal(TimeSpan now)
    {
        _finalCommitted = false;
        _final?.Passed(SwapPhases.Commit, now);
        if (_standby is Standby.Ready or Standby.Preparing) LoadCommitted();
    }

    private void ForgetPermit()
    {
        if (_permit is null || _claim is not null) return;
        _permit = null;
        if (Phase == ShadowPhase.Permitted) Phase = ShadowPhase.Following;
    }

    private void BeginStart(Start start, TimeSpan now)
    {
        _start = start;
        Phase = ShadowPhase.Starting;
        _startAgainAt = now;
        if (_standby is Standby.None) PrepareCommittedStandby();
        TickStarting(now);
    }

    // Brings a won VM up, however often that takes: nobody else may run it.
    private TimeSpan TickStarting(TimeSpan now)
    {
        if (Phase == ShadowPhase.Claiming)
        {
            if (now >= _askAgainAt) AskClaim(now);
            return _askAgainAt;
        }

        if (Phase != ShadowPhase.Starting)
        {
            if (_standby != Standby.Broken || _end is not null || _store.State != StoreState.Complete)
                return TimeSpan.MaxValue;
            if (now < _startAgainAt) return _startAgainAt;
            PrepareCommittedStandby();
            return TimeSpan.MaxValue;
        }

        if (now < _startAgainAt) return _startAgainAt;
        switch (_standby)
        {
            case Standby.Broken or Standby.None:
                PrepareCommittedStandby();
                _loadWanted = true;
                break;
            case Standby.Ready:
                LoadCommitted();
                break;
            case Standby.Loaded when !_start!.RunAsked:
                return RunLoaded(now);
        }

        return TimeSpan.MaxValue;
    }

    // The store stops being a shadow before the first instruction changes it.
    private TimeSpan RunLoaded(TimeSpan now)
    {
        CallOutcome retired = _store.Retire(_start!.Generation);
        if (!retired.Succeeded)
        {
            _effects.Report("shadow.failed", "the shadow cannot be marked as run: " + retired.Detail);
            _startAgainAt = now + SessionLimits.StandbyRetry;
            return _startAgainAt;
        }

        // In a swap it was loaded before the claim.
        if (!_start.BySwap) _start.Clock.Passed(SwapPhases.Load, now);
        _start.RunAsked = true;
        _effects.Run(++_ticket, _start.Generation);
        return TimeSpan.MaxValue;
    }

    private void PrepareCommittedStandby()
    {
        _loadWanted = false;
        _bytes.ResetWrittenCount();
        CallOutcome read = _store.ReadConfiguration(_store.Committed, _bytes);
        if (read.Succeeded)
        {
            PrepareStandby(_bytes.WrittenMemory);
            return;
        }

        _standby = Standby.Broken;
        _standbyTrouble = read.Detail;
    }

    private void PrepareStandby(ReadOnlyMemory<byte> configuration)
    {
        _standby = Standby.Preparing;
        _effects.PrepareStandby(++_ticket, configuration);
    }

    private void LoadCommitted()
    {
        _loadWanted = _standby == Standby.Preparing;
        if (_standby != Standby.Ready) return;
        _bytes.ResetWrittenCount();
        CallOutcome read = _store.ReadDeviceState(_store.Committed, _bytes);
        if (!read.Succeeded)
        {
            _standby = Standby.Broken;
            _standbyTrouble = read.Detail;
            DeclineIfUnclaimed(read.Detail);
            return;
        }

        _standby = Standby.Loading;
        _effects.LoadDeviceState(++_ticket, _store.Committed, _bytes.WrittenMemory);
    }

    private void Finish(
        string action, bool succeeded, string detail, IReadOnlyList<PhaseTime> phases, Generation refused = default,
        TimeSpan silence = default) =>
        _effects.ActionFinished(new VmActionResult
        {
            Id = action,
            Succeeded = succeeded,
            Detail = detail,
            Phases = phases,
            Epoch = _store.Committed,
            Generation = refused == default ? _store.Promised : refused,
            Silence = silence,
        });
}
