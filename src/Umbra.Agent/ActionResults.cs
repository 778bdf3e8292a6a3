using System.Collections.Immutable;
using Umbra.Core.Api;

namespace Umbra.Agent;

/// <summary>
/// The results of the last actions on a VM, repeated in every heartbeat until newer ones push them out.
/// </summary>
internal sealed class ActionResults
{
    /// <summary>Results kept.</summary>
    public const int ResultsMax = 8;

    private ImmutableList<VmActionResult> _all = [];

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<VmActionResult> All => Volatile.Read(ref _all);

    /// <summary>Adds one; thread-safe.</summary>
    public void Add(VmActionResult result) => ImmutableInterlocked.Update(
        ref _all, static (all, r) => (all.Count == ResultsMax ? all.RemoveAt(0) : all).Add(r), result);
}
