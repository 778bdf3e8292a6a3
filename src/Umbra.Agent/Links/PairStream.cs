using System.Net.Security;
using System.Net.Sockets;

namespace Umbra.Agent.Links;

/// <summary>A TLS stream over a socket that can still be asked how it goes.</summary>
public sealed class PairStream(Socket socket) : SslStream(new RecordStream(socket))
{
    /// <summary>The socket; closed with the stream.</summary>
    public Socket Socket => socket;

    /// <summary>Sends all of it before it returns, many records at a time.</summary>
    public override void Write(byte[] buffer, int offset, int count)
    {
        base.Write(buffer, offset, count);
        InnerStream.Flush();
    }
}
