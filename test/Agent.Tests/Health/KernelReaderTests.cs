using Umbra.Agent.Health;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Linux.Machine;
using Umbra.Linux.Processes;
using Xunit;

namespace Umbra.Agent.Tests.Health;

/// <summary>Readers of the kernel's files, on a copy of some as a real machine has them.</summary>
public sealed class KernelReaderTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("umbra-sys-");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Memory_errors_are_read_below_the_root()
    {
        Write("sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count", "7\n");
        Write("sys/devices/system/edac/mc/mc0/dimm0/dimm_ue_count", "0\n");
        Write("sys/devices/system/edac/mc/mc0/dimm0/dimm_label", "A1\n");
        using var reader = new EdacReader(_root.FullName, Minute, Minute);
        HealthReport report = (await reader.ReadAsync(Stop)).Report!;
        Assert.Equal([("A1 (mc0 dimm0)", 7.0), ("A1 (mc0 dimm0)", 0)],
            report.Readings.Select(static r => (r.Component, r.Value!.Value)));
    }

    [Fact]
    public async Task Sensors_behind_the_links_of_sysfs_are_read_and_loops_are_not_entered()
    {
        Write("sys/devices/x/hwmon/hwmon0/name", "k10temp\n");
        Write("sys/devices/x/hwmon/hwmon0/temp1_input", "101000\n");
        Write("sys/devices/x/hwmon/hwmon0/temp1_crit", "100000\n");
        Write("sys/devices/virtual/thermal/thermal_zone0/temp", "40000\n");
        Write("sys/devices/virtual/thermal/thermal_zone0/type", "x86_pkg_temp\n");
        Write("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
        Link("sys/class/hwmon/hwmon0", "sys/devices/x/hwmon/hwmon0");
        Link("sys/devices/x/hwmon/hwmon0/device", "sys/devices/x");
        Link("sys/class/thermal/thermal_zone0", "sys/devices/virtual/thermal/thermal_zone0");
        using var reader = new SensorReader(_root.FullName, Minute, Minute);
        HealthReport report = (await reader.ReadAsync(Stop)).Report!;
        Assert.Equal(
            [
                ("k10temp temp1", 101.0, HealthLevel.Critical), ("zone x86_pkg_temp", 40, HealthLevel.Ok),
                ("cpu0", 3, HealthLevel.Ok),
            ],
            report.Readings.Select(static r => (r.Component, r.Value!.Value, r.Level)));
    }

    [Fact]
    public async Task A_machine_without_them_says_so()
    {
        using var reader = new EdacReader(_root.FullName, Minute, Minute);
        Assert.Contains("no EDAC driver", (await reader.ReadAsync(Stop)).Report!.Error!, StringComparison.Ordinal);
        using var log = new KernelLogReader(Path.Combine(_root.FullName, "dev/kmsg"), Minute, Minute);
        Assert.Contains("ENOENT", (await log.ReadAsync(Stop)).Report!.Error!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task This_machines_kernel_log_is_read()
    {
        if (!File.Exists("/dev/kmsg") || Environment.UserName != "root") Assert.Skip("needs root and /dev/kmsg");
        using var log = new KernelLogReader("/dev/kmsg", Minute, Minute);
        Assert.Null((await log.ReadAsync(Stop)).Report!.Error);
        // What programs write into it is no evidence, whatever it says.
        Assert.Equal(0, Command.Run(
            "/bin/sh", ["-c", "echo '<4>I/O error, dev sda, sector 7 (a test of umbra)' >/dev/kmsg"], Minute).ExitCode);
        Assert.DoesNotContain((await log.ReadAsync(Stop)).Report!.Records,
            static record => record.Message.Contains("a test of umbra", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_an_earlier_agent_told_of_the_kernels_log_is_evidence_still_and_told_to_nobody_again()
    {
        string log = Log(Record(7, "EDAC MC0: 1 CE on A1"), Record(8, "usb 1-1: new device"));
        using (var first = new KernelLogReader(log, Minute, Minute, Position("boot-1")))
        {
            Assert.Equal([false], (await first.ReadAsync(Stop)).Report!.Records.Select(static r => r.WasTold));
            // Not before what was found has had the time to be told of.
            Assert.Equal(-1, Position("boot-1").Told);
            Assert.Empty((await first.ReadAsync(Stop)).Report!.Records);
        }

        Assert.Equal(7, Position("boot-1").Told);
        log = Log(Record(7, "EDAC MC0: 1 CE on A1"), Record(9, "EDAC MC0: 1 UE on A1"));
        Assert.Equal("7 told, 9 new", await ToldAsync(log, "boot-1"));
        Assert.Equal("7 new, 9 new", await ToldAsync(log, "boot-2"));
        var edges = new HealthEdges(new HostId("a"), "kernel-log");
        using var again = new KernelLogReader(log, Minute, Minute, Position("boot-1"));
        Assert.Equal([true, false], edges.Update((await again.ReadAsync(Stop)).Report!, DateTimeOffset.UtcNow)
            .Select(static happened => happened.WasTold));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"bootId\":\"boot-1\"")]
    [InlineData("[7]")]
    public void A_position_that_cannot_be_read_is_none(string text)
    {
        Write("state/kernel-log.json", text);
        Assert.Equal(-1, Position("boot-1").Told);
    }

    private async Task<string> ToldAsync(string log, string boot)
    {
        using var reader = new KernelLogReader(log, Minute, Minute, Position(boot));
        return string.Join(", ", (await reader.ReadAsync(Stop)).Report!.Records.Select(
            static record => record.Id + (record.WasTold ? " told" : " new")));
    }

    private KernelLogPosition Position(string boot)
    {
        string file = Path.Combine(_root.FullName, "state/kernel-log.json");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        return new KernelLogPosition(file, boot);
    }

    // Of a file a read gives what is there, not one record: so each is as long as a read.
    private string Log(params string[] records)
    {
        Write("dev/kmsg", string.Concat(records.Select(static record => record.PadRight(8192, '\n'))));
        return Path.Combine(_root.FullName, "dev/kmsg");
    }

    private static string Record(int sequence, string text) =>
        $"4,{sequence},{(long)BootClock.Now.TotalMicroseconds},-;{text}\n";

    private void Write(string path, string text)
    {
        string file = Path.Combine(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private void Link(string path, string target)
    {
        string link = Path.Combine(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        Directory.CreateSymbolicLink(link, Path.Combine(_root.FullName, target));
    }
}
