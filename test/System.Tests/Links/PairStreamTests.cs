using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Umbra.Agent.Links;
using Umbra.Controller.Security;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Linux.Native;
using Xunit;

namespace Umbra.System.Tests.Links;

/// <summary>What a pair's connection is to its threads: all that is written arrives, and waits cost nothing.</summary>
public sealed class PairStreamTests : IAsyncDisposable
{
    private static readonly HostId A = new("a");
    private static readonly HostId B = new("b");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-stream-").FullName;
    private readonly TaskCompletionSource<PairStream> _accepted = new();
    private readonly PairTransport _near;
    private readonly PairListener _listener;

    public PairStreamTests()
    {
        using FleetAuthority fleet = FleetAuthority.LoadOrCreate(_directory, TimeProvider.System);
        _near = new PairTransport(PairFixtures.Join(fleet, A, _directory));
        _listener = new PairListener(
            new IPEndPoint(IPAddress.Loopback, 0), new PairTransport(PairFixtures.Join(fleet, B, _directory)),
            new PairCodec(new XxHash3()),
            (stream, _, _) => _accepted.TrySetResult((PairStream)stream), NullLogger.Instance);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task All_that_is_written_arrives_both_ways_at_once()
    {
        (PairStream near, PairStream far) = await ConnectAsync();
        await using (near)
        await using (far)
        {
            Task[] ways = [.. Carry(near, far, seed: 1), .. Carry(far, near, seed: 2)];
            await Task.WhenAll(ways).WaitAsync(Patience, Stop);
        }
    }

    [Fact]
    public async Task A_small_write_leaves_without_anything_after_it()
    {
        (PairStream near, PairStream far) = await ConnectAsync();
        await using (near)
        await using (far)
        {
            for (byte turn = 0; turn < 100; turn++)
            {
                near.Write([turn], 0, 1);
                Assert.Equal(turn, await OnThread(far.ReadByte).WaitAsync(Patience, Stop));
                far.Write([turn]);
                Assert.Equal(turn, await OnThread(near.ReadByte).WaitAsync(Patience, Stop));
            }
        }
    }

    // The runtime would go round by its own thread and spin for each wait.
    [Fact]
    public async Task Both_ends_block_in_the_kernel_once_they_are_connected()
    {
        (PairStream near, PairStream far) = await ConnectAsync();
        await using (near)
        await using (far)
        {
            Assert.False(IsNonBlocking(near.Socket));
            Assert.False(IsNonBlocking(far.Socket));
        }
    }

    [Fact]
    public async Task Both_ends_have_room_for_a_long_link()
    {
        if (!MayAdministerNetwork()) Assert.Skip("more than the kernel's limit needs CAP_NET_ADMIN");
        (PairStream near, PairStream far) = await ConnectAsync();
        await using (near)
        await using (far)
        {
            const int granted = 2 * SocketTuning.BufferBytes;
            Assert.Equal((granted, granted), (near.Socket.SendBufferSize, near.Socket.ReceiveBufferSize));
            Assert.Equal((granted, granted), (far.Socket.SendBufferSize, far.Socket.ReceiveBufferSize));
        }
    }

    [Fact]
    public async Task Closing_ends_a_read_that_waits()
    {
        (PairStream near, PairStream far) = await ConnectAsync();
        await using (near)
        await using (far)
        {
            near.Write([1], 0, 1);
            Assert.Equal(1, far.ReadByte());
            Task<int> waiting = OnThread(far.ReadByte);
            far.Dispose();
            // Whether as an end or as an error does not matter: the thread is free.
            await Task.WhenAny(waiting).WaitAsync(Patience, Stop);
            Assert.True(waiting.IsFaulted || await waiting == -1);
        }
    }

    [Fact]
    public async Task A_handshake_with_someone_silent_ends_when_it_is_stopped()
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen();
        using var stop = new CancellationTokenSource();
        Task<PairStream> connecting = _near.ConnectAsync(B, silent.LocalEndPoint!.ToString()!, stop.Token);
        using Socket accepted = await silent.AcceptAsync(Stop);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(Patience, Stop));
        // And the next one gets through.
        (PairStream near, PairStream far) = await ConnectAsync();
        near.Dispose();
        far.Dispose();
    }

    private async Task<(PairStream Near, PairStream Far)> ConnectAsync()
    {
        PairStream near = await _near.ConnectAsync(B, _listener.Endpoint.ToString(), Stop);
        near.Write(PairFixtures.Hello());
        return (near, await _accepted.Task.WaitAsync(Patience, Stop));
    }

    // Sizes around those of records and of what is gathered.
    private static Task[] Carry(PairStream from, PairStream to, int seed)
    {
        int[] sizes =
        [
            1, 16_383, 16_384, 16_385, RecordStream.BufferBytes - 1, RecordStream.BufferBytes,
            RecordStream.BufferBytes + 1, 3 * Sizes.MiB, 7,
        ];
        byte[] sent = new byte[sizes.Sum()];
        new Random(seed).NextBytes(sent);
        Task<int> writing = OnThread(() =>
        {
            int at = 0;
            foreach (int size in sizes)
            {
                from.Write(sent, at, size);
                at += size;
            }

            return at;
        });
        Task<int> reading = OnThread(() =>
        {
            byte[] received = new byte[sent.Length];
            to.ReadExactly(received);
            Assert.Equal(sent, received);
            return received.Length;
        });
        return [writing, reading];
    }

    private static Task<int> OnThread(Func<int> work) => Task.Factory.StartNew(
        work, Stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    // Root of a container often has not got it.
    private static bool MayAdministerNetwork()
    {
        const int netAdmin = 12; // CAP_NET_ADMIN
        string line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("CapEff:"));
        return (Convert.ToUInt64(line["CapEff:".Length..].Trim(), 16) >> netAdmin & 1) == 1;
    }

    private static bool IsNonBlocking(Socket socket)
    {
        const int nonBlocking = 0x800; // O_NONBLOCK
        string info = File.ReadAllText(string.Create(
            CultureInfo.InvariantCulture, $"/proc/self/fdinfo/{socket.Handle}"));
        string flags = info.Split('\n').Single(line => line.StartsWith("flags:", StringComparison.Ordinal))[6..].Trim();
        return (Convert.ToInt32(flags, fromBase: 8) & nonBlocking) != 0;
    }
}
