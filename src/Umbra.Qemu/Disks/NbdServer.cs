using System.Net.Sockets;
using Umbra.Core.Basics;

namespace Umbra.Qemu.Disks;

/// <summary>
/// An NBD server (fixed newstyle, simple replies) on a unix socket. QEMU mirrors a protected VM's disks into it. One
/// blocking thread a connection: a guest's write waits for each answer, and a thread that sits in <c>recv</c> answers
/// soonest.
/// </summary>
public sealed class NbdServer : IDisposable
{
    private readonly Socket _listener;
    private readonly Action<NbdEnd>? _onEnd;
    private readonly Lock _gate = new();
    private readonly HashSet<Socket> _clients = [];
    private bool _isDisposed;

    private NbdServer(string path, Socket listener, Action<NbdEnd>? onEnd)
    {
        Path = path;
        _listener = listener;
        _onEnd = onEnd;
    }

    /// <summary>Path of the socket.</summary>
    public string Path { get; }

    /// <summary>What it serves; may change at any time.</summary>
    public NbdExports Exports { get; } = new();

    /// <summary>Clients connected now.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_gate) return _clients.Count;
        }
    }

    /// <summary>
    /// Starts to serve on <paramref name="path"/>. A socket file that an earlier process left there is replaced; who
    /// may connect is decided by the permissions of its directory.
    /// </summary>
    /// <param name="path">Path of the socket; at most 107 bytes.</param>
    /// <param name="onEnd">Told of every connection's end, on that connection's thread.</param>
    /// <exception cref="SocketException">The socket cannot be made there.</exception>
    public static NbdServer Start(string path, Action<NbdEnd>? onEnd = null)
    {
        File.Delete(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(NbdLimits.ConnectionsMax);
        }
        catch
        {
            listener.Dispose();
            throw;
        }

        var server = new NbdServer(path, listener, onEnd);
        new Thread(server.AcceptLoop) { IsBackground = true, Name = "nbd accept" }.Start();
        return server;
    }

    /// <summary>Closes every client's connection; QEMU sees a dead server. New ones are accepted.</summary>
    public void DisconnectAll()
    {
        lock (_gate)
        {
            foreach (Socket client in _clients) Shutdown(client);
        }
    }

    /// <summary>Stops to listen, closes all connections and removes the socket file.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed) return;
            _isDisposed = true;
        }

        _listener.Dispose();
        DisconnectAll();
        File.Delete(Path);
    }

    private void AcceptLoop()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = _listener.Accept();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                lock (_gate)
                {
                    if (_isDisposed) return;
                }

                // Out of descriptors, or a client gone before we took it: later ones may have more luck.
                Thread.Sleep(TimeSpan.FromMilliseconds(10));
                continue;
            }

            // Before it can be shut down from elsewhere: no stream is to be had of a socket that was.
            var stream = new NetworkStream(client, ownsSocket: true);
            if (TryAdmit(client))
                new Thread(() => Serve(client, stream)) { IsBackground = true, Name = "nbd client" }.Start();
            else
                stream.Dispose();
        }
    }

    private bool TryAdmit(Socket client)
    {
        lock (_gate) return !_isDisposed && _clients.Count < NbdLimits.ConnectionsMax && _clients.Add(client);
    }

    private void Serve(Socket client, NetworkStream owned)
    {
        using NetworkStream stream = owned;
        int patienceMilliseconds = (int)NbdLimits.PeerPatience.TotalMilliseconds;
        client.ReceiveTimeout = patienceMilliseconds;
        client.SendTimeout = patienceMilliseconds;
        var conversation = new NbdConversation(Exports, stream);
        conversation.Entered += () => client.ReceiveTimeout = Timeout.Infinite;
        NbdEnd end = conversation.Run();
        lock (_gate) Invariant.Holds(_clients.Remove(client), "a client that ends was served");
        _onEnd?.Invoke(end);
    }

    private static void Shutdown(Socket client)
    {
        try
        {
            client.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Its peer was quicker.
        }
    }
}
