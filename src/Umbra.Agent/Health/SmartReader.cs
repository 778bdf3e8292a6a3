using Umbra.Core.Health;
using Umbra.Core.Health.Smart;
using Umbra.Linux.Processes;

namespace Umbra.Agent.Health;

/// <summary>The drives of this machine, through smartctl, one after another; none is woken for it.</summary>
/// <param name="period">As <see cref="Period"/>.</param>
/// <param name="deadline">As <see cref="Deadline"/>.</param>
/// <param name="driveDeadline">How long one drive may take; a healthy one answers within a second.</param>
/// <param name="program">smartctl's name or path.</param>
public sealed class SmartReader(
    TimeSpan period, TimeSpan deadline, TimeSpan driveDeadline, string program = "smartctl") : IHealthReader
{
    private static readonly Dictionary<string, string> NoEnvironment = [];

    // A drive that hangs the kernel must not keep the others from being read: each has a command of its own.
    private readonly Dictionary<string, BoundedCommand> _commands = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Name => "smart";

    /// <inheritdoc/>
    public TimeSpan Period => period;

    /// <inheritdoc/>
    public TimeSpan Deadline => deadline;

    /// <inheritdoc/>
    public async Task<ReadOutcome> ReadAsync(CancellationToken stop)
    {
        BoundedResult scan = await RunAsync("scan", ["--scan", "--json"], stop);
        if (WhyUnread(scan) is { } unread) return unread;
        var devices = SmartParser.ParseScan(scan.Output, out string error);
        if (devices is null) return ReadOutcome.Failed(error);
        if (devices.Count == 0) return ReadOutcome.Failed("smartctl finds no drives on this machine");
        var report = new HealthReportBuilder();
        foreach (SmartDevice device in devices)
        {
            stop.ThrowIfCancellationRequested();
            BoundedResult result = await RunAsync(device.Label, ArgumentsFor(device), stop);
            error = WhyUnread(result) is { } why ? why.Report?.Error ?? why.Silence : "";
            SmartReport? smart = error.Length > 0 ? null : SmartParser.Parse(result.Output, out error);
            if (smart is not null) SmartReadings.Add(device.Label, smart, report);
            else report.Missing($"{device.Label}: {error}");
        }

        HealthReport built = report.Build();
        return built.Readings.Count > 0
            ? ReadOutcome.Of(built)
            : ReadOutcome.Failed("no drive could be read: " + built.Note);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (BoundedCommand command in _commands.Values) command.Dispose();
    }

    private static string[] ArgumentsFor(SmartDevice device) =>
    [
        "--json", "--nocheck=standby", "--all", .. device.Type is { } type ? new[] { "--device=" + type } : [],
        device.Name,
    ];

    private Task<BoundedResult> RunAsync(string key, string[] arguments, CancellationToken stop)
    {
        if (!_commands.TryGetValue(key, out BoundedCommand? command))
        {
            command = new BoundedCommand();
            _commands.Add(key, command);
        }

        return command.RunAsync(program, arguments, NoEnvironment, driveDeadline, SmartParser.BytesMax, stop);
    }

    // The exit code is a set of findings and not of errors: the JSON tells.
    private static ReadOutcome? WhyUnread(BoundedResult result) => result.End switch
    {
        CommandEnd.Exited => null,
        CommandEnd.TimedOut or CommandEnd.Stuck => ReadOutcome.Silent(result.Error),
        _ => ReadOutcome.Failed(result.Error),
    };
}
