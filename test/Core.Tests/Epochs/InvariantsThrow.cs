using System.Runtime.CompilerServices;
using Umbra.Core.Basics;

namespace Umbra.Core.Tests.Epochs;

/// <summary>In this assembly a violated invariant fails a test instead of ending the process.</summary>
internal static class InvariantsThrow
{
    [ModuleInitializer]
    internal static void Install() => Invariant.OnViolation(message => throw new InvalidOperationException(message));
}
