using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>What becomes of a VM that this host won and then lost its memory.</summary>
public sealed partial class ShadowSession
{
    /// <summary>
    /// Generation under which this host won the VM, and gave it up again for good, durably: its memory was lost before
    /// the VM ran here, so that no copy of it ever ran under this generation. Null: none.
    /// </summary>
    public Generation? GivenUp { get; private set; }

    // The disks of a shadow are marked, durably, before the first instruction of a VM that runs on them; these are not:
    // so it never ran. After the promise it never will under this generation, whoever says so.
    private void GiveUp(string action, Generation generation)
    {
        if (generation < _store.Promised && generation.Next != _store.Promised)
        {
            Finish(action, false, $"it is promised to {_store.Promised}", []);
            return;
        }

        CallOutcome promised = _store.Promise(generation.Next);
        if (!promised.Succeeded)
        {
            Finish(action, false, "the promise could not be stored: " + promised.Detail, []);
            return;
        }

        if (_link is not null) CloseLink("this host has won the VM, and given it up");
        string said = $"this host lost its memory before the VM ran here under {generation}, and gives it up";
        // The controller repeats its word as long as nobody holds an old copy that could go on.
        if (GivenUp != generation) _effects.Report("shadow.gave-up", said);
        GivenUp = generation;
        Finish(action, false, said, []);
    }
}
