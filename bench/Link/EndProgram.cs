using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Umbra.Agent.Links;
using Umbra.Agent.State;
using Umbra.Core.Basics;

namespace Umbra.Bench.Link;

/// <summary>
/// The program of one end, told by lines on its standard input: <c>accept CASE</c>, <c>send CASE MILLISECONDS PORT</c>.
/// Ends with its input, so that it never outlives the benchmark.
/// </summary>
internal sealed class EndProgram(IPAddress address, HostId peer, PairTransport transport)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs <c>end ADDRESS NAME PEER STATE</c>.</summary>
    public static async Task<int> RunAsync(string[] words)
    {
        HostIdentity identity = HostIdentity.Load(new AgentPaths(words[4], words[4]), new HostId(words[2]))!;
        var end = new EndProgram(IPAddress.Parse(words[1]), new HostId(words[3]), new PairTransport(identity));
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string[] told = line.Split(' ');
            var what = LinkCase.Parse(told[1]);
            EndResult result = told[0] == "accept"
                ? await end.AcceptAsync(what)
                : await end.SendAsync(what, int.Parse(told[2], CultureInfo.InvariantCulture), told[3]);
            Console.WriteLine(result.ToLine());
        }

        return 0;
    }

    private async Task<EndResult> AcceptAsync(LinkCase what)
    {
        using var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (what.Kind == LinkKind.Tls) SocketTuning.MakeRoom(listener);
        listener.Bind(new IPEndPoint(address, 0));
        listener.Listen(what.Connections);
        Console.WriteLine(((IPEndPoint)listener.LocalEndPoint!).Port);
        using var late = new CancellationTokenSource(Patience);
        var sockets = new List<Socket>();
        var streams = new List<Stream>();
        for (int i = 0; i < what.Connections; i++)
        {
            sockets.Add(await listener.AcceptAsync(late.Token));
            if (what.Kind == LinkKind.Tls) streams.Add((await transport.AcceptAsync(sockets[i], late.Token)).Stream);
            if (what.Kind == LinkKind.Plain) streams.Add(new NetworkStream(sockets[i], ownsSocket: true));
        }

        return Measure(what, sockets, streams, CopyEnd.Receive, static pair => pair.Receive());
    }

    private async Task<EndResult> SendAsync(LinkCase what, int milliseconds, string to)
    {
        using var late = new CancellationTokenSource(Patience);
        var time = TimeSpan.FromMilliseconds(milliseconds);
        var sockets = new List<Socket>();
        var streams = new List<Stream>();
        for (int i = 0; i < what.Connections; i++)
        {
            if (what.Kind == LinkKind.Tls)
            {
                PairStream stream = await transport.ConnectAsync(peer, to, late.Token);
                streams.Add(stream);
                sockets.Add(stream.Socket);
                continue;
            }

            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(IPEndPoint.Parse(to));
            sockets.Add(socket);
            if (what.Kind == LinkKind.Plain) streams.Add(new NetworkStream(socket, ownsSocket: true));
        }

        return Measure(what, sockets, streams, sockets => CopyEnd.Send(sockets, time), pair => pair.Send(time));
    }

    private EndResult Measure(
        LinkCase what, List<Socket> sockets, List<Stream> streams, Func<List<Socket>, long> copy,
        Func<PairEnd, long> run)
    {
        string detail = what.Kind == LinkKind.Tls ? ((PairStream)streams[0]).NegotiatedCipherSuite.ToString() : "";
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        long bytes;
        if (what.Kind == LinkKind.Copy)
        {
            bytes = copy(sockets);
        }
        else
        {
            using var pair = new PairEnd(streams, peer);
            bytes = run(pair);
        }

        TimeSpan wall = Stopwatch.GetElapsedTime(start);
        TimeSpan used = Environment.CpuUsage.TotalTime - cpu;
        foreach (Socket socket in sockets) socket.Dispose();
        return new EndResult(bytes, wall, used, detail);
    }
}
