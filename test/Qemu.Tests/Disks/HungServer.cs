using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>QEMU's own NBD server as a process of its own, which can be frozen.</summary>
internal sealed class HungServer : IDisposable
{
    private readonly Process _process;

    public HungServer(string directory, long bytes)
    {
        SocketPath = Path.Combine(directory, "foreign");
        string image = Path.Combine(directory, "foreign.raw");
        using (FileStream file = File.Create(image)) file.SetLength(bytes);
        _process = Start(["-f", "raw", "-x", "x", "--persistent", "-k", SocketPath, image]);
    }

    public string SocketPath { get; }

    public bool Listens => File.Exists(SocketPath);

    public void Freeze() => Signal("STOP");

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Signal(string name)
    {
        using Process kill = Process.Start(
            "/bin/kill", [$"-{name}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    private static Process Start(string[] arguments)
    {
        try
        {
            return Process.Start("qemu-nbd", arguments);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("qemu-nbd is not installed (apt-get install qemu-utils)");
            throw;
        }
    }
}
