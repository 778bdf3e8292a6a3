using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Umbra.Lab.Tests;

/// <summary>The outside client sees gaps, breaks and contradictions.</summary>
public sealed class GuestClientTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_steady_stream_is_sound()
    {
        await using var guest = await FakeGuest.StartAsync();
        await guest.SendAsync(Line(1), Line(2), Line(3));
        await guest.Client.WaitForLinesAsync(3 - guest.Client.Record.Lines, Limit);
        Assert.True(guest.Client.Record.IsSound, guest.Client.Record.Fault);
        Assert.Equal(3, guest.Client.Record.Last!.Seq);
    }

    [Theory]
    [InlineData("{\"seq\":3,\"monotonicNs\":3}", "line 3 came after line 1")]
    [InlineData("{\"seq\":2,\"monotonicNs\":0}", "backwards")]
    [InlineData("{\"seq\":2,\"monotonicNs\":2,\"ramErrors\":1}", "memory")]
    [InlineData("{\"seq\":2,\"monotonicNs\":2,\"diskErrors\":1}", "disks")]
    [InlineData("nonsense", "not a line")]
    public async Task A_contradiction_is_a_fault_for_good(string second, string fault)
    {
        await using var guest = await FakeGuest.StartAsync();
        await guest.SendAsync(Line(1), second, Line(4));
        await guest.Client.WaitForLinesAsync(3 - guest.Client.Record.Lines, Limit);
        Assert.Contains(fault, guest.Client.Record.Fault, StringComparison.Ordinal);
        Assert.False(guest.Client.Record.IsSound);
    }

    [Fact]
    public async Task A_closed_connection_is_broken()
    {
        await using var guest = await FakeGuest.StartAsync();
        await guest.SendAsync(Line(1));
        guest.Close();
        await Wait.UntilAsync("the break", () => Task.FromResult(guest.Client.Record.Broken is not null), Limit);
        Assert.False(guest.Client.Record.IsSound);
    }

    [Fact]
    public async Task Silence_counts_as_a_gap_while_it_lasts()
    {
        await using var guest = await FakeGuest.StartAsync();
        await guest.SendAsync(Line(1));
        await Wait.UntilAsync("the line", () => Task.FromResult(guest.Client.Record.Lines == 1), Limit);
        TimeSpan wanted = TimeSpan.FromMilliseconds(50);
        await Wait.UntilAsync("a gap", () => Task.FromResult(guest.Client.GapSinceMark >= wanted), Limit);
        Assert.True(guest.Client.Record.LongestGap >= wanted);
    }

    private static string Line(int number) => $"{{\"seq\":{number},\"monotonicNs\":{number}}}";

    /// <summary>The other end of a client's connection.</summary>
    private sealed class FakeGuest : IAsyncDisposable
    {
        private readonly Socket _connection;

        private FakeGuest(Socket connection, GuestClient client)
        {
            _connection = connection;
            Client = client;
        }

        public GuestClient Client { get; }

        public static async Task<FakeGuest> StartAsync()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var client = new TcpClient();
            await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
            return new FakeGuest(await listener.AcceptSocketAsync(), new GuestClient(client.GetStream()));
        }

        public async Task SendAsync(params string[] lines) =>
            await _connection.SendAsync(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));

        public void Close() => _connection.Dispose();

        public async ValueTask DisposeAsync()
        {
            await Client.DisposeAsync();
            _connection.Dispose();
        }
    }
}
