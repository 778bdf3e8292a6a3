using System.Text;

namespace Umbra.Testing.Bmc;

/// <summary>Where an <c>ipmi_sim</c> listens.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Lan">UDP port of IPMI.</param>
/// <param name="Console">TCP port that takes commands.</param>
public sealed record BmcPorts(string Address, int Lan, int Console);

/// <summary>
/// What OpenIPMI's <c>ipmi_sim</c> is told: a temperature (CPU Temp, sensor 1, 45 C), a fan (FAN1, sensor 2, 40 rpm),
/// a power supply (PS1 Status, sensor 3), and a user <c>reader</c>.
/// </summary>
public static class BmcScript
{
    /// <summary>Name of the temperature.</summary>
    public const string TemperatureName = "CPU Temp";

    /// <summary>Name of the fan.</summary>
    public const string FanName = "FAN1";

    private const string Script = """
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
            0, 0, 255, 0, 100, 95, 85, 0, 0, 0, 1, 1, 0, 0, 0], TemperatureName),
        ["FAN"] = Record(1, [
            0x20, 0, 2, 0x1d, 1, 0x7f, 0x48, 4, 1, 0x15, 0x70, 0x15, 0, 7, 7, 0, 0x12, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 255, 0, 0, 0, 0, 10, 20, 30, 1, 1, 0, 0, 0], FanName),
        ["PSU"] = Record(2, [
            0x20, 0, 3, 0x0a, 1, 0x67, 0x40, 8, 0x6f, 15, 0, 15, 0, 15, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "PS1 Status"),
    };

    /// <summary>The emulation file.</summary>
    public static string Emulation => Parts.Aggregate(
        Script, static (text, part) => text.Replace(' ' + part.Key, ' ' + part.Value, StringComparison.Ordinal));

    /// <summary>The configuration file.</summary>
    /// <param name="ports">Where it listens.</param>
    /// <param name="password">Of all users.</param>
    /// <param name="further">Further lines.</param>
    public static string Configuration(BmcPorts ports, string password, string further) => $"""
        name "bmc"
        set_working_mc 0x20
          startlan 1
            addr {ports.Address} {ports.Lan}
            priv_limit admin
            allowed_auths_callback none md2 md5 straight
            allowed_auths_user none md2 md5 straight
            allowed_auths_operator none md2 md5 straight
            allowed_auths_admin none md2 md5 straight
            guid a123456789abcdefa123456789abcdef
          endlan
          {further}
          user 3 true "reader" "{password}" user 10 none md2 md5 straight
        console {ports.Address} {ports.Console}

        """;

    /// <summary>Gives a command of <c>ipmi_sim_cmd(5)</c> on its console and waits until it was carried out.</summary>
    public static async Task CommandAsync(Stream stream, string command, CancellationToken limit)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"), limit);
        // It shows a prompt, echoes the line, and shows the prompt again when done.
        var seen = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (seen.ToString().Count(static c => c == '>') < 2)
        {
            int count = await stream.ReadAsync(buffer, limit);
            if (count == 0) throw new IOException($"the console of ipmi_sim has closed after '{seen}'");
            seen.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
    }

    private static string Record(byte type, byte[] head, string name)
    {
        byte[] body = [.. head, (byte)(0xC0 | name.Length), .. Encoding.ASCII.GetBytes(name)];
        byte[] all = [0, 0, 0x51, type, (byte)body.Length, .. body];
        return string.Join(' ', all.Select(static value => $"0x{value:x2}"));
    }
}
