using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Sensors;

namespace Umbra.Agent.Sensors;

/// <summary>
/// Where the two series of a VM's pair meet: at the agent of the shadow, which goes on to know what is going on when
/// the primary's host fails. Thread-safe.
/// </summary>
/// <param name="vm">The VM.</param>
/// <param name="sink">Gets every settled second; null: nobody looks for drift.</param>
public sealed class PairedKpis(VmId vm, IKpiSink? sink)
{
    private readonly Lock _lock = new();
    private readonly KpiPairing _pairing = new();
    private readonly ClockOffset _offset = new();
    private KpiSet? _primary;
    private long _pairs;

    /// <summary>A new connection of the primary's agent, which may be on a host that was started anew.</summary>
    public void Connected()
    {
        lock (_lock) _offset.Forget();
    }

    /// <summary>What the primary's agent sent, come at <paramref name="now"/>.</summary>
    public void OnPrimary(KpiSet set, TimeSpan now)
    {
        lock (_lock) Settle(_pairing.AddPrimary(set, _offset.Map(set.At, now)));
    }

    /// <summary>What this host measured.</summary>
    public void OnShadow(KpiSet set)
    {
        lock (_lock) Settle(_pairing.AddShadow(set, set.At));
    }

    /// <summary>What the controller is to know beside what this host measures.</summary>
    public KpiStatus AddTo(KpiStatus status)
    {
        lock (_lock) return status with { Primary = _primary?.Samples ?? [], Pairs = _pairs };
    }

    private void Settle(IReadOnlyList<KpiPair> settled)
    {
        foreach (KpiPair pair in settled)
        {
            if (pair is { Primary: { } primary, Shadow: not null })
            {
                _primary = primary;
                _pairs++;
            }

            sink?.On(vm, pair);
        }
    }
}
