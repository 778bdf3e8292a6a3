using System.Globalization;
using Umbra.Testing.Bmc;

namespace Umbra.Lab;

/// <summary>
/// The BMC of one simulated host: OpenIPMI's <c>ipmi_sim</c>, a real IPMI-over-LAN server on the management network,
/// with a temperature (CPU Temp, Celsius) and a fan (FAN1) whose values are set from outside.
/// </summary>
public sealed class LabBmc
{
    /// <summary>Names of its sensors.</summary>
    public static IReadOnlyList<string> Sensors { get; } = [BmcScript.TemperatureName, BmcScript.FanName];

    /// <summary>Revolutions a minute in one unit of the fan's value, as its data record says.</summary>
    public const int FanRpm = 40;

    /// <summary>The fan's value when all is well.</summary>
    public const int FanWell = 100;

    /// <summary>The temperature when all is well.</summary>
    public const int TemperatureWell = 45;

    private const int PortBase = 7500, ConsoleBase = 7600;
    private const string Password = "lab-only";

    private readonly FleetLab _lab;
    private readonly string _directory;
    private readonly int _number;

    private LabBmc(FleetLab lab, string directory, int number) =>
        (_lab, _directory, _number) = (lab, directory, number);

    /// <summary>Options by which the host's agent reads it.</summary>
    public IReadOnlyList<string> AgentOptions =>
    [
        "--bmc", $"ipmi://reader@{FleetLab.ControllerAddress}:{PortBase + _number}",
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
            if (process.HasExited)
                throw new CommandException("ipmi_sim (Debian: openipmi) ended: " + process.LogTail());
            return await bmc.TryCommandAsync("debug");
        }, TimeSpan.FromSeconds(20));
        return bmc;
    }

    /// <summary>Sets the fan, in <see cref="FanRpm"/>.</summary>
    public Task SetFanAsync(int value) => SetAsync(2, value);

    /// <summary>Sets the temperature, Celsius.</summary>
    public Task SetTemperatureAsync(int value) => SetAsync(1, value);

    private async Task SetAsync(int sensor, int value)
    {
        string command = string.Create(CultureInfo.InvariantCulture, $"sensor_set_value 0x20 0 {sensor} {value} 1");
        if (!await TryCommandAsync(command))
            throw new CommandException($"the BMC of h{_number} does not take {command}");
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
            await BmcScript.CommandAsync(stream, command, limit.Token);
            return true;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return false;
        }
    }

    private void WriteFiles()
    {
        var ports = new BmcPorts(FleetLab.ControllerAddress, PortBase + _number, ConsoleBase + _number);
        Write("password", Password + "\n");
        Write("host.emu", BmcScript.Emulation);
        Write("lan.conf", BmcScript.Configuration(ports, Password, ""));
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_directory, name), text);
}
