using System.Globalization;
using System.Text;

namespace Umbra.Lab;

/// <summary>
/// The BMC of one simulated host: OpenIPMI's <c>ipmi_sim</c>, a real IPMI-over-LAN server on the management network,
/// with a temperature (CPU Temp, Celsius) and a fan (FAN1, hundreds of rpm) whose values are set from outside.
/// </summary>
public sealed class LabBmc
{
    /// <summary>The fan's value when all is well.</summary>
    public const int FanWell = 100;

    /// <summary>The temperature when all is well.</summary>
    public const int TemperatureWell = 45;

    private const int PortBase = 7500, ConsoleBase = 7600;
    private const string Password = "lab-only";

    // Sensor data records (IPMI 2.0, 43.1): thresholds of the temperature 85, 95, 100, of the fan 30, 20, 10.
    private static readonly byte[] s_temperature =
    [
        0x20, 0, 1, 3, 1, 0x7f, 0x48, 1, 1, 0x80, 0x0a, 0x80, 0x7a, 0x38, 0x38, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 255, 0, 100, 95, 85, 0, 0, 0, 1, 1, 0, 0, 0,
    ];

    private static readonly byte[] s_fan =
    [
        0x20, 0, 2, 0x1d, 1, 0x7f, 0x48, 4, 1, 0x15, 0x70, 0x15, 0, 7, 7, 0, 0x12, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 255, 0, 0, 0, 0, 10, 20, 30, 1, 1, 0, 0, 0,
    ];

    private readonly FleetLab _lab;
    private readonly string _directory;
    private readonly int _number;

    private LabBmc(FleetLab lab, string directory, int number) =>
        (_lab, _directory, _number) = (lab, directory, number);

    /// <summary>Options by which the host's agent reads it.</summary>
    public IReadOnlyList<string> AgentOptions =>
    [
        "--bmc", $"ipmi://umbra@{FleetLab.ControllerAddress}:{Number(PortBase)}",
        "--bmc-password-file", Path.Combine(_directory, "password"),
    ];

    /// <summary>Starts it and waits until it takes commands.</summary>
    internal static async Task<LabBmc> StartAsync(FleetLab lab, string directory, int number)
    {
        var bmc = new LabBmc(lab, Directory.CreateDirectory(directory).FullName, number);
        bmc.WriteFiles();
        string log = Path.Combine(lab.LogDirectory, $"bmc-h{number}.log");
        using LabProcess process = LabProcess.Start(lab.Center, log,
        [
            "ipmi_sim", "-c", Path.Combine(directory, "lan.conf"), "-f", Path.Combine(directory, "host.emu"),
            "-s", directory, "-n",
        ]);
        await Wait.UntilAsync($"the BMC of h{number}", async () =>
        {
            if (process.HasExited) throw new CommandException("ipmi_sim (Debian: openipmi) ended: " + process.LogTail());
            return await bmc.TryCommandAsync("debug");
        }, TimeSpan.FromSeconds(20));
        return bmc;
    }

    /// <summary>Sets the fan, hundreds of rpm.</summary>
    public Task SetFanAsync(int value) => SetAsync(2, value);

    /// <summary>Sets the temperature, Celsius.</summary>
    public Task SetTemperatureAsync(int value) => SetAsync(1, value);

    private string Number(int start) => (start + _number).ToString(CultureInfo.InvariantCulture);

    private async Task SetAsync(int sensor, int value)
    {
        string command = string.Create(CultureInfo.InvariantCulture, $"sensor_set_value 0x20 0 {sensor} {value} 1");
        if (!await TryCommandAsync(command)) throw new CommandException($"the BMC of h{_number} does not take {command}");
    }

    /// <summary>Gives a command of <c>ipmi_sim_cmd(5)</c>; false while it does not listen.</summary>
    private async Task<bool> TryCommandAsync(string command)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            int port = ConsoleBase + _number;
            await using Stream stream =
                await _lab.CenterDoor.ConnectAsync(FleetLab.ControllerAddress, port, limit.Token);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"), limit.Token);
            // It shows a prompt, echoes the line, and shows the prompt again when done.
            var seen = new StringBuilder();
            byte[] buffer = new byte[4096];
            while (seen.ToString().Count(static c => c == '>') < 2)
            {
                int count = await stream.ReadAsync(buffer, limit.Token);
                if (count == 0) return false;
                seen.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }

            return true;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return false;
        }
    }

    private void WriteFiles()
    {
        Write("password", Password + "\n");
        Write("host.emu", $"""
            mc_setbmc 0x20
            mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
            sel_enable 0x20 1000 0x0a
            sensor_add 0x20 0 1 1 1
            sensor_set_value 0x20 0 1 {TemperatureWell} 0
            sensor_set_threshold 0x20 0 1 settable 111000 100 95 85 0 0 0
            sensor_set_event_support 0x20 0 1 enable scanning per-state {string.Join(' ', Enumerable.Repeat("000101010000000", 4))}
            main_sdr_add 0x20 {Record(s_temperature, "CPU Temp")}
            sensor_add 0x20 0 2 4 1
            sensor_set_value 0x20 0 2 {FanWell} 0
            sensor_set_threshold 0x20 0 2 settable 000111 0 0 0 10 20 30
            sensor_set_event_support 0x20 0 2 enable scanning per-state {string.Join(' ', Enumerable.Repeat("000000000010101", 4))}
            main_sdr_add 0x20 {Record(s_fan, "FAN1")}
            mc_enable 0x20

            """);
        Write("lan.conf", $"""
            name "bmc"
            set_working_mc 0x20
              startlan 1
                addr {FleetLab.ControllerAddress} {Number(PortBase)}
                priv_limit admin
                allowed_auths_callback none md2 md5 straight
                allowed_auths_user none md2 md5 straight
                allowed_auths_operator none md2 md5 straight
                allowed_auths_admin none md2 md5 straight
                guid a123456789abcdefa123456789abcdef
              endlan
              user 2 true "umbra" "{Password}" user 10 none md2 md5 straight
            console {FleetLab.ControllerAddress} {Number(ConsoleBase)}

            """);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_directory, name), text);

    private static string Record(byte[] head, string name)
    {
        byte[] body = [.. head, (byte)(0xC0 | name.Length), .. Encoding.ASCII.GetBytes(name)];
        byte[] all = [0, 0, 0x51, 1, (byte)body.Length, .. body];
        return string.Join(' ', all.Select(static value => $"0x{value:x2}"));
    }
}
