using Umbra.Core.Basics;

namespace Umbra.Core.Sensors;

/// <summary>
/// Turns counters of the kernel or the emulator, which only grow, into what was counted since the last look. A first
/// look, counters of other things than before, and counters that began anew give no answer, with the reason.
/// </summary>
/// <param name="counters">How many counters are looked at together.</param>
/// <param name="modulus">They wrap here, 2^32 for 32-bit ones; 0: they never do.</param>
public sealed class CounterWindow(int counters, ulong modulus = 0)
{
    private readonly ulong[] _last = new ulong[counters];
    private string _source = "";
    private TimeSpan _lastAt;
    private bool _hasLast;

    /// <summary>Takes the counters of this moment.</summary>
    /// <param name="source">What they are counters of; another one than before begins anew.</param>
    /// <param name="now">When they were read; monotonic.</param>
    /// <param name="values">Their values.</param>
    /// <param name="deltas">What was counted since the last look; zeros when there is no answer.</param>
    /// <param name="time">Time since the last look.</param>
    /// <returns>Why there is no answer; null: there is.</returns>
    public string? Take(
        string source, TimeSpan now, ReadOnlySpan<ulong> values, Span<ulong> deltas, out TimeSpan time)
    {
        Invariant.Holds(values.Length == _last.Length && deltas.Length == _last.Length, "as many counters as said");
        string? reason = Compare(source, now, values, deltas);
        time = reason is null ? now - _lastAt : TimeSpan.Zero;
        if (reason is not null) deltas.Clear();
        values.CopyTo(_last);
        (_source, _lastAt, _hasLast) = (source, now, true);
        return reason;
    }

    /// <summary>Forgets the last look: the next one is a first.</summary>
    public void Forget() => _hasLast = false;

    private string? Compare(string source, TimeSpan now, ReadOnlySpan<ulong> values, Span<ulong> deltas)
    {
        if (!_hasLast) return "this is the first look at its counters";
        if (source != _source) return "its counters are those of something else than before";
        if (now <= _lastAt) return "no time has passed since the last look";
        for (int i = 0; i < values.Length; i++)
        {
            if (Delta(_last[i], values[i]) is not { } delta) return "its counters began anew";
            deltas[i] = delta;
        }

        return null;
    }

    private ulong? Delta(ulong before, ulong after)
    {
        if (after >= before) return after - before;
        if (modulus == 0 || before >= modulus || after >= modulus) return null;
        ulong wrapped = modulus - before + after;
        // More than half of the range in a second is no wrap but a counter that was set back.
        return wrapped <= modulus / 2 ? wrapped : null;
    }
}
