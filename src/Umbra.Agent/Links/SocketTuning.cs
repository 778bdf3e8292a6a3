using System.Buffers.Binary;
using System.Net.Sockets;
using Umbra.Core.Basics;

namespace Umbra.Agent.Links;

/// <summary>What the sockets of pairs are told: see tcp(7), socket(7).</summary>
internal static class SocketTuning
{
    /// <summary>
    /// Bytes that may be on their way, at most; the kernel grants twice that for its own bookkeeping. Its own limits, 4
    /// MiB to send and 6 to receive, keep one connection with a round trip of 20 ms below 150 MB/s.
    /// </summary>
    public const int BufferBytes = 16 * Sizes.MiB;

    /// <summary>
    /// Bytes that the kernel takes before it can send them. With so much room to send, a heartbeat behind bulk would
    /// otherwise wait for all of it to leave.
    /// </summary>
    public const int NotSentBytes = 512 * Sizes.KiB;

    // Numbers of Linux, x86-64: <asm/socket.h>, <linux/tcp.h>.
    private const int SocketLevel = 1, SendBufferForce = 32, ReceiveBufferForce = 33;
    private const int TcpLevel = 6, NotSentLowWater = 25;

    /// <summary>
    /// Of a connection, or what is to be one: small messages leave at once, and the kernel too notices a dead peer.
    /// </summary>
    public static void Apply(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 2);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
        Set(socket, TcpLevel, NotSentLowWater, NotSentBytes);
    }

    /// <summary>
    /// Gives a socket that is about to connect or to listen room for a long link, where this process may have it
    /// (CAP_NET_ADMIN); without, the kernel's own limits hold. Not for one that is connected: its window is agreed
    /// already, one that was accepted has its listener's room, and the runtime gives a connection up for lost whose
    /// option it could not set.
    /// </summary>
    public static void MakeRoom(Socket socket)
    {
        try
        {
            Set(socket, SocketLevel, SendBufferForce, BufferBytes);
            Set(socket, SocketLevel, ReceiveBufferForce, BufferBytes);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AccessDenied)
        {
            // Slower over a long link, and right all the same.
        }
    }

    private static void Set(Socket socket, int level, int name, int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        socket.SetRawSocketOption(level, name, bytes);
    }
}
