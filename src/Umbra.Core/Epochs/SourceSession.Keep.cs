using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>A promise to the controller: this copy stays, though another host has won the VM.</summary>
public sealed partial class SourceSession
{
    private Generation _keptFrom;

    /// <summary>
    /// Promises to keep this copy, for the VM has died on <paramref name="owner"/>'s host; the answer comes by
    /// <see cref="ISourceEffects.ActionFinished"/>. After a yes only the controller's word ends the copy: that the VM
    /// runs there, which the winner may have said before it died, is not heeded any more. A no: the copy is given up
    /// already, or was never that owner's to win. The promise is not kept over the session's end, nor need it be: the
    /// winner says that it runs only once, on the link to this session.
    /// </summary>
    /// <param name="id">The action.</param>
    /// <param name="owner">Who has the VM.</param>
    /// <param name="now">The session's clock.</param>
    public void PromiseToKeep(string id, Ownership owner, TimeSpan now)
    {
        OnOwnership(owner, runsThere: false, now);
        bool keeps = !_lost && IsYielded && _yielded == owner.Generation;
        if (keeps) _keptFrom = owner.Generation;
        FinishAction(id, keeps, keeps ? "the copy is kept" : "the copy here is given up, or of another time", []);
    }
}
