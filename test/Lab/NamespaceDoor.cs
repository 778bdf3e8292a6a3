using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Umbra.Lab;

/// <summary>
/// Opens TCP connections that begin inside a network namespace, by a <see cref="Relay"/> that runs there.
/// </summary>
public sealed class NamespaceDoor : IDisposable
{
    private readonly Process _relay;
    private readonly string _socketPath;

    private NamespaceDoor(Process relay, string socketPath)
    {
        _relay = relay;
        _socketPath = socketPath;
    }

    /// <summary>Starts the relay inside <paramref name="space"/> and waits until it listens.</summary>
    public static async Task<NamespaceDoor> OpenAsync(NetworkNamespace space, RunFile run)
    {
        string socketPath = Path.Combine(RunFile.Directory, space.Name + ".sock");
        run.Tree(socketPath);
        string relay = Path.Combine(AppContext.BaseDirectory, "Umbra.Lab.dll");
        var start = new ProcessStartInfo("ip", ["netns", "exec", space.Name, "dotnet", relay, "relay", socketPath])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        Process process = Process.Start(start)!;
        string? line = await process.StandardOutput.ReadLineAsync();
        if (line == Relay.ReadyLine) return new NamespaceDoor(process, socketPath);
        throw new CommandException($"the relay in {space.Name} did not start: {line}");
    }

    /// <summary>
    /// A TCP connection from inside the namespace; <see cref="IOException"/> with the reason if there is none.
    /// </summary>
    public async Task<Stream> ConnectAsync(string address, int port, CancellationToken cancel = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socketPath), cancel);
            await socket.SendAsync(Encoding.UTF8.GetBytes($"{address}:{port}\n"), cancel);
            string answer = await Relay.ReadLineAsync(socket).WaitAsync(cancel);
            if (answer != "ok") throw new IOException($"{address}:{port}: {answer}");
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The end of its standard input is the relay's end.
        _relay.StandardInput.Close();
        _relay.WaitForExit();
        _relay.Dispose();
    }
}
