using System.Runtime.CompilerServices;

namespace Umbra.Agent.Sensors;

/// <summary>
/// The fixed piece of integer work whose duration is <c>cpu.work</c>: a chain of multiplications and shifts of which
/// each needs the one before, in registers alone, so that it shows the clock of the core and nothing of its memory.
/// </summary>
internal static class IntegerWork
{
    /// <summary>Links of the chain in a piece. Another number is another KPI: baselines are learnt anew.</summary>
    private const int Links = 40_000;

    /// <summary>Does one piece; the result only keeps the compiler from leaving it out.</summary>
    // Optimised from its first call on: a tier in between would look like hardware that gets quicker.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static ulong DoPiece(ulong state)
    {
        for (int i = 0; i < Links; i++)
        {
            state ^= state >> 29;
            state *= 0xBF58476D1CE4E5B9;
        }

        return state;
    }
}
