using System.Diagnostics;
using System.Net.Sockets;
using Umbra.Core.Basics;

namespace Umbra.Bench.Link;

/// <summary>Both ends of a plain copy: a thread a connection, a system call for each MiB.</summary>
internal static class CopyEnd
{
    private const int BufferBytes = 1 * Sizes.MiB;

    /// <summary>Sends for <paramref name="time"/>, then waits until the other end has read all.</summary>
    public static long Send(IReadOnlyList<Socket> sockets, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        return OnThreads(sockets, socket =>
        {
            byte[] buffer = new byte[BufferBytes];
            long sent = 0;
            while (Stopwatch.GetElapsedTime(start) < time) sent += socket.Send(buffer);
            socket.Shutdown(SocketShutdown.Send);
            socket.Receive(buffer, 0, 1, SocketFlags.None);
            return sent;
        });
    }

    /// <summary>Reads all there is, and says so.</summary>
    public static long Receive(IReadOnlyList<Socket> sockets) => OnThreads(sockets, static socket =>
    {
        byte[] buffer = new byte[BufferBytes];
        long received = 0;
        while (socket.Receive(buffer) is > 0 and int count) received += count;
        socket.Send(buffer, 0, 1, SocketFlags.None);
        return received;
    });

    private static long OnThreads(IReadOnlyList<Socket> sockets, Func<Socket, long> work)
    {
        Task<long>[] threads =
            [.. sockets.Select(socket => Task.Factory.StartNew(() => work(socket), TaskCreationOptions.LongRunning))];
        return Task.WhenAll(threads).GetAwaiter().GetResult().Sum();
    }
}
