using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Umbra.Linux.Files;
using Umbra.Linux.Memory;
using Umbra.Linux.Network;
using Umbra.Linux.Processes;
using Umbra.Linux.ProcFs;
using Umbra.Linux.Tests.Support;

namespace Umbra.Linux.Tests.Sensors;

public sealed class ProbeTests
{
    [Fact]
    public void A_pointer_chase_is_one_ring_through_all_of_its_memory()
    {
        using PointerChase chase = PointerChase.Create(PointerChase.BytesMin, seed: 1).OrThrow();
        chase.Follow(1000);
        Assert.Equal(PointerChase.BytesMin / 64, chase.Length());
    }

    [Fact]
    public void A_thread_runs_where_it_is_put_and_counts_its_own_time()
    {
        OnThread(() =>
        {
            int pid = Environment.ProcessId, id = CurrentThread.Id;
            int cpu = ThreadPlacement.OfThread(pid, id)!.Cpus[^1];
            Assert.Null(CurrentThread.RunOn([cpu]));
            Assert.Equal([cpu], ThreadPlacement.OfThread(pid, id)!.Cpus);
            TimeSpan before = CurrentThread.CpuTime;
            for (int i = 0; i < 1_000_000 && CurrentThread.CpuTime == before; i++) Thread.SpinWait(100);
            Assert.True(CurrentThread.CpuTime > before);
        });
    }

    [Fact]
    public void A_thread_cannot_be_put_on_a_CPU_that_is_not_there()
    {
        SystemError? error = null;
        OnThread(() => error = CurrentThread.RunOn([NumberList.NumberMax - 1]));
        Assert.Equal("EINVAL", error?.Name);
    }

    [Fact]
    public void Memory_is_taken_from_the_node_that_was_asked_for_or_the_kernel_says_why_not()
    {
        if (!Directory.Exists("/sys/devices/system/node")) Assert.Skip("this kernel has no memory nodes");
        SystemError? near = null, far = null;
        OnThread(() =>
        {
            near = CurrentThread.TakeMemoryFrom(0);
            using PointerChase chase = PointerChase.Create(PointerChase.BytesMin, seed: 1).OrThrow();
            far = CurrentThread.TakeMemoryFrom(1000);
        });
        Assert.Null(near);
        Assert.Equal("EINVAL", far?.Name);
    }

    [Fact]
    public void A_direct_probe_writes_flushes_and_reads_its_own_file_and_leaves_nothing()
    {
        using var directory = new TemporaryDirectory("/var/tmp");
        string path = directory.File("canary");
        Outcome<DirectProbe> made = DirectProbe.Create(path);
        if (made.Error is { Name: "EINVAL" }) Assert.Skip("the file system of /var/tmp knows no direct I/O");
        using (DirectProbe probe = made.OrThrow())
        {
            for (int i = 0; i < 20; i++)
            {
                DirectTimes times = probe.Run().OrThrow();
                // One of them may be nothing, where the thread lost its CPU just after it.
                Assert.True(times.Write + times.Flush + times.Read > TimeSpan.Zero, times.ToString());
            }

            Assert.True(File.Exists(path));
            // A process that was killed leaves its file: the next one takes it.
            using DirectProbe again = DirectProbe.Create(path).OrThrow();
            again.Run().OrThrow();
        }

        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_direct_probe_says_why_it_cannot_be()
    {
        Outcome<DirectProbe> made = DirectProbe.Create("/var/tmp/umbra-no-such-directory/canary");
        Assert.Equal("ENOENT", made.Error?.Name);
    }

    [Fact]
    public void A_connection_of_this_machine_has_a_round_trip_and_counts_its_bytes()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        using Socket server = listener.Accept();
        client.Send(new byte[1000]);
        byte[] buffer = new byte[1000];
        for (int got = 0; got < 1000;) got += server.Receive(buffer, got, 1000 - got, SocketFlags.None);
        // The acknowledgement may still be on its way.
        TcpInfo? info = Info(client);
        for (long start = Stopwatch.GetTimestamp();
            info?.BytesAcknowledged < 1000 && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(5);
            info = Info(client)) Thread.Yield();
        Assert.True(info is { RoundTrip.Ticks: > 0, SegmentsSent: > 0, BytesAcknowledged: >= 1000 }, info.ToString());
        Assert.True(Info(server)!.Value.BytesReceived >= 1000);
    }

    private static TcpInfo? Info(Socket socket)
    {
        byte[] option = new byte[TcpInfo.OptionBytes];
        int length = socket.GetRawSocketOption(TcpInfo.OptionLevel, TcpInfo.OptionName, option);
        return TcpInfo.Parse(option.AsSpan(0, length));
    }

    /// <summary>On a thread of its own: what is set of a thread stays.</summary>
    private static void OnThread(Action work)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }
}
