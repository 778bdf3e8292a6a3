using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Core.Swap;

/// <summary>Phases as one side sees them pass: each begins where the last one ended, or beside it.</summary>
internal sealed class PhaseClock(TimeSpan startedAt)
{
    private readonly List<PhaseTime> _phases = [];
    private TimeSpan _phaseAt = startedAt;

    /// <summary>Those that have passed.</summary>
    public IReadOnlyList<PhaseTime> Phases => _phases;

    /// <summary>When it began.</summary>
    public TimeSpan StartedAt { get; } = startedAt;

    /// <summary>When the last one of them ended.</summary>
    public TimeSpan PassedAt => _phaseAt;

    /// <summary>The phase that was under way has ended.</summary>
    public void Passed(string phase, TimeSpan now)
    {
        TimeSpan end = now > _phaseAt ? now : _phaseAt;
        _phases.Add(new PhaseTime(phase, _phaseAt - StartedAt, end - _phaseAt));
        _phaseAt = end;
    }

    /// <summary>
    /// A phase that took <paramref name="time"/> has ended, begun at whatever moment beside the one before it.
    /// </summary>
    public void PassedBeside(string phase, TimeSpan time, TimeSpan now)
    {
        TimeSpan end = now > _phaseAt ? now : _phaseAt;
        TimeSpan start = end - time > StartedAt ? end - time : StartedAt;
        _phases.Add(new PhaseTime(phase, start - StartedAt, end - start));
        _phaseAt = end;
    }

    /// <summary>The phase took <paramref name="time"/>, and not beyond <paramref name="now"/>.</summary>
    public void Took(string phase, TimeSpan time, TimeSpan now) =>
        Passed(phase, time < now - _phaseAt ? _phaseAt + time : now);

    /// <summary>How long a phase was; zero when it has not passed.</summary>
    public TimeSpan Of(string phase) =>
        _phases.FirstOrDefault(known => known.Name == phase)?.Duration ?? TimeSpan.Zero;

    /// <summary>From the end of one phase to the end of the next one told.</summary>
    public TimeSpan Between(string phase, string next) =>
        _phases.Find(known => known.Name == next)?.End - _phases.Find(known => known.Name == phase)?.End
            ?? TimeSpan.Zero;

    /// <summary>Takes the last phase's end off it again, for others that were part of it: they are told next.</summary>
    /// <returns>The end that the last phase had.</returns>
    public TimeSpan CutLast(TimeSpan parts)
    {
        Invariant.Holds(_phases.Count > 0, "a phase has passed");
        PhaseTime last = _phases[^1];
        TimeSpan kept = parts < last.Duration ? last.Duration - parts : TimeSpan.Zero;
        _phases[^1] = last with { Duration = kept };
        _phaseAt = StartedAt + last.Start + kept;
        return StartedAt + last.End;
    }
}
