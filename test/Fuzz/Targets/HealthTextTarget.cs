using System.Text;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Core.Health.Ipmi;
using Umbra.Core.Health.Kernel;
using Umbra.Fuzz.Harness;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// The texts of BMCs and kernels: ipmitool's outputs, sysfs files, the kernel's log. Whatever the text, a report within
/// the limits or a clear error, and the edges take what comes.
/// </summary>
public sealed class HealthTextTarget : IFuzzTarget
{
    private static readonly string[] Samples =
    [
        "CPU Temp | 97.000 | degrees C | cr | 0.000 | 0.000 | 0.000 | 95.000 | 100.000 | 100.000\nX | 0x0 | discrete "
            + "| 0x0180| na | na | na | na | na | na\n",
        "PS1 | 03h | ok  | 10.1 | 110 Watts, Presence detected\nUnable to send command: Invalid argument\n",
        "Fan 1A Tach | 2610 RPM | ok\nECC Corr Err | Not Readable | ns\n",
        "Sensor ID : System Fan 1 (0x30)\n Sensor Reading : 4704 (+/- 0) RPM\n Status : ok\n",
        " 54 | 08/06/2020 | 15:05:37 | Memory #0x53 | Uncorrectable ECC | Asserted\n 56 |  Pre-Init  |0000000085| "
            + "Fan FAN1 | Lower Critical going low | Deasserted\n",
        "Chassis Power is off\n", "RAKP 2 HMAC is invalid\n", "ipmi://admin@[::1]:623",
        "6,339,5140900,-;ixgbe 0000:03:00.0 enp3s0f0: NIC Link is Down\n SUBSYSTEM=pci\n",
        "4,77,90000000,-;EDAC MC0: 1 UE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0\n",
    ];

    public string Name => "health-text";

    public IReadOnlyList<byte[]> Seeds { get; } = [.. Samples.Select(Encoding.UTF8.GetBytes)];

    public void Run(ReadOnlySpan<byte> input)
    {
        string text = Encoding.UTF8.GetString(input);
        var now = new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);
        Check(IpmiSensors.Parse(text), now);
        Check(SystemEventLog.Parse(text), now);
        Check(EdacFiles.Parse(Files(text)), now);
        Check(SensorFiles.Parse(Files(text), Files(text), Files(text)), now);
        bool isOff = ChassisPower.Parse(text) == PowerState.Off;
        Invariant.Holds(!isOff || text.Trim() == "Chassis Power is off");
        _ = IpmiWords.Explain(text);
        if (IpmiEndpoint.TryParse(text, out string error) is { } endpoint)
            Invariant.Holds(endpoint.Host[0] != '-' && endpoint.User[0] != '-' && endpoint.Port > 0);
        else Invariant.Holds(error.Length > 0);
        if (KernelLogLines.Parse(text, now) is { } record) Invariant.Holds(record.Component.Length > 0);
    }

    /// <summary>The report keeps its limits, and twice the same look brings no event the second time.</summary>
    internal static void Check(HealthReport report, DateTimeOffset now)
    {
        Invariant.Holds(report.Readings.Count <= HealthReportBuilder.ReadingsMax);
        Invariant.Holds(report.Records.Count <= HealthReportBuilder.RecordsMax);
        if (report.Error is { } error)
        {
            Invariant.Holds(error.Length is > 0 and <= HealthText.CharsMax && report.Readings.Count == 0);
            return;
        }

        Invariant.Holds(report.Readings.All(static reading =>
            reading.Value is null || double.IsFinite(reading.Value.Value)));
        Invariant.Holds(report.Readings.All(static reading => reading.Detail.Length <= HealthText.CharsMax));
        Invariant.Holds(report.Records.All(static record => record.Message.Length <= HealthText.CharsMax));
        var edges = new HealthEdges(new HostId("a"), "fuzz");
        Invariant.Holds(edges.Update(report, now).Count <= HealthEdges.EventsMax);
        Invariant.Holds(edges.Update(report, now).Count == 0, "what was told once is told once");
    }

    // The text as the content of files whose names are taken from it too.
    private static SysFiles Files(string text)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["mc0/dimm0/dimm_ce_count"] = text, ["mc0/dimm0/dimm_label"] = text, ["mc1/csrow0/ch0_ce_count"] = text,
            ["hwmon0/temp1_input"] = text, ["hwmon0/temp1_crit"] = "100000", ["hwmon0/name"] = text,
            ["thermal_zone0/temp"] = text, ["cpu0/thermal_throttle/core_throttle_count"] = text,
        };
        foreach (string line in text.Split('\n').Take(8)) files.TryAdd(line, "1");
        return new SysFiles(files);
    }
}
