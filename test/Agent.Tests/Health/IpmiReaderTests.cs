using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Umbra.Agent.Health;
using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Core.Health.Ipmi;
using Umbra.Testing.Bmc;
using Xunit;

namespace Umbra.Agent.Tests.Health;

/// <summary>The IPMI reader with the real ipmitool against a simulated BMC.</summary>
public sealed class IpmiReaderTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private BmcSimulator? _bmc;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        if (BmcSimulator.WhyNot is { } reason) Assert.Skip(reason);
        _bmc = new BmcSimulator();
        await _bmc.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_bmc is not null) await _bmc.DisposeAsync();
    }

    [Fact]
    public async Task Sensors_that_cross_their_limits_and_log_records_become_events_once()
    {
        using var reader = Reader("reader", _bmc!.PasswordFile);
        var edges = new HealthEdges(new HostId("a"), "ipmi");
        HealthReport report = await ReadAsync(reader);
        Assert.Equal(["CPU Temp", "FAN1", "PS1 Status"], report.Readings.Select(static r => r.Component));
        Assert.Equal([45.0, 4000, null], report.Readings.Select(static r => r.Value));
        Assert.All(report.Readings, static r => Assert.Equal(HealthLevel.Ok, r.Level));
        Assert.Empty(report.Records);
        Assert.Empty(edges.Update(report, DateTimeOffset.UtcNow));
        await _bmc.CommandAsync("sensor_set_value 0x20 0 1 97 1");
        await _bmc.CommandAsync("sensor_set_bit 0x20 0 3 1 1 1");
        var events = edges.Update(await ReadAsync(reader), DateTimeOffset.UtcNow);
        Assert.Contains(events, static e => e is
        {
            Kind: ComponentKind.Processor, Severity: HealthSeverity.Critical, Component: "CPU Temp",
        });
        Assert.Contains(events, static e => e.Message.Contains("Upper Critical going high", StringComparison.Ordinal));
        Assert.Equal(2, events.Count(static e => e is
        {
            Kind: ComponentKind.PowerSupply, Severity: HealthSeverity.Critical,
        }));
        Assert.Empty(edges.Update(await ReadAsync(reader), DateTimeOffset.UtcNow));
    }

    [Fact]
    public async Task A_wrong_password_is_told_as_such_and_so_is_a_wrong_user()
    {
        using var wrong = Reader("admin", _bmc!.WrongPasswordFile());
        Assert.Equal("the BMC refuses the password", (await wrong.ReadAsync(Stop)).Report?.Error);
        using var stranger = Reader("nobody", _bmc.PasswordFile);
        Assert.Equal("the BMC knows no such user", (await stranger.ReadAsync(Stop)).Report?.Error);
    }

    [Fact]
    public async Task A_BMC_that_is_gone_is_silence_and_it_is_read_again_when_it_is_back()
    {
        using var reader = Reader("reader", _bmc!.PasswordFile, TimeSpan.FromSeconds(3));
        var watch = new ReaderWatch(new HostId("a"), "ipmi", TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(3));
        var now = DateTimeOffset.UtcNow;
        watch.Ended(await reader.ReadAsync(Stop), now, default);
        await _bmc.StopAsync();
        watch.Ended(await reader.ReadAsync(Stop), now, default);
        Assert.Equal(ReaderState.Stale, watch.Status(now).State);
        Assert.StartsWith("the BMC does not answer", watch.Status(now).Reason, StringComparison.Ordinal);
        Assert.Equal(3, watch.Readings.Count);
        await _bmc.StartAsync();
        watch.Ended(await reader.ReadAsync(Stop), now, default);
        Assert.Equal(ReaderState.Ok, watch.Status(now).State);
    }

    [Fact]
    public async Task A_BMC_that_takes_every_packet_and_answers_none_is_silence_within_the_deadline()
    {
        using var hole = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var address = new IpmiEndpoint("127.0.0.1", ((IPEndPoint)hole.Client.LocalEndPoint!).Port, "reader");
        using var reader = new IpmiReader(
            new BmcAddress(address, _bmc!.PasswordFile), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(3));
        long began = Stopwatch.GetTimestamp();
        ReadOutcome outcome = await reader.ReadAsync(Stop);
        Assert.Null(outcome.Report);
        Assert.NotEqual("", outcome.Silence);
        Assert.True(hole.Available > 0, "it was asked");
        Assert.True(Stopwatch.GetElapsedTime(began) < Deadline, "it was given up");
    }

    [Fact]
    public void The_password_is_in_no_argument()
    {
        var address = new BmcAddress(new IpmiEndpoint("h", 623, "u"), "/etc/secret");
        Assert.Contains("/etc/secret", address.Options);
        Assert.DoesNotContain("-P", address.Options);
    }

    private IpmiReader Reader(string user, string passwordFile, TimeSpan? deadline = null) => new(
        new BmcAddress(new IpmiEndpoint("127.0.0.1", _bmc!.Port, user), passwordFile), TimeSpan.FromSeconds(30),
        deadline ?? Deadline);

    private static async Task<HealthReport> ReadAsync(IpmiReader reader)
    {
        ReadOutcome outcome = await reader.ReadAsync(Stop);
        Assert.NotNull(outcome.Report);
        Assert.Null(outcome.Report.Error);
        Assert.False(outcome.Report.IsPartial, outcome.Report.Note);
        return outcome.Report;
    }
}
