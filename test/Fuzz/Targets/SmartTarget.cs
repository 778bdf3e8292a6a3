using System.Text;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Core.Health.Smart;
using Umbra.Fuzz.Harness;

namespace Umbra.Fuzz.Targets;

/// <summary>smartctl's JSON: whatever the bytes, a report or a clear error, and no name that is an option.</summary>
public sealed class SmartTarget : IFuzzTarget
{
    public string Name => "smart";

    public IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. new[]
        {
            """
            {"smartctl":{"exit_status":4},"device":{"protocol":"ATA"},"model_name":"X","smart_status":{"passed":true},
             "temperature":{"current":36},
             "ata_smart_attributes":{"table":[{"id":5,"when_failed":"now","raw":{"value":8}}]}}
            """,
            """
            {"smartctl":{"exit_status":0},"device":{"protocol":"NVMe"},"nvme_smart_health_information_log":
             {"critical_warning":16,"media_errors":18446744073709551616,"percentage_used":101,"available_spare":"99"}}
            """,
            """{"smartctl":{"exit_status":2,"messages":[{"string":"Device is in STANDBY mode"}]}}""",
            """{"smartctl":{},"devices":[{"name":"/dev/sda"},{"name":"/dev/bus/0","type":"megaraid,0"}]}""",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        byte[] bytes = input.ToArray();
        SmartReport? smart = SmartParser.Parse(bytes, out string error);
        Invariant.Holds(smart is null == error.Length > 0);
        if (smart is not null)
        {
            var report = new HealthReportBuilder();
            SmartReadings.Add("sda", smart, report);
            HealthTextTarget.Check(report.Build(), DateTimeOffset.UnixEpoch);
        }

        foreach (SmartDevice device in SmartParser.ParseScan(bytes, out _) ?? [])
            Invariant.Holds(device.Name.StartsWith("/dev/", StringComparison.Ordinal) && device.Type != "");
    }
}
