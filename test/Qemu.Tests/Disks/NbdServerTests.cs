using System.Buffers.Binary;
using System.Text;
using System.Threading.Channels;
using Umbra.Core.Basics;
using Umbra.Qemu.Disks;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>The NBD server against hand-made bytes, right and wrong.</summary>
public sealed class NbdServerTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private readonly TemporaryFolder _folder = new();
    private readonly MemoryExport _export = new(4 * Sizes.MiB);
    private readonly Channel<NbdEnd> _ends = Channel.CreateUnbounded<NbdEnd>();
    private readonly NbdServer _server;
    private readonly string _path;

    public NbdServerTests()
    {
        _path = _folder["s"];
        _server = NbdServer.Start(_path, end => _ends.Writer.TryWrite(end));
        _server.Exports.Set("disk", _export);
    }

    public void Dispose()
    {
        _export.Open.Set();
        _server.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_greeting_offers_fixed_newstyle()
    {
        using var client = new NbdClient(_path);
        Assert.Equal("NBDMAGICIHAVEOPT\0\u0003", Encoding.ASCII.GetString(client.Receive(18)));
    }

    [Fact]
    public async Task Connections_that_are_closed_as_they_come_harm_nobody()
    {
        const int rounds = 300;
        for (int i = 0; i < rounds; i++)
        {
            var client = new NbdClient(_path);
            _server.DisconnectAll();
            client.Dispose();
        }

        for (int i = 0; i < rounds; i++)
        {
            NbdEnd end = await _ends.Reader.ReadAsync(TestContext.Current.CancellationToken)
                .AsTask().WaitAsync(s_patience, TestContext.Current.CancellationToken);
            Assert.Equal(NbdEndKind.Gone, end.Kind);
        }
    }

    [Fact]
    public void Go_describes_the_export_and_enters_it()
    {
        using NbdClient client = NbdClient.Greeted(_path);
        client.Option(7, NbdClient.GoData("disk"));
        (uint type, byte[] info) = client.ReceiveOptionReply(7);
        Assert.Equal(3u, type);
        Assert.Equal(_export.Bytes, BinaryPrimitives.ReadInt64BigEndian(info.AsSpan(2)));
        (_, byte[] blocks) = client.ReceiveOptionReply(7);
        Assert.Equal(NbdLimits.RequestBytesMax, BinaryPrimitives.ReadInt32BigEndian(blocks.AsSpan(10)));
        Assert.Equal(1u, client.ReceiveOptionReply(7).Type);
        client.Request(0, 3, cookie: 9, 0, 0);
        Assert.Equal(0u, client.ReceiveReply(9));
        Assert.Equal(["flush"], _export.Requests);
    }

    [Theory]
    [InlineData("disk", true)]
    [InlineData("lasting", false)]
    public void Flushing_is_offered_where_it_does_something(string name, bool flushes)
    {
        const int sendFlush = 1 << 2, sendFua = 1 << 3;
        _server.Exports.Set("lasting", new MemoryExport(_export.Bytes) { CanFlush = false });
        using NbdClient client = NbdClient.Greeted(_path);
        client.Option(7, NbdClient.GoData(name));
        (_, byte[] info) = client.ReceiveOptionReply(7);
        int flags = BinaryPrimitives.ReadUInt16BigEndian(info.AsSpan(10)) & (sendFlush | sendFua);
        Assert.Equal(flushes ? sendFlush | sendFua : 0, flags);
    }

    [Fact]
    public void Info_describes_the_export_and_goes_on_negotiating()
    {
        using NbdClient client = NbdClient.Greeted(_path);
        client.Option(6, NbdClient.GoData("disk"));
        for (int i = 0; i < 2; i++) Assert.Equal(3u, client.ReceiveOptionReply(6).Type);
        Assert.Equal(1u, client.ReceiveOptionReply(6).Type);
        client.Option(2, []);
        Assert.Equal(1u, client.ReceiveOptionReply(2).Type);
        Assert.Equal(NbdEndKind.Disconnected, NextEnd().Kind);
    }

    [Fact]
    public void List_names_every_export_and_nothing_else()
    {
        _server.Exports.Set("another", _export);
        _server.Exports.Set("gone", _export);
        _server.Exports.Remove("gone");
        using NbdClient client = NbdClient.Greeted(_path);
        client.Option(3, []);
        Assert.Equal("\0\0\0\aanother", Encoding.ASCII.GetString(client.ReceiveOptionReply(3).Data));
        Assert.Equal("\0\0\0\u0004disk", Encoding.ASCII.GetString(client.ReceiveOptionReply(3).Data));
        Assert.Equal(1u, client.ReceiveOptionReply(3).Type);
    }

    [Theory]
    [InlineData(5u)] // STARTTLS
    [InlineData(8u)] // STRUCTURED_REPLY
    [InlineData(10u)] // SET_META_CONTEXT
    [InlineData(0xFFFFFFFFu)]
    public void Options_it_does_not_know_are_declined_and_the_handshake_goes_on(uint option)
    {
        using NbdClient client = NbdClient.Greeted(_path);
        client.Option(option, new byte[100]);
        Assert.Equal(0x80000001u, client.ReceiveOptionReply(option).Type);
        client.Option(7, NbdClient.GoData("disk"));
        Assert.Equal(3u, client.ReceiveOptionReply(7).Type);
    }

    [Fact]
    public void Go_for_an_unknown_export_is_refused_and_another_may_be_asked_for()
    {
        using NbdClient client = NbdClient.Greeted(_path);
        client.Option(7, NbdClient.GoData("nothing"));
        Assert.Equal(0x80000006u, client.ReceiveOptionReply(7).Type);
        client.Option(7, NbdClient.GoData("disk"));
        Assert.Equal(3u, client.ReceiveOptionReply(7).Type);
    }

    [Fact]
    public void Malformed_go_is_refused_with_a_reason()
    {
        byte[][] malformed =
        [
            [], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0, 0],
            NbdClient.GoData("disk", infos: 3), [.. NbdClient.GoData("disk"), 0],
        ];
        using NbdClient client = NbdClient.Greeted(_path);
        foreach (byte[] data in malformed)
        {
            client.Option(7, data);
            Assert.Equal(0x80000003u, client.ReceiveOptionReply(7).Type);
        }

        client.Option(7, NbdClient.GoData(new string('x', NbdLimits.NameBytesMax + 1)));
        Assert.Equal(0x80000009u, client.ReceiveOptionReply(7).Type);
        client.Option(7, [0, 0, 0, 1, 0xFF, 0, 0]);
        Assert.Equal(0x80000006u, client.ReceiveOptionReply(7).Type);
    }

    [Fact]
    public void Export_name_pads_its_answer_for_clients_that_did_not_decline_it()
    {
        using NbdClient client = NbdClient.Greeted(_path, flags: 1);
        client.Option(1, "disk"u8);
        byte[] answer = client.Receive(134);
        Assert.Equal(_export.Bytes, BinaryPrimitives.ReadInt64BigEndian(answer));
        Assert.All(answer[10..], b => Assert.Equal(0, b));
    }

    [Fact]
    public void Hostile_handshakes_end_with_a_violation_and_the_server_goes_on()
    {
        byte[][] hostile =
        [
            NbdClient.U32(0xFFFFFFFF),
            [.. NbdClient.U32(3), .. "IHAVEOPX"u8, .. new byte[8]],
            [.. NbdClient.U32(3), .. "IHAVEOPT"u8, .. NbdClient.U32(7), .. NbdClient.U32(0xFFFFFFFF)],
            [.. NbdClient.U32(3), .. NbdClient.OptionBytes(1, "nothing"u8)],
            [.. NbdClient.U32(3), .. Repeat(NbdClient.OptionBytes(8, []), NbdLimits.OptionsMax)],
        ];
        foreach (byte[] bytes in hostile)
        {
            using var client = new NbdClient(_path);
            client.Receive(18);
            client.Send(bytes);
            Assert.Equal(NbdEndKind.Violation, NextEnd().Kind);
        }

        using NbdClient good = NbdClient.Entered(_path, "disk");
        good.Request(0, 3, 1, 0, 0);
        Assert.Equal(0u, good.ReceiveReply(1));
    }

    [Fact]
    public void A_client_that_vanishes_anywhere_leaves_nothing_behind()
    {
        byte[] whole =
        [
            .. NbdClient.U32(3), .. NbdClient.OptionBytes(7, NbdClient.GoData("disk")),
            .. NbdClient.RequestBytes(0, 1, 1, 0, 100), .. new byte[100],
        ];
        for (int length = 0; length < whole.Length; length += 7)
        {
            using (var client = new NbdClient(_path)) client.Send(whole.AsSpan(0, length));
            Assert.Equal(NbdEndKind.Gone, NextEnd().Kind);
        }

        Assert.Equal(0, _server.ConnectionCount);
    }

    [Fact]
    public void Requests_out_of_range_are_refused_and_the_connection_goes_on()
    {
        using NbdClient client = NbdClient.Entered(_path, "disk");
        ulong end = (ulong)_export.Bytes;
        client.Request(0, 0, 1, end, 1);
        Assert.Equal(22u, client.ReceiveReply(1));
        client.Request(0, 0, 2, ulong.MaxValue, 1);
        Assert.Equal(22u, client.ReceiveReply(2));
        client.Request(0, 0, 3, 0, uint.MaxValue);
        Assert.Equal(22u, client.ReceiveReply(3));
        client.Request(0, 1, 4, end - 1, 2);
        client.Send([1, 2]);
        Assert.Equal(28u, client.ReceiveReply(4));
        client.Request(0, 6, 5, ulong.MaxValue - 10, 20);
        Assert.Equal(28u, client.ReceiveReply(5));
        client.Request(0, 4, 6, 1, uint.MaxValue);
        Assert.Equal(28u, client.ReceiveReply(6));
        Assert.Empty(_export.Requests);
    }

    [Fact]
    public void Unknown_commands_and_flags_are_refused_and_the_connection_goes_on()
    {
        using NbdClient client = NbdClient.Entered(_path, "disk");
        client.Request(0, 7, 1, 0, 100); // BLOCK_STATUS was not negotiated
        Assert.Equal(22u, client.ReceiveReply(1));
        client.Request(0, 999, 2, 0, 0);
        Assert.Equal(22u, client.ReceiveReply(2));
        client.Request(0x8000, 1, 3, 0, 4);
        client.Send([1, 2, 3, 4]);
        Assert.Equal(22u, client.ReceiveReply(3));
        client.Request(1 << 4, 6, 4, 0, 4); // FAST_ZERO was not offered
        Assert.Equal(22u, client.ReceiveReply(4));
        Assert.Empty(_export.Requests);
    }

    [Fact]
    public void A_request_without_its_magic_or_a_write_beyond_the_limit_ends_the_connection()
    {
        using NbdClient client = NbdClient.Entered(_path, "disk");
        client.Send(new byte[28]);
        Assert.True(client.IsClosedByServer());
        Assert.Equal(NbdEndKind.Violation, NextEnd().Kind);
        using NbdClient second = NbdClient.Entered(_path, "disk");
        second.Request(0, 1, 1, 0, NbdLimits.RequestBytesMax + 1);
        Assert.True(second.IsClosedByServer());
        Assert.Equal(NbdEndKind.Violation, NextEnd().Kind);
    }

    [Fact]
    public void Long_writes_reach_the_export_in_pieces_that_tear_no_block()
    {
        using NbdClient client = NbdClient.Entered(_path, "disk");
        byte[] data = new byte[(3 * Sizes.MiB) + 5];
        new Random(1).NextBytes(data);
        client.Request(0, 1, 1, 512, (uint)data.Length);
        client.Send(data);
        Assert.Equal(0u, client.ReceiveReply(1));
        Assert.Equal(data, _export.Content.AsSpan(512, data.Length).ToArray());
        Assert.Equal($"write 512 {Sizes.MiB - 512}", _export.Requests[0]);
        Assert.All(_export.Requests.Skip(1), r => Assert.Equal(0, long.Parse(r.Split(' ')[1]) % Sizes.Block));
        client.Request(0, 0, 2, 512, (uint)data.Length);
        Assert.Equal(0u, client.ReceiveReply(2));
        Assert.Equal(data, client.Receive(data.Length));
    }

    [Fact]
    public void Pipelined_requests_are_answered_in_order()
    {
        using NbdClient client = NbdClient.Entered(_path, "disk");
        var all = new List<byte>();
        for (ulong i = 0; i < 100; i++)
            all.AddRange([.. NbdClient.RequestBytes(0, 1, i, i * 7, 7), .. Repeat([(byte)i], 7)]);
        client.Send([.. all]);
        for (ulong i = 0; i < 100; i++) Assert.Equal(0u, client.ReceiveReply(i));
        Assert.Equal(99, _export.Content[(99 * 7) + 6]);
    }

    [Fact]
    public void Forced_unit_access_flushes_and_zeroing_says_whether_it_may_unmap()
    {
        using NbdClient client = NbdClient.Entered(_path, "disk");
        client.Request(1, 1, 1, 0, 1);
        client.Send([7]);
        client.Request(2, 6, 2, 0, 4096);
        client.Request(0, 6, 3, 4096, 4096);
        client.Request(0, 4, 4, 8192, 4096);
        for (ulong i = 1; i <= 4; i++) Assert.Equal(0u, client.ReceiveReply(i));
        Assert.Equal(["write 0 1", "flush", "zero 0 4096", "zero 4096 4096 unmap", "trim 8192 4096"], _export.Requests);
    }

    [Fact]
    public void A_failure_of_the_export_reaches_the_client_as_an_error()
    {
        _export.Answer = NbdError.Io;
        using NbdClient client = NbdClient.Entered(_path, "disk");
        client.Request(0, 0, 1, 0, 100);
        Assert.Equal(5u, client.ReceiveReply(1));
        client.Request(0, 1, 2, 0, 3);
        client.Send([1, 2, 3]);
        Assert.Equal(5u, client.ReceiveReply(2));
        client.Request(0, 3, 3, 0, 0);
        Assert.Equal(5u, client.ReceiveReply(3));
    }

    [Fact]
    public void Clients_beyond_the_limit_are_closed_and_the_others_served()
    {
        var clients = new List<NbdClient>();
        try
        {
            for (int i = 0; i < NbdLimits.ConnectionsMax; i++) clients.Add(NbdClient.Entered(_path, "disk"));
            using var extra = new NbdClient(_path);
            Assert.True(extra.IsClosedByServer());
            clients[0].Request(0, 3, 1, 0, 0);
            Assert.Equal(0u, clients[0].ReceiveReply(1));
        }
        finally
        {
            foreach (NbdClient client in clients) client.Dispose();
        }
    }

    [Fact]
    public void Disconnecting_all_ends_every_client_and_takes_new_ones()
    {
        using NbdClient client = NbdClient.Entered(_path, "disk");
        client.Request(0, 3, 1, 0, 0);
        client.ReceiveReply(1);
        _server.DisconnectAll();
        Assert.True(client.IsClosedByServer());
        using NbdClient again = NbdClient.Entered(_path, "disk");
        again.Request(0, 3, 1, 0, 0);
        Assert.Equal(0u, again.ReceiveReply(1));
    }

    [Fact]
    public void Disposing_removes_the_socket_and_a_new_server_replaces_one_that_was_left()
    {
        _server.Dispose();
        Assert.False(File.Exists(_path));
        File.WriteAllText(_path, "left by a dead process");
        using NbdServer next = NbdServer.Start(_path);
        next.Exports.Set("disk", _export);
        using NbdClient client = NbdClient.Entered(_path, "disk");
        client.Request(0, 3, 1, 0, 0);
        Assert.Equal(0u, client.ReceiveReply(1));
    }

    [Fact]
    public void Steady_writes_allocate_nothing()
    {
        byte[] requests = [.. Enumerable.Range(0, 200).SelectMany(i =>
            (byte[])[.. NbdClient.RequestBytes(0, 1, (ulong)i, 0, 4096), .. new byte[4096]])];
        byte[] handshake = [.. NbdClient.U32(3), .. NbdClient.OptionBytes(7, NbdClient.GoData("quiet"))];
        var exports = new NbdExports();
        exports.Set("quiet", new QuietExport());
        long Allocated(int rounds)
        {
            using var stream = new ScriptedStream([.. handshake, .. Repeat(requests, rounds)]);
            var conversation = new NbdConversation(exports, stream);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Equal(NbdEndKind.Gone, conversation.Run().Kind);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // Another thread's collection shows as a few KiB here; the smallest object for each of the 3,800 writes more
        // would be 90 KiB.
        const long tolerance = 32 * 1024;
        Allocated(1);
        Assert.InRange(Allocated(20) - Allocated(1), -tolerance, tolerance);
    }

    private static byte[] Repeat(byte[] bytes, int times) => [.. Enumerable.Repeat(bytes, times).SelectMany(b => b)];

    private NbdEnd NextEnd()
    {
        Task<NbdEnd> next = _ends.Reader.ReadAsync().AsTask();
        Assert.True(next.Wait(s_patience), "no connection ended");
        return next.Result;
    }

    private sealed class QuietExport : INbdExport
    {
        public long Bytes => Sizes.MiB;

        public NbdError Read(long offset, Span<byte> into) => NbdError.Io;

        public NbdError Write(long offset, ReadOnlySpan<byte> data) => NbdError.None;

        public NbdError WriteZeroes(long offset, long length, bool mayUnmap) => NbdError.None;

        public NbdError Trim(long offset, long length) => NbdError.None;

        public bool CanFlush => true;

        public NbdError Flush() => NbdError.None;
    }
}
