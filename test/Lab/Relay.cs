using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Umbra.Lab;

/// <summary>
/// Runs inside a network namespace and makes TCP connections there for a process outside: Unix sockets found by path
/// do not care about network namespaces. A client sends <c>ADDRESS:PORT\n</c>, gets <c>ok\n</c> or an error line, and
/// from then on has the connection. Ends when its standard input ends, so it never outlives its lab.
/// </summary>
public static class Relay
{
    /// <summary>What it prints once it listens.</summary>
    public const string ReadyLine = "relay listens";


    private const int LineBytesMax = 512;
    private const int CopyBytes = 64 * 1024;

    /// <summary>Listens on <paramref name="socketPath"/> until standard input ends; the process's exit code.</summary>
    public static async Task<int> RunAsync(string socketPath)
    {
        File.Delete(socketPath);
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(socketPath));
        listener.Listen();
        Console.WriteLine(ReadyLine);
        _ = AcceptAsync(listener);
        await Console.OpenStandardInput().CopyToAsync(Stream.Null);
        File.Delete(socketPath);
        return 0;
    }

    private static async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket client = await listener.AcceptAsync();
            _ = ServeAsync(client);
        }
    }

    private static async Task ServeAsync(Socket client)
    {
        using (client)
        using (var target = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            target.NoDelay = true;
            try
            {
                await target.ConnectAsync(IPEndPoint.Parse(await ReadLineAsync(client)));
            }
            catch (Exception e) when (e is SocketException or FormatException or IOException)
            {
                await client.SendAsync(Encoding.UTF8.GetBytes(e.Message.ReplaceLineEndings(" ") + "\n"));
                return;
            }

            await client.SendAsync("ok\n"u8.ToArray());
            // When either direction ends, both do: the client must see that the connection is gone.
            await Task.WhenAny(CopyAsync(client, target), CopyAsync(target, client));
        }
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[CopyBytes];
        try
        {
            while (true)
            {
                int count = await from.ReceiveAsync(buffer);
                if (count == 0) return;
                for (int sent = 0; sent < count;) sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end of a connection, whatever form it takes, is all there is to know.
        }
    }

    /// <summary>Reads up to a newline, byte by byte: what follows it belongs to the connection.</summary>
    internal static async Task<string> ReadLineAsync(Socket socket)
    {
        var line = new List<byte>();
        byte[] one = new byte[1];
        while (true)
        {
            if (await socket.ReceiveAsync(one) == 0) throw new IOException("the line ended early");
            if (one[0] == '\n') return Encoding.UTF8.GetString([.. line]);
            line.Add(one[0]);
            if (line.Count > LineBytesMax) throw new IOException("the line is too long");
        }
    }
}
