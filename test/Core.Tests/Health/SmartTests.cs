using System.Globalization;
using System.Text;
using Umbra.Core.Health;
using Umbra.Core.Health.Smart;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class SmartTests
{
    [Fact]
    public void Every_sample_gives_the_fields_of_the_index()
    {
        string[] lines = Samples.Text("smart/index.csv").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] head = lines[0].Trim().Split(',');
        Assert.True(lines.Length > 90);
        foreach (string line in lines.Skip(1))
        {
            var row = head.Zip(Fields(line.Trim())).ToDictionary(static p => p.First, static p => p.Second);
            SmartReport? smart = SmartParser.Parse(Samples.Bytes("smart/" + row["file"]), out string error);
            if (row["protocol"].Length == 0)
            {
                Assert.Null(smart);
                Assert.Contains("Open failed", error, StringComparison.Ordinal);
                continue;
            }

            Assert.True(smart is not null, $"{row["file"]}: {error}");
            foreach (var (name, value) in Known(smart))
                Assert.True(row[name] == value, $"{row["file"]} {name}: '{value}' and not '{row[name]}'");
        }
    }

    [Fact]
    public void Text_of_an_old_smartctl_is_refused_with_what_is_needed()
    {
        string directory = Path.Combine(Samples.Directory, "smart/linuxfabrik-text");
        foreach (string file in Directory.GetFiles(directory))
        {
            Assert.Null(SmartParser.Parse(File.ReadAllBytes(file), out string error));
            Assert.Contains("version 7.0", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_drive_that_passes_its_own_check_can_be_failing()
    {
        SmartReport smart = Parse("scrutiny/smart-nvme-failed.json");
        var report = new HealthReportBuilder();
        SmartReadings.Add("nvme0", smart, report);
        Assert.True(smart.Passed);
        Assert.Contains(report.Build().Readings, static r => r.Level is HealthLevel.Warning or HealthLevel.Critical);
    }

    [Fact]
    public void A_critical_warning_and_a_failed_check_are_critical()
    {
        SmartReport smart = Parse("smartctl_exporter/nvme-null-SAMSUNG_MZWLL3T2HAJQ-00005-nvme0.json");
        Assert.Equal(HealthLevel.Critical, SmartReadings.LevelOf(smart, out string detail));
        Assert.Contains("critical warning 0x10", detail, StringComparison.Ordinal);
        Assert.Contains("own check has failed", detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "wrote nothing")]
    [InlineData("{\"smartctl\":", "not JSON")]
    [InlineData("{}", "no part 'smartctl'")]
    [InlineData("{\"smartctl\":[]}", "no part 'smartctl'")]
    [InlineData("[1]", "text and not JSON")]
    public void Bad_output_gives_a_clear_error(string output, string reason)
    {
        Assert.Null(SmartParser.Parse(Encoding.UTF8.GetBytes(output), out string error));
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_sample_that_is_cut_off_anywhere_gives_a_clear_error_and_nothing_else()
    {
        const int cuts = 50;
        string[] lines = Samples.Text("smart/index.csv").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (string file in lines.Skip(1).Select(static line => line.Split(',')[0]))
        {
            byte[] whole = Samples.Bytes("smart/" + file);
            int end = whole.AsSpan().TrimEnd(" \r\n"u8).Length;
            for (int cut = 0; cut < cuts; cut++)
            {
                byte[] part = whole[..(int)((long)(end - 1) * cut / (cuts - 1))];
                Assert.True(SmartParser.Parse(part, out string error) is null, $"{file} cut at {part.Length}");
                Assert.NotEqual("", error);
            }
        }
    }

    [Fact]
    public void Endless_output_gives_a_clear_error()
    {
        Assert.Null(SmartParser.Parse(new byte[SmartParser.BytesMax + 1], out string error));
        Assert.Contains("more than", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Counters_beyond_64_bits_and_wrong_types_do_no_harm()
    {
        const string output = """
            {"smartctl":{"exit_status":0},"device":{"protocol":7},"temperature":{"current":"hot"},
             "nvme_smart_health_information_log":{"media_errors":340282366920938463463374607431768211455,
             "critical_warning":{"value":1},"percentage_used":1e400}}
            """;
        SmartReport? smart = SmartParser.Parse(Encoding.UTF8.GetBytes(output), out _);
        Assert.NotNull(smart);
        Assert.Equal(3.402823669209385e38, smart.MediaErrors!.Value, 1e24);
        Assert.Null(smart.Protocol);
        Assert.Null(smart.CriticalWarning);
        Assert.Null(smart.PercentageUsed);
    }

    [Fact]
    public void A_sleeping_drive_is_not_a_failed_one()
    {
        const string output = """
            {"smartctl":{"exit_status":2,"messages":[{"string":"Device is in STANDBY mode, exit(2)"}]},
             "device":{"name":"/dev/sda","protocol":"ATA"}}
            """;
        SmartReport? smart = SmartParser.Parse(Encoding.UTF8.GetBytes(output), out string error);
        Assert.True(smart?.IsAsleep, error);
    }

    [Fact]
    public void A_scan_names_devices_and_no_options()
    {
        const string output = """
            {"smartctl":{"exit_status":0},"devices":[{"name":"/dev/sda","type":"scsi"},{"name":"--all"},
             {"name":"/dev/../etc/shadow"},{"name":"/dev/bus/0","type":"megaraid,3"},{"name":"/dev/sdb","type":"a b"}]}
            """;
        var devices = SmartParser.ParseScan(Encoding.UTF8.GetBytes(output), out _);
        Assert.Equal(
            [new("/dev/sda", "scsi"), new("/dev/bus/0", "megaraid,3"), new("/dev/sdb", null)], devices!);
        Assert.Equal("0 megaraid,3", devices![1].Label);
    }

    private static SmartReport Parse(string file) =>
        SmartParser.Parse(Samples.Bytes("smart/" + file), out string error)
            ?? throw new InvalidDataException(error);

    private static IEnumerable<(string Name, string Value)> Known(SmartReport smart)
    {
        yield return ("protocol", smart.Protocol ?? "");
        yield return ("model", smart.Model ?? "");
        yield return ("passed", smart.Passed?.ToString() ?? "");
        yield return ("exit_status", smart.ExitStatus?.ToString(CultureInfo.InvariantCulture) ?? "");
        yield return ("temperature_c", Text(smart.TemperatureCelsius));
        yield return ("power_on_hours", Text(smart.PowerOnHours));
        yield return ("nvme_critical_warning", Text(smart.CriticalWarning));
        yield return ("nvme_media_errors", Text(smart.MediaErrors));
        yield return ("nvme_percentage_used", Text(smart.PercentageUsed));
        yield return ("nvme_available_spare", Text(smart.AvailableSpare));
        yield return ("reallocated_5", Text(smart.Reallocated));
        yield return ("pending_197", Text(smart.Pending));
        yield return ("offline_uncorrectable_198", Text(smart.OfflineUncorrectable));
        yield return ("crc_199", Text(smart.TransferErrors));
        yield return ("scsi_grown_defects", Text(smart.GrownDefects));
        yield return ("attributes_failing", string.Join(';', smart.FailingAttributes));
    }

    private static string Text(double? value) => value?.ToString("0.######", CultureInfo.InvariantCulture) ?? "";

    // A model's name may hold a comma, and is then quoted.
    private static List<string> Fields(string line)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        bool quoted = false;
        foreach (char c in line + ",")
        {
            if (c == '"') quoted = !quoted;
            else if (c != ',' || quoted) field.Append(c);
            else
            {
                fields.Add(field.ToString());
                field.Clear();
            }
        }

        return fields;
    }
}
