using Umbra.Core.Health;
using Umbra.Core.Health.Ipmi;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class IpmiTests
{
    [Theory]
    [InlineData("ipmitool-sensor-list.thirtyeight-sensors-ok.txt", 10)]
    [InlineData("ipmitool-sensor-list.thirtyeight-sensors-with-critical.txt", 10)]
    [InlineData("ipmitool-sensor-list.twentyfive-sensors-ok.txt", 10)]
    [InlineData("telegraf.ipmitool-sdr-v1.txt", 3)]
    [InlineData("telegraf.ipmitool-sdr-v1-b.txt", 3)]
    [InlineData("telegraf.ipmitool-sdr-elist-v2-b.txt", 5)]
    public void Every_sample_gives_its_sensors(string file, int columns)
    {
        string text = Samples.Text("ipmi/" + file);
        HealthReport report = IpmiSensors.Parse(text);
        Assert.Null(report.Error);
        Assert.Equal(
            text.Split('\n').Count(line => line.Split('|').Length == columns), report.Readings.Count);
        Assert.Equal(report.Readings.Count, report.Readings.DistinctBy(static r => (r.Component, r.Quantity)).Count());
    }

    [Theory]
    [InlineData("telegraf.ipmitool-dcmi-power-reading.txt", 1, "Power", 167)]
    [InlineData("ceilometer.ipmitool-sdr-v-fan.txt", 4, "System Fan 1", 4704)]
    [InlineData("ceilometer.ipmitool-sdr-v-temperature.txt", 4, "BB P1 VR Temp", 25)]
    public void Verbose_samples_give_their_sensors(string file, int count, string name, double value)
    {
        HealthReport report = IpmiSensors.Parse(Samples.Text("ipmi/" + file));
        Assert.Null(report.Error);
        Assert.Equal(count, report.Readings.Count);
        Assert.Equal(value, report.Readings.Single(reading => reading.Component == name).Value);
    }

    [Fact]
    public void States_and_units_of_sensors_are_told()
    {
        HealthReport report = IpmiSensors.Parse(
            Samples.Text("ipmi/ipmitool-sensor-list.thirtyeight-sensors-with-critical.txt"));
        HealthReading Find(string name) => report.Readings.Single(r => r.Component == name);
        Assert.Equal((HealthLevel.Warning, 600.0, "RPM"),
            (Find("FAN 1").Level, Find("FAN 1").Value, Find("FAN 1").Unit));
        Assert.Equal(HealthLevel.Critical, Find("FAN1").Level);
        Assert.Equal(HealthLevel.Critical, Find("FAN3 #2").Level);
        Assert.Equal(ComponentKind.Memory, Find("DIMMA1 Temp").Kind);
        Assert.Equal(ComponentKind.Voltage, Find("Vcpu").Kind);
        HealthReading absent = report.Readings.Single(r => r.Component == "FAN4" && r.Value is null);
        Assert.Equal(HealthLevel.Unknown, absent.Level);
    }

    [Fact]
    public void A_supply_that_says_failure_in_words_is_critical()
    {
        HealthReport report = IpmiSensors.Parse(
            "PS1 Status       | C8h | ok  | 10.1 | Presence detected, Failure detected\n"
            + "PS2 Status       | C9h | ok  | 10.2 | 110 Watts, Presence detected\n"
            + "CPU Temp         | 01h | ucr |  3.1 | 97 degrees C\n");
        Assert.Equal(
            [HealthLevel.Critical, HealthLevel.Ok, HealthLevel.Critical], report.Readings.Select(static r => r.Level));
        Assert.Equal(110, report.Readings[1].Value);
    }

    [Fact]
    public void A_real_log_is_read_with_its_records_without_time()
    {
        string text = Samples.Text("ipmi/ipmitool-sel-elist.acpi-soft-off.txt");
        HealthReport report = SystemEventLog.Parse(text);
        Assert.Null(report.Error);
        Assert.Equal(text.Split('\n').Count(static line => line.Trim().Length > 0), report.Records.Count);
        Assert.Equal(
            text.Split('\n').Count(static line => line.Contains("Pre-Init", StringComparison.Ordinal)),
            report.Records.Count(static record => record.Time is null));
        Assert.Contains(report.Records, static r => r.Severity == HealthSeverity.Warning
            && r.Message.Contains("Non-critical", StringComparison.Ordinal));
        // "OS Critical Stop | OS graceful shutdown" is no failure, whatever the sensor is called.
        Assert.All(
            report.Records.Where(static record => record.Severity == HealthSeverity.Critical),
            static record => Assert.EndsWith("Failure detected (asserted)", record.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void An_empty_log_is_no_error()
    {
        HealthReport report = SystemEventLog.Parse(Samples.Text("ipmi/ipmitool-sel-elist.empty-sel.txt"));
        Assert.Null(report.Error);
        Assert.Empty(report.Records);
    }

    [Theory]
    [InlineData("Memory CPU0_DIMM_A1 | Uncorrectable ECC", ComponentKind.Memory, HealthSeverity.Critical)]
    [InlineData("Memory #0x53 | Correctable ECC", ComponentKind.Memory, HealthSeverity.Warning)]
    [InlineData("Temperature CPU Temp | Upper Critical going high", ComponentKind.Processor, HealthSeverity.Critical)]
    [InlineData("Fan FAN1 | Lower Non-critical going low", ComponentKind.Fan, HealthSeverity.Warning)]
    [InlineData("Power Supply PS1 | Power Supply AC lost", ComponentKind.PowerSupply, HealthSeverity.Warning)]
    [InlineData("Power Supply PS1 | Failure detected", ComponentKind.PowerSupply, HealthSeverity.Critical)]
    [InlineData("Drive Slot / Bay Bay 3 | Drive Fault", ComponentKind.Drive, HealthSeverity.Critical)]
    [InlineData("OS Critical Stop | OS graceful shutdown", ComponentKind.Host, HealthSeverity.Info)]
    public void Records_get_kind_and_severity(string record, ComponentKind kind, HealthSeverity severity)
    {
        HealthReport report = SystemEventLog.Parse($"   1 | 11/04/2020 | 16:04:40 | {record} | Asserted\n"
            + $"   2 | 11/04/2020 | 16:04:41 | {record} | Deasserted\n");
        Assert.Equal((kind, severity), (report.Records[0].Kind, report.Records[0].Severity));
        Assert.Equal(HealthSeverity.Info, report.Records[1].Severity);
        Assert.Equal(new DateTimeOffset(2020, 11, 4, 16, 4, 40, TimeSpan.Zero), report.Records[0].Time);
    }

    [Theory]
    [InlineData("Chassis Power is off\n", PowerState.Off)]
    [InlineData("Chassis Power is on\n", PowerState.On)]
    [InlineData("", PowerState.Unknown)]
    [InlineData("Chassis Power is off, or so it seems", PowerState.Unknown)]
    [InlineData("Error\nChassis Power is off", PowerState.Unknown)]
    public void Only_the_exact_sentence_is_a_power_state(string text, PowerState state) =>
        Assert.Equal(state, ChassisPower.Parse(text));

    [Theory]
    [InlineData("Error in open session response message : insufficient privilege", "privilege", false)]
    [InlineData("RAKP 2 HMAC is invalid\nError: Unable to establish IPMI v2 / RMCP+ session", "password", false)]
    [InlineData("Error: Unable to establish IPMI v2 / RMCP+ session", "does not answer", true)]
    [InlineData("Could not open device at /dev/ipmi0", "no BMC in this machine", false)]
    public void A_refusal_fails_and_silence_is_silence(string error, string reason, bool isSilence)
    {
        ReadOutcome outcome = IpmiWords.Explain(error);
        Assert.Equal(isSilence, outcome.Report is null);
        Assert.Contains(reason, outcome.Report?.Error ?? outcome.Silence, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_text_and_endless_text_are_clear_errors()
    {
        Assert.Contains("not the output", IpmiSensors.Parse("bash: ipmitool: command not found\n").Error!,
            StringComparison.Ordinal);
        Assert.Contains("not the output", SystemEventLog.Parse("<html>").Error!, StringComparison.Ordinal);
        Assert.Contains("more than", IpmiSensors.Parse(new string('x', IpmiWords.OutputCharsMax + 1)).Error!,
            StringComparison.Ordinal);
        string endless = string.Concat(Enumerable.Range(0, 20_000).Select(static i => $"S{i} | 1 RPM | ok\n"));
        HealthReport report = IpmiSensors.Parse(endless);
        Assert.Equal(HealthReportBuilder.ReadingsMax, report.Readings.Count);
        Assert.True(report.IsPartial);
    }
}
