using System.Buffers;
using System.Diagnostics;
using System.Net.Sockets;

namespace Umbra.Qemu.DeviceState;

/// <summary>
/// A unix socket that QEMU connects to, to send or to fetch a migration stream. One connection, once.
/// </summary>
internal sealed class MigrationSocket : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path;

    public MigrationSocket(string path)
    {
        _path = path;
        File.Delete(path);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        if (OperatingSystem.IsLinux()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _listener.Listen(1);
    }

    public string Uri => "unix:" + _path;

    /// <summary>
    /// Takes everything QEMU sends until it closes; null when it does not come, is too slow or too much.
    /// </summary>
    public ReadOnlyMemory<byte>? ReceiveAll(int bytesMax, TimeSpan deadline)
    {
        long start = Stopwatch.GetTimestamp();
        using Socket? peer = Accept(deadline);
        if (peer is null) return null;
        var received = new ArrayBufferWriter<byte>(512 * 1024);
        while (received.WrittenCount <= bytesMax)
        {
            TimeSpan left = deadline - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !peer.Poll(left, SelectMode.SelectRead)) return null;
            int count = peer.Receive(received.GetSpan(128 * 1024));
            if (count == 0) return received.WrittenMemory;
            received.Advance(count);
        }

        return null;
    }

    private Socket? Accept(TimeSpan deadline) =>
        _listener.Poll(deadline, SelectMode.SelectRead) ? _listener.Accept() : null;

    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(_path);
    }
}
