using Umbra.Core.Health;
using Umbra.Core.Health.Kernel;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class KernelTests
{
    private static readonly DateTimeOffset Boot = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_sample_machines_memory_errors_are_read_by_module()
    {
        HealthReport report = EdacFiles.Parse(
            Samples.Sys(Samples.Zip("linux/node_exporter-sys.zip"), "sys/devices/system/edac/mc/"));
        Assert.Null(report.Error);
        Assert.All(report.Readings, static reading => Assert.Equal(ComponentKind.Memory, reading.Kind));
        Assert.Contains(report.Readings, static r => r is { Quantity: "corrected errors", Value: > 0 });
        Assert.Contains(report.Readings, static r =>
            r is { Quantity: "uncorrected errors", Rise: HealthSeverity.Critical });
    }

    [Fact]
    public void Modules_count_once_where_rows_show_them_too()
    {
        HealthReport report = EdacFiles.Parse(Files(
            ("mc0/dimm0/dimm_label", "CPU_SrcID#0_MC#0_Chan#0_DIMM#0\n"), ("mc0/dimm0/dimm_ce_count", "3\n"),
            ("mc0/dimm0/dimm_ue_count", "1\n"), ("mc0/csrow0/ch0_ce_count", "3\n"), ("mc0/ce_noinfo_count", "0")));
        Assert.Equal(
            [
                ("mc0", 0.0), ("CPU_SrcID#0_MC#0_Chan#0_DIMM#0 (mc0 dimm0)", 3),
                ("CPU_SrcID#0_MC#0_Chan#0_DIMM#0 (mc0 dimm0)", 1)],
            report.Readings.Select(static r => (r.Component, r.Value!.Value)));
        Assert.Equal(HealthLevel.Critical, report.Readings[2].Level);
    }

    [Fact]
    public void The_sample_machines_sensors_are_read()
    {
        var zip = Samples.Zip("linux/node_exporter-sys.zip");
        HealthReport report = SensorFiles.Parse(
            Samples.Sys(zip, "sys/class/hwmon/"), Samples.Sys(zip, "sys/devices/virtual/thermal/"),
            Samples.Sys(zip, "sys/devices/system/cpu/"));
        Assert.Null(report.Error);
        Assert.Contains(report.Readings, static r => r is { Quantity: "temperature", Unit: "C", Value: > 1 and < 150 });
        Assert.Contains(report.Readings, static r => r.Component.StartsWith("zone ", StringComparison.Ordinal));
        Assert.Contains(report.Readings, static r => r is { Quantity: "core throttled", Rise: HealthSeverity.Warning });
    }

    [Fact]
    public void A_processor_beyond_its_limits_is_told()
    {
        HealthReport Read(string raw) => SensorFiles.Parse(Files(
            ("hwmon0/name", "coretemp\n"), ("hwmon0/temp1_input", raw), ("hwmon0/temp1_label", "Package id 0"),
            ("hwmon0/temp1_max", "80000"), ("hwmon0/temp1_crit", "100000"), ("hwmon0/fan1_input", "500"),
            ("hwmon0/fan1_min", "600")), Files(), Files());
        Assert.Equal(HealthLevel.Ok, Level(Read("45000")));
        Assert.Equal(HealthLevel.Warning, Level(Read("85000")));
        Assert.Equal(HealthLevel.Critical, Level(Read("100000")));
        Assert.Equal(HealthLevel.Unknown, Level(Read("garbage")));
        Assert.Contains(Read("1").Readings, static r => r is { Kind: ComponentKind.Fan, Level: HealthLevel.Warning });

        static HealthLevel Level(HealthReport report) =>
            report.Readings.FirstOrDefault(static r => r.Kind == ComponentKind.Processor)?.Level ?? HealthLevel.Unknown;
    }

    [Fact]
    public void A_machine_without_sensors_says_so()
    {
        Assert.Contains("no EDAC driver", EdacFiles.Parse(Files()).Error!, StringComparison.Ordinal);
        Assert.Contains("no hardware sensors", SensorFiles.Parse(Files(), Files(), Files()).Error!,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "mce: [Hardware Error]: Machine check events logged",
        "processor", ComponentKind.Processor, HealthSeverity.Warning)]
    [InlineData(
        "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0 (channel:1 slot:0)",
        "MC0", ComponentKind.Memory, HealthSeverity.Warning)]
    [InlineData(
        "EDAC MC1: 1 UE memory scrubbing error on DIMM_B2",
        "MC1", ComponentKind.Memory, HealthSeverity.Critical)]
    [InlineData(
        "Memory failure: 0x12345: recovery action for dirty LRU page: Recovered",
        "memory", ComponentKind.Memory, HealthSeverity.Critical)]
    [InlineData(
        "I/O error, dev sda, sector 12345 op 0x0:(READ) flags 0x0",
        "sda", ComponentKind.Drive, HealthSeverity.Critical)]
    [InlineData(
        "blk_update_request: critical medium error, dev sdb, sector 8",
        "sdb", ComponentKind.Drive, HealthSeverity.Critical)]
    [InlineData("ata3.00: failed command: READ FPDMA QUEUED", "ata3.00", ComponentKind.Drive, HealthSeverity.Warning)]
    [InlineData("nvme nvme0: I/O 12 QID 3 timeout, aborting", "nvme0", ComponentKind.Drive, HealthSeverity.Warning)]
    [InlineData(
        "igb 0000:01:00.0 eno1: igb: eno1 NIC Link is Down",
        "eno1", ComponentKind.Network, HealthSeverity.Warning)]
    [InlineData(
        "ixgbe 0000:03:00.0 enp3s0f0: NIC Link is Up 10 Gbps",
        "enp3s0f0", ComponentKind.Network, HealthSeverity.Info)]
    [InlineData(
        "CPU3: Core temperature above threshold, cpu clock throttled (total events = 7)",
        "CPU3", ComponentKind.Processor, HealthSeverity.Warning)]
    [InlineData(
        "pcieport 0000:00:01.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0",
        "pci", ComponentKind.Host, HealthSeverity.Critical)]
    public void The_kernels_words_become_records(
        string line, string component, ComponentKind kind, HealthSeverity severity)
    {
        HealthRecord? record = KernelLogLines.Parse($"4,77,90000000,-;{line}\n SUBSYSTEM=x\n", Boot);
        Assert.NotNull(record);
        Assert.Equal((component, kind, severity), (record.Component, record.Kind, record.Severity));
        Assert.Equal(Boot.AddSeconds(90), record.Time);
        Assert.Equal(line, record.Message);
    }

    [Theory]
    [InlineData("12,1,1,-;I/O error, dev sda, sector 1")] // written by a program
    [InlineData("6,1,1,-;br0: port 1(tap0) entered disabled state")]
    [InlineData("6,1,1,-;tap0: link is down")]
    [InlineData("6,1,1,-;ata1: SATA link down (SStatus 0 SControl 300)")]
    [InlineData("6,1,1,-;Out of memory: Killed process 1 (x)")]
    [InlineData("6,1,1,-")]
    [InlineData("6,1;I/O error, dev sda")]
    [InlineData("-1,1,1,-;I/O error, dev sda")]
    [InlineData("")]
    public void Other_lines_are_no_evidence(string record) => Assert.Null(KernelLogLines.Parse(record, Boot));

    private static SysFiles Files(params (string Path, string Text)[] files) =>
        new(files.ToDictionary(static file => file.Path, static file => file.Text));

    [Fact]
    public void Scrubbing_is_told_by_rates_and_by_errors_before_and_after()
    {
        var before = new SysFiles(new Dictionary<string, string>
        {
            ["mc0/sdram_scrub_rate"] = "97560\n", ["mc0/dimm0/dimm_ce_count"] = "3", ["mc0/dimm0/dimm_ue_count"] = "0",
            ["mc1/sdram_scrub_rate"] = "0", ["mc1/ce_noinfo_count"] = "0", ["mc2/ce_noinfo_count"] = "0",
        });
        var after = new SysFiles(new Dictionary<string, string>
        {
            ["mc0/sdram_scrub_rate"] = "97560\n", ["mc0/dimm0/dimm_ce_count"] = "5", ["mc0/dimm0/dimm_ue_count"] = "0",
            ["mc1/sdram_scrub_rate"] = "0", ["mc1/ce_noinfo_count"] = "0", ["mc2/ce_noinfo_count"] = "0",
        });
        Assert.Equal(
            "mc0 scrubs 97560 bytes/s; mc1's scrubber is off; mc2 tells of no scrubber; "
                + "mc0 dimm0: 5 corrected errors, 2 of them meanwhile",
            EdacScrub.Describe(before, after));
        Assert.Equal(EdacScrub.None, EdacScrub.Describe(before, new SysFiles(new Dictionary<string, string>())));
        var idle = new SysFiles(new Dictionary<string, string> { ["mc0/ce_noinfo_count"] = "0" });
        Assert.Equal("mc0 tells of no scrubber; no memory errors are counted", EdacScrub.Describe(idle, idle));
    }
}
