using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Simulation;

/// <summary>What an agent tells the controller.</summary>
internal sealed record SimHeartbeat(
    SimHost Host, TimeSpan SentAt, bool Primary, Generation Generation, bool Dead, TimeSpan? Lease,
    EpochNumber Committed, string? ConsentId, TakeoverConsent? Consent);

/// <summary>What the controller answers.</summary>
internal sealed record SimAnswer(TimeSpan SentAt, Ownership Owner, bool Runs, string? WantsConsent);

/// <summary>
/// A controller with a durable register and volatile memory, deciding by Core's rules. Its clock drifts; a crash takes
/// all but the register.
/// </summary>
internal sealed class SimController(SimWorld world, HostId firstHolder, PlantedBug bug)
{
    private readonly Dictionary<HostId, SimHeartbeat> _latest = [];
    private WitnessClock _witness = new(TimeSpan.Zero);
    private Generation? _reportedDead;
    private TimeSpan? _lease;
    private TakeoverConsent? _consent;
    private string? _consentId;
    private int _consents;
    private Generation _runs;

    public SimClock Clock { get; } = new(world.Random);

    public bool Alive { get; private set; } = true;

    public Ownership Owner { get; private set; } = new(new Generation(1), firstHolder, "create");

    public void Crash()
    {
        Alive = false;
        world.Trace("the controller crashes");
    }

    public void Restart()
    {
        if (Alive) return;
        Alive = true;
        _latest.Clear();
        _witness = new WitnessClock(Now);
        _reportedDead = null;
        _runs = default;
        _lease = null;
        _consent = null;
        _consentId = null;
        world.Trace("the controller is back");
    }

    public SimAnswer OnHeartbeat(SimHeartbeat heartbeat)
    {
        _latest[heartbeat.Host.Id] = heartbeat;
        if (heartbeat.Primary && heartbeat.Host.Id == Owner.Holder && heartbeat.Generation == Owner.Generation)
        {
            if (heartbeat.Dead)
            {
                _reportedDead = heartbeat.Generation;
            }
            else
            {
                _witness.Heard(Now);
                if (heartbeat.Host.Runs) _runs = heartbeat.Generation;
                _lease = heartbeat.Lease;
                _consentId = null;
                _consent = null;
            }
        }

        if (heartbeat.Consent is not null && heartbeat.ConsentId == _consentId) _consent = heartbeat.Consent;
        return new SimAnswer(
            heartbeat.SentAt, Owner, _runs == Owner.Generation,
            heartbeat.Host.Id != Owner.Holder && _consent is null ? _consentId : null);
    }

    public FenceAnswer Claim(FenceClaim claim)
    {
        FenceAnswer answer = Fencing.Decide(Owner, claim);
        if (bug == PlantedBug.FenceIgnored && !answer.Won)
            answer = new FenceAnswer(true, new Ownership(Owner.Generation.Next, claim.Claimant, claim.Request));
        if (answer.Current != Owner) Own(answer.Current);
        return answer;
    }

    /// <summary>Looks whether the primary is proven dead, and hands the VM to its shadow if so.</summary>
    public void Decide()
    {
        SimHeartbeat? shadow = _latest.Values.FirstOrDefault(h => h.Host.Id != Owner.Holder);
        if (shadow is null || shadow.Committed == EpochNumber.None) return;
        TakeoverEvidence evidence = new()
        {
            Owner = Owner,
            ShadowEpoch = shadow.Committed,
            ReportedDead = _reportedDead,
            Lease = _lease ?? SimWorld.Lease,
            ControllerSilence = _witness.Silence(Now),
            Consent = _consent,
        };
        TakeoverVerdict verdict = TakeoverRule.Decide(evidence);
        if (verdict.Allowed)
        {
            world.Trace($"takeover by {verdict.Proof}: {verdict.Reasons[0]}");
            world.CheckIsOff(Owner.Holder);
            Own(Fencing.Decide(Owner, new FenceClaim(Owner.Generation, shadow.Host.Id, "takeover")).Current);
        }
        else if (_consentId is null && _witness.Expired(Now, SimWorld.Lease))
        {
            _consentId = "consent-" + _consents++;
        }
    }

    private TimeSpan Now => Clock.At(world.Now);

    private void Own(Ownership owner)
    {
        Owner = owner;
        _reportedDead = null;
        _consent = null;
        _consentId = null;
        _lease = null;
        _witness = new WitnessClock(Now);
        world.Trace($"{owner.Holder} owns the VM under {owner.Generation} ({owner.Request})");
    }
}
