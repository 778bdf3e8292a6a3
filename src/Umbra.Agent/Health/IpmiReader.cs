using Umbra.Core.Health;
using Umbra.Core.Health.Ipmi;
using Umbra.Linux.Processes;

namespace Umbra.Agent.Health;

/// <summary>
/// Sensors and event log of a BMC, through ipmitool: one session at a time, and a pause between looks, as a BMC has
/// few sessions and little time.
/// </summary>
public sealed class IpmiReader(BmcAddress address, TimeSpan period, TimeSpan deadline) : IHealthReader
{
    // The log's end is enough: what is older was told before or is history.
    private const string RecordsRead = "256";

    private static readonly Dictionary<string, string> NoEnvironment = [];

    private readonly BoundedCommand _command = new();

    /// <inheritdoc/>
    public string Name => "ipmi";

    /// <inheritdoc/>
    public TimeSpan Period => period;

    /// <inheritdoc/>
    public TimeSpan Deadline => deadline;

    /// <inheritdoc/>
    public bool HasDatedLog => true;

    /// <inheritdoc/>
    public async Task<ReadOutcome> ReadAsync(CancellationToken stop)
    {
        long began = Environment.TickCount64;
        BoundedResult sensors = await RunAsync(["sdr", "elist", "all"], deadline, stop);
        if (WhyUnread(sensors) is { } unread)
            return unread.Report is null && sensors.End == CommandEnd.Exited ? await WhyNoSessionAsync(stop) : unread;
        HealthReport report = IpmiSensors.Parse(sensors.Text);
        if (report.Error is not null) return ReadOutcome.Of(report);
        var whole = new HealthReportBuilder();
        whole.Add(report);
        TimeSpan left = deadline - TimeSpan.FromMilliseconds(Environment.TickCount64 - began);
        BoundedResult log = await RunAsync(["sel", "elist", "last", RecordsRead], left, stop);
        // Without its log a BMC still tells of its sensors.
        if (WhyUnread(log) is { } noLog) whole.Missing("no event log: " + (noLog.Report?.Error ?? noLog.Silence));
        else whole.Add(SystemEventLog.Parse(log.Text));
        return ReadOutcome.Of(whole.Build());
    }

    /// <inheritdoc/>
    public void Dispose() => _command.Dispose();

    private Task<BoundedResult> RunAsync(IReadOnlyList<string> words, TimeSpan timeMax, CancellationToken stop) =>
        _command.RunAsync(
            "ipmitool", [.. address.Options, .. words], NoEnvironment,
            timeMax < TimeSpan.Zero ? TimeSpan.Zero : timeMax, IpmiWords.OutputCharsMax, stop);

    // That there is no session has many reasons, which ipmitool tells apart only when it is asked to be wordy.
    private async Task<ReadOutcome> WhyNoSessionAsync(CancellationToken stop)
    {
        BoundedResult result = await RunAsync(IpmiWords.Diagnosis, deadline, stop);
        return WhyUnread(result) ?? ReadOutcome.Silent("the BMC answers now and then");
    }

    private static ReadOutcome? WhyUnread(BoundedResult result) => result.End switch
    {
        CommandEnd.TimedOut => ReadOutcome.Silent("the BMC does not answer"),
        CommandEnd.Stuck => ReadOutcome.Silent(result.Error),
        CommandEnd.TooLong or CommandEnd.NotStarted => ReadOutcome.Failed(result.Error),
        // Some sensors that cannot be read make the exit code 1; what was read counts.
        _ => result.ExitCode == 0 || result.Output.Contains((byte)'|') ? null : IpmiWords.Explain(result.Error),
    };
}
