using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Swap;

namespace Umbra.Core.Epochs;

/// <summary>
/// What a shadow session asks of its agent. The asynchronous ones are answered by calls of the session, each exactly
/// once; a session asks for one thing of a kind at a time, and a newer request of the same kind makes the older one's
/// answer void (tickets tell them apart).
/// </summary>
public interface IShadowEffects
{
    /// <summary>The link is of no use: close it.</summary>
    void CloseLink(string reason);

    /// <summary>
    /// End the standby if there is one, and start one for <paramref name="configuration"/> (JSON of VmDefinition) on
    /// the shadow's RAM and disks, waiting for device state. Answer: <c>ShadowSession.OnStandbyReady</c>.
    /// Memory is valid during the call only.
    /// </summary>
    void PrepareStandby(long ticket, ReadOnlyMemory<byte> configuration);

    /// <summary>
    /// Load the device state into the standby, which stays paused. Answer: <c>ShadowSession.OnLoaded</c>.
    /// Memory is valid during the call only.
    /// </summary>
    void LoadDeviceState(long ticket, EpochNumber epoch, ReadOnlyMemory<byte> deviceState);

    /// <summary>
    /// Ask the controller. Answer: <c>ShadowSession.OnClaimAnswered</c>, null for "unknown": the session then
    /// asks the same claim again.
    /// </summary>
    void ClaimFence(FenceClaim claim, string cause);

    /// <summary>
    /// Try everything of a swap that changes nothing: does the standby answer, can <paramref name="deviceState"/> be
    /// read, how would the controller answer the claim? It goes the ways of the swap itself, so that nothing on them
    /// is done for the first time while the guest stands still, and takes what steps of the load do not depend on the
    /// epoch. A standby that fails is not used any more. Answer: <c>ShadowSession.OnRehearsed</c>.
    /// Memory is valid during the call only.
    /// </summary>
    void Rehearse(string swap, FenceClaim claim, ReadOnlyMemory<byte> deviceState);

    /// <summary>
    /// Taps up, and let the vCPUs of the loaded standby run under <paramref name="generation"/>: this host is the
    /// primary from here on. Answer: <c>ShadowSession.OnRunning</c>.
    /// </summary>
    void Run(long ticket, Generation generation);

    /// <summary>A swap, takeover or consent has ended on this side.</summary>
    void ActionFinished(VmActionResult result);

    /// <summary>Something worth telling people: kind as in <see cref="FleetEvent.Kind"/>, and a text.</summary>
    void Report(string kind, string text);
}
