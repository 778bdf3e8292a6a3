using System.Net.Sockets;

namespace Umbra.Bench.Compare;

/// <summary>Takes a migration's bytes at a unix socket, into nothing.</summary>
internal sealed class ByteSink : IDisposable
{
    private const int BufferBytes = 1 << 18;

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _path;
    private readonly Task _taking;

    public ByteSink(string path)
    {
        _path = path;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _taking = TakeAsync();
    }

    /// <summary>The destination's name for QEMU.</summary>
    public string Uri => "unix:" + _path;

    /// <summary>Bytes of all migrations so far.</summary>
    public long Bytes { get; private set; }

    public void Dispose()
    {
        _listener.Dispose();
        _taking.Wait();
        File.Delete(_path);
    }

    private async Task TakeAsync()
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                using Socket connection = await _listener.AcceptAsync();
                int count;
                while ((count = await connection.ReceiveAsync(buffer)) > 0) Bytes += count;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed: nothing more is to be taken.
        }
    }
}
