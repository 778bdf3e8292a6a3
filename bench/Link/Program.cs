using System.Globalization;
using System.Net;

namespace Umbra.Bench.Link;

/// <summary>The link of a pair against a plain copy over a socket, and what TLS and more connections do.</summary>
internal static class Program
{
    /// <summary>First word of the command line of an end's own process.</summary>
    public const string EndWord = "end";

    private const string CasesDefault = "copy-1,plain-1,tls-1,copy-2,plain-2,tls-2,copy-4,plain-4,tls-4";

    private static readonly BenchProgram s_program = new(
        "link",
        """
        Throughput of a pair's link between two processes, frames of 256 KiB through the agents' own connections: bare
        TCP (here only; agents always use TLS) and TLS 1.3 over 1, 2 and 4 connections, each against a plain copy over
        one socket in the same round. CPU time is that of each end's process per 10^9 bytes. With --rtt the link is a
        long one, simulated between two network namespaces; its CPU time then counts on top of the ends'.
        """,
        [
            new BenchOption("--cases", "NAME,...", $"of copy-N, plain-N, tls-N (default {CasesDefault})"),
            new BenchOption("--rounds", "N", "rounds of all cases (default 3)"),
            new BenchOption("--milliseconds", "N", "time of a case in a round (default 2000)"),
            new BenchOption("--rtt", "MS", "round trip of a simulated link (default: loopback as it is)"),
            new BenchOption("--rate", "MBIT", "its rate, 10^6 bits a second (default 2000)"),
        ],
        ["./dev bench link --report link.json", "./dev bench link --rtt 40 --cases copy-1,tls-1,tls-2"]);

    private static Task<int> Main(string[] arguments) => arguments is [EndWord, ..]
        ? EndProgram.RunAsync(arguments)
        : s_program.RunAsync(arguments, MeasureAsync);

    private static async Task MeasureAsync(BenchArguments arguments, BenchReport report)
    {
        LinkCase[] cases = [.. arguments.List("--cases", CasesDefault).Select(LinkCase.Parse)];
        int rounds = arguments.Number("--rounds", arguments.Quick ? 1 : 3);
        int milliseconds = arguments.Number("--milliseconds", arguments.Quick ? 100 : 2000);
        int roundTrip = arguments.Text("--rtt", "").Length > 0 ? arguments.Number("--rtt", 1) : 0;
        using LongLink? link = roundTrip > 0
            ? LongLink.Create(TimeSpan.FromMilliseconds(roundTrip), arguments.Number("--rate", 2000))
            : null;
        using var fleet = new LinkFleet();
        (string near, string far) = link is null ? ("127.0.0.1", "127.0.0.1") : ("10.89.0.1", "10.89.0.2");
        string[] inNear = link is null ? [] : LongLink.Inside(link.Near);
        string[] inFar = link is null ? [] : LongLink.Inside(link.Far);
        using var source = new LinkEnd(inNear, near, "a", "b", fleet.StateOf("a"));
        using var sink = new LinkEnd(inFar, far, "b", "a", fleet.StateOf("b"));
        var runs = cases.ToDictionary(one => one, _ => new CaseRuns());
        for (int round = -1; round < rounds; round++)
        {
            // The first round only warms up; each has a copy of its own to be compared with.
            LinkRun copy = await RunAsync(source, sink, far, new LinkCase(LinkKind.Copy, 1), milliseconds);
            foreach (LinkCase one in cases)
            {
                LinkRun run = await RunAsync(source, sink, far, one, milliseconds);
                if (round >= 0) runs[one].Add(run, copy);
            }
        }

        foreach (LinkCase one in cases) report.Add(one.Name, runs[one].Figures(), runs[one].Note);
    }

    private static async Task<LinkRun> RunAsync(
        LinkEnd source, LinkEnd sink, string address, LinkCase what, int milliseconds)
    {
        await sink.TellAsync($"accept {what.Name}");
        int port = int.Parse(await sink.HearAsync(), CultureInfo.InvariantCulture);
        var to = new IPEndPoint(IPAddress.Parse(address), port);
        await source.TellAsync(string.Create(CultureInfo.InvariantCulture, $"send {what.Name} {milliseconds} {to}"));
        var sent = EndResult.Parse(await source.HearAsync());
        var received = EndResult.Parse(await sink.HearAsync());
        if (sent.Bytes != received.Bytes)
            throw new InvalidDataException($"{what.Name}: {sent.Bytes} bytes sent, {received.Bytes} received");
        return new LinkRun(sent, received);
    }
}
