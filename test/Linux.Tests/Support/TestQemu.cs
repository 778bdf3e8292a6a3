using System.Net.Sockets;
using Umbra.Linux.Memory;
using Umbra.Linux.Processes;
using Umbra.Testing;

namespace Umbra.Linux.Tests.Support;

/// <summary>A real QEMU that runs <see cref="ScribbleGuest"/> on a RAM file in /dev/shm, with a QMP socket.</summary>
internal sealed class TestQemu : IDisposable
{
    private static readonly TimeSpan ReadyTimeMax = TimeSpan.FromSeconds(20);
    private readonly string _directory;
    private readonly Socket _socket;
    private readonly StreamReader _replies;

    private TestQemu(string directory, string ramPath, ProcessHandle process, Socket socket)
    {
        _directory = directory;
        RamPath = ramPath;
        Process = process;
        _socket = socket;
        _replies = new StreamReader(new NetworkStream(socket));
    }

    public string RamPath { get; }

    public ProcessHandle Process { get; }

    public int Pid => Process.Pid;

    /// <summary>Starts it; the test is skipped where QEMU is not installed.</summary>
    public static TestQemu Start(uint pauseLoops = 20_000, bool memfd = false, params string[] extra) =>
        StartUnder([], pauseLoops, memfd, extra);

    /// <summary>The same, started by a launcher, which replaces itself by it.</summary>
    public static TestQemu StartUnder(
        IReadOnlyList<string> launcher, uint pauseLoops = 20_000, bool memfd = false, params string[] extra)
    {
        if (TestedQemu.WhyMissing is { } missing) Assert.Skip(missing);
        string directory = Directory.CreateTempSubdirectory("umbra-linux-test").FullName;
        string ram = memfd ? "memory-backend-memfd" : $"/dev/shm/{Path.GetFileName(directory)}.ram";
        string kernel = Path.Combine(directory, "guest"), log = Path.Combine(directory, "log");
        string qmp = Path.Combine(directory, "qmp");
        File.WriteAllBytes(kernel, ScribbleGuest.Image(pauseLoops));
        string backend = memfd
            ? $"memory-backend-memfd,id=ram0,size={ScribbleGuest.RamBytes},share=on"
            : $"memory-backend-file,id=ram0,size={ScribbleGuest.RamBytes},mem-path={ram},share=on";
        string[] arguments =
        [
            "-machine", "pc-q35-7.2,accel=tcg,memory-backend=ram0", "-object", backend,
            "-m", "64M", "-nodefaults", "-vga", "none", "-display", "none", "-kernel", kernel,
            "-qmp", $"unix:{qmp},server=on,wait=off", .. extra,
        ];
        string[] command = [.. launcher, TestedQemu.Program, .. arguments];
        ProcessHandle process = DetachedProcess.Start(new DetachedStart(command[0], command[1..], log)).OrThrow();
        TestQemu qemu = new(directory, ram, process, Connect(qmp, process, log));
        _ = qemu._replies.ReadLine();
        qemu.Command("qmp_capabilities");
        return qemu;
    }

    /// <summary>Opens its RAM and says where it lies.</summary>
    public (GuestMemory Memory, RamMapping Mapping) OpenRam()
    {
        RamMapping mapping = RamMapping.Find(Pid, RamPath, ScribbleGuest.RamBytes).OrThrow();
        return (GuestMemory.Open(mapping.OpenPath, ScribbleGuest.RamBytes, MemoryAccess.Read).OrThrow(), mapping);
    }

    /// <summary>Sends a QMP command and returns its answer's line; proves that the main loop lives.</summary>
    public string Command(string name)
    {
        _socket.Send(System.Text.Encoding.UTF8.GetBytes($$"""{"execute":"{{name}}"}""" + "\n"));
        while (true)
        {
            string line = _replies.ReadLine() ?? throw new IOException("QEMU closed its monitor");
            if (line.StartsWith("{\"return\"", StringComparison.Ordinal)) return line;
            Assert.DoesNotContain("\"error\"", line);
        }
    }

    /// <summary>Waits until the guest has changed pages that are not those of <paramref name="before"/>.</summary>
    public static void WaitForWrites(GuestMemory memory, byte[] before, int pages)
    {
        DateTime deadline = DateTime.UtcNow + ReadyTimeMax;
        while (RamCopy.Changed(before, RamCopy.Of(memory)).Count < pages)
        {
            Assert.True(DateTime.UtcNow < deadline, "the guest wrote in time");
            Thread.Sleep(5);
        }
    }

    public void Dispose()
    {
        _ = Process.Kill(ProcessHandle.SignalKill);
        bool ended = Process.WaitForExit(ReadyTimeMax).GetAwaiter().GetResult();
        _replies.Dispose();
        _socket.Dispose();
        Process.Dispose();
        Directory.Delete(_directory, recursive: true);
        if (RamPath.StartsWith('/')) File.Delete(RamPath);
        Assert.True(ended, "QEMU ended when killed");
    }

    private static Socket Connect(string path, ProcessHandle process, string log)
    {
        DateTime deadline = DateTime.UtcNow + ReadyTimeMax;
        while (true)
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
                socket.ReceiveTimeout = (int)ReadyTimeMax.TotalMilliseconds;
                return socket;
            }
            catch (SocketException)
            {
                socket.Dispose();
                if (!process.IsAlive || DateTime.UtcNow > deadline)
                    Assert.Fail("QEMU started: " + File.ReadAllText(log));
                Thread.Sleep(5);
            }
        }
    }
}
