using System.Diagnostics;
using System.Globalization;
using Umbra.Lab;

namespace Umbra.Bench.Link;

/// <summary>
/// Two namespaces with a long link between them. The link is simulated: a program between two tun devices holds each
/// packet back (<c>delay.c</c>), as not every kernel has netem. Real are the kernel's TCP and its windows.
/// </summary>
internal sealed class LongLink : IDisposable
{
    /// <summary>Largest packet, bytes: jumbo frames, so that the program is not what is measured.</summary>
    public const int PacketBytes = 9000;

    private readonly RunFile _run;
    private readonly Process _delay;

    private LongLink(RunFile run, Process delay, NetworkNamespace near, NetworkNamespace far)
    {
        (_run, _delay, Near, Far) = (run, delay, near, far);
    }

    /// <summary>Where the source is, at 10.89.0.1.</summary>
    public NetworkNamespace Near { get; }

    /// <summary>Where the shadow is, at 10.89.0.2.</summary>
    public NetworkNamespace Far { get; }

    /// <summary>Makes it. Needs root and a C compiler.</summary>
    /// <param name="roundTrip">Both ways together.</param>
    /// <param name="megabits">10^6 bits a second, each way.</param>
    public static LongLink Create(TimeSpan roundTrip, int megabits)
    {
        RunFile.RemoveDead(kept: false);
        var run = RunFile.Create();
        var near = NetworkNamespace.Create($"ul{run.Id}n", run);
        var far = NetworkNamespace.Create($"ul{run.Id}f", run);
        string program = Path.Combine(RunFile.Directory, run.Id + ".delay");
        run.Tree(program);
        ShellCommand.Run("gcc", "-O2", "-Wall", "-o", program, Path.Combine(AppContext.BaseDirectory, "delay.c"));
        string microseconds = Text((long)roundTrip.TotalMicroseconds / 2);
        // In a namespace of the lab's, so that it ends with it.
        Process delay = Process.Start(new ProcessStartInfo(
            "ip", ["netns", "exec", near.Name, program, near.Name, far.Name, microseconds, Text(megabits)])
        {
            RedirectStandardOutput = true,
        })!;
        if (delay.StandardOutput.ReadLine() != "ready")
            throw new CommandException("the delaying program did not start");
        Configure(near, "10.89.0.1");
        Configure(far, "10.89.0.2");
        return new LongLink(run, delay, near, far);
    }

    /// <summary>The command that runs another one in a namespace.</summary>
    public static string[] Inside(NetworkNamespace space) => ["ip", "netns", "exec", space.Name];

    public void Dispose()
    {
        _run.RemoveAll();
        _run.Dispose();
        _delay.Dispose();
    }

    private static void Configure(NetworkNamespace space, string address)
    {
        // What kernels have by default, whatever this machine was given.
        space.TryRun("sysctl", "-q", "-w", "net.ipv4.tcp_rmem=4096 131072 6291456");
        space.TryRun("sysctl", "-q", "-w", "net.ipv4.tcp_wmem=4096 16384 4194304");
        space.Ip($"addr add {address}/24 dev long");
        space.Ip($"link set long mtu {PacketBytes} txqueuelen 2000 up");
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
