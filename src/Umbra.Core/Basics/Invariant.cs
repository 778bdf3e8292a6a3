using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Umbra.Core.Basics;

/// <summary>
/// Checks what must be true whatever the outside world does. A violated invariant is a bug of ours, and the process
/// that finds one stops: guests are processes of their own and run on. On in Release.
/// </summary>
public static class Invariant
{
    private static Action<string> _onViolation = static message => Environment.FailFast(message);

    /// <summary>Stops the process unless <paramref name="condition"/> holds.</summary>
    /// <param name="condition">What must be true.</param>
    /// <param name="what">The condition's text; the compiler fills it in, or the caller says it better.</param>
    public static void Holds(
        [DoesNotReturnIf(false)] bool condition,
        [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        if (!condition) Fail(what);
    }

    /// <summary>
    /// Replaces the process stop by <paramref name="handler"/>, which must throw. For test harnesses only.
    /// </summary>
    public static void OnViolation(Action<string> handler) => _onViolation = handler;

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fail(string what)
    {
        _onViolation("invariant violated: " + what);
        Environment.FailFast("invariant violated, and its handler returned: " + what);
    }
}
