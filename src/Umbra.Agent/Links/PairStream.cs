using System.Net.Security;
using System.Net.Sockets;

namespace Umbra.Agent.Links;

/// <summary>A TLS stream over a socket that can still be asked how it goes.</summary>
public sealed class PairStream(Socket socket) : SslStream(new NetworkStream(socket, ownsSocket: true))
{
    /// <summary>The socket; closed with the stream.</summary>
    public Socket Socket => socket;
}
