using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>
/// The sending half of one connection of a pair, as a session sees it. It is a stream: messages arrive in order, and
/// when one is lost, all later ones of that connection are. A new connection is announced by <c>LinkUp</c>; nothing of
/// an old one may be delivered after it.
/// </summary>
public interface IPairLink
{
    /// <summary>
    /// Whether the output buffer is below its limit. Sessions send bulk (batches) only while it is; when it becomes
    /// true again the shell calls <c>Tick</c>. Small messages and what a barrier could not hold back are sent anyway.
    /// </summary>
    bool HasRoom { get; }

    /// <summary>
    /// Serialises <paramref name="message"/> into the output buffer before it returns, and never waits for the network.
    /// On a dead link it does nothing.
    /// </summary>
    void Send(PairMessage message);
}
