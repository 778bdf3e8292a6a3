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

    private const string Emulation = """
        mc_setbmc 0x20
        mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
        sel_enable 0x20 1000 0x0a
        sensor_add 0x20 0 1 1 1
        sensor_set_value 0x20 0 1 45 0
        sensor_set_threshold 0x20 0 1 settable 111000 100 95 85 0 0 0
        sensor_set_event_support 0x20 0 1 enable scanning per-state UP UP UP UP
        main_sdr_add 0x20 CPU
        sensor_add 0x20 0 2 4 1
        sensor_set_value 0x20 0 2 100 0
        sensor_set_threshold 0x20 0 2 settable 000111 0 0 0 10 20 30
        sensor_set_event_support 0x20 0 2 enable scanning per-state LOW LOW LOW LOW
        main_sdr_add 0x20 FAN
        sensor_add 0x20 0 3 8 0x6f
        sensor_set_bit 0x20 0 3 0 1 0
        sensor_set_event_support 0x20 0 3 enable scanning per-state DISCRETE DISCRETE DISCRETE DISCRETE
        main_sdr_add 0x20 PSU
        mc_enable 0x20

        """;

    // Sensor data records (IPMI 2.0, 43.1 and 43.2): a full one for a sensor with thresholds, a compact one for states.
    private static readonly Dictionary<string, string> Parts = new()
    {
        ["UP"] = "000101010000000",
        ["LOW"] = "000000000010101",
        ["DISCRETE"] = "000000000001111",
        ["CPU"] = Record(1, [
            0x20, 0, 1, 3, 1, 0x7f, 0x48, 1, 1, 0x80, 0x0a, 0x80, 0x7a, 0x38, 0x38, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 255, 0, 100, 95, 85, 0, 0, 0, 1, 1, 0, 0, 0], "CPU Temp"),
        ["FAN"] = Record(1, [
            0x20, 0, 2, 0x1d, 1, 0x7f, 0x48, 4, 1, 0x15, 0x70, 0x15, 0, 7, 7, 0, 0x12, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 255, 0, 0, 0, 0, 10, 20, 30, 1, 1, 0, 0, 0], "FAN1"),
        ["PSU"] = Record(2, [
            0x20, 0, 3, 0x0a, 1, 0x67, 0x40, 8, 0x6f, 15, 0, 15, 0, 15, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "PS1 Status"),
    };

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
        Write("host.emu", Parts.Aggregate(
            Emulation, static (text, part) =>
                text.Replace(' ' + part.Key, ' ' + part.Value, StringComparison.Ordinal)));
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
        Write("lan.conf", $"""
            name "bmc"
            set_working_mc 0x20
              startlan 1
                addr 127.0.0.1 {Port}
                priv_limit admin
                allowed_auths_callback none md2 md5 straight
                allowed_auths_user none md2 md5 straight
                allowed_auths_operator none md2 md5 straight
                allowed_auths_admin none md2 md5 straight
                guid a123456789abcdefa123456789abcdef
              endlan
              chassis_control "{_directory}/chassis 0x20"
              user 2 true "admin" "{Password}" admin 10 none md2 md5 straight
              user 3 true "reader" "{Password}" user 10 none md2 md5 straight
            console 127.0.0.1 {_console}

            """);
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
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"), limit.Token);
        // It shows a prompt, echoes the line, and shows the prompt again when done.
        var seen = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (seen.ToString().Count(static c => c == '>') < 2)
        {
            int count = await stream.ReadAsync(buffer, limit.Token);
            if (count == 0) throw new IOException($"the console of ipmi_sim has closed after '{seen}'");
            seen.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
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

    private static string Record(byte type, byte[] head, string name)
    {
        byte[] body = [.. head, (byte)(0xC0 | name.Length), .. Encoding.ASCII.GetBytes(name)];
        byte[] all = [0, 0, 0x51, type, (byte)body.Length, .. body];
        return string.Join(' ', all.Select(static value => $"0x{value:x2}"));
    }

    private static int FreePort(SocketType type)
    {
        using var socket = new Socket(
            AddressFamily.InterNetwork, type, type == SocketType.Dgram ? ProtocolType.Udp : ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
