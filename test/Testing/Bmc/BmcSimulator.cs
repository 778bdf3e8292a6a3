using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Umbra.Testing.Bmc;

/// <summary>
/// A BMC made of OpenIPMI's <c>ipmi_sim</c>: a real IPMI-over-LAN server with a temperature (CPU Temp), a fan (FAN1)
/// and a power supply (PS1 Status), users <c>admin</c> and <c>reader</c>, and power that a script switches.
/// </summary>
public sealed class BmcSimulator : IAsyncDisposable
{
    public const string Password = "correct-horse";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("umbra-bmc-");
    private readonly int _console;
    private Process? _process;

    /// <summary>A BMC, on.</summary>
    /// <param name="onPowerOff">Shell command that is run when its host is turned off; empty: none.</param>
    public BmcSimulator(string onPowerOff = "")
    {
        (Port, _console) = (FreePort(SocketType.Dgram), FreePort(SocketType.Stream));
        Write("power", "1");
        Write("password", Password + "\n");
        Write("host.emu", BmcScript.Emulation);
        Write("chassis", $"""
            #!/bin/sh
            shift
            case "$1" in
            get) for name in $2; do
                case $name in power) echo "power:$(cat '{_directory}/power')" ;; *) echo "$name:0" ;; esac
            done ;;
            set) if [ "$2" = power ]; then
                [ -e '{_directory}/stuck' ] || {"{"} [ "$3" = 0 ] && {(onPowerOff.Length > 0 ? onPowerOff : ":")}
                    echo "$3" > '{_directory}/power'; {"}"}
            fi ;;
            esac
            exit 0

            """);
        File.SetUnixFileMode(
            Path.Combine(_directory.FullName, "chassis"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string chassis = $"""
            chassis_control "{_directory}/chassis 0x20"
              user 2 true "admin" "{Password}" admin 10 none md2 md5 straight
            """;
        Write("lan.conf", BmcScript.Configuration(new BmcPorts("127.0.0.1", Port, _console), Password, chassis));
    }

    /// <summary>Why there can be none here; null: there can.</summary>
    public static string? WhyNot =>
        new[] { "ipmi_sim", "ipmitool" }.FirstOrDefault(static program =>
            !File.Exists("/usr/bin/" + program)) is { } missing
            ? $"{missing} is not installed (Debian: openipmi, ipmitool)"
            : null;

    public int Port { get; }

    /// <summary>File with the right password.</summary>
    public string PasswordFile => Path.Combine(_directory.FullName, "password");

    /// <summary>Whether its host is on.</summary>
    public bool IsOn => File.ReadAllText(Path.Combine(_directory.FullName, "power")).Trim() == "1";

    /// <summary>From now on it takes orders to turn its host off and does nothing.</summary>
    public void LieAboutPower() => Write("stuck", "");

    /// <summary>A file with another password.</summary>
    public string WrongPasswordFile()
    {
        Write("wrong", "wrong-password\n");
        return Path.Combine(_directory.FullName, "wrong");
    }

    public async Task StartAsync()
    {
        string state = Directory.CreateDirectory(Path.Combine(_directory.FullName, "state")).FullName;
        _process = Process.Start(new ProcessStartInfo("ipmi_sim", [
            "-c", Path.Combine(_directory.FullName, "lan.conf"), "-f", Path.Combine(_directory.FullName, "host.emu"),
            "-s", state, "-n"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        })!;
        await CommandAsync("debug");
    }

    /// <summary>It is gone, as a BMC without power.</summary>
    public async Task StopAsync()
    {
        if (_process is null) return;
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Gives a command of <c>ipmi_sim_cmd(5)</c> and waits until it was carried out.</summary>
    public async Task CommandAsync(string command)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using TcpClient client = await ConnectAsync(limit.Token);
        await BmcScript.CommandAsync(client.GetStream(), command, limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _directory.Delete(recursive: true);
    }

    private async Task<TcpClient> ConnectAsync(CancellationToken limit)
    {
        while (true)
        {
            var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, _console, limit);
                return client;
            }
            catch (SocketException) when (_process is { HasExited: false })
            {
                client.Dispose();
                await Task.Delay(20, limit); // it is starting: a port is no event that one could wait for
            }
        }
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_directory.FullName, name), text);

    private static int FreePort(SocketType type)
    {
        using var socket = new Socket(
            AddressFamily.InterNetwork, type, type == SocketType.Dgram ? ProtocolType.Udp : ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
