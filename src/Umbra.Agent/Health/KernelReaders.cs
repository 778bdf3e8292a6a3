using System.Globalization;
using Umbra.Core.Health;
using Umbra.Core.Health.Kernel;
using Umbra.Linux;
using Umbra.Linux.Machine;
using Umbra.Linux.ProcFs;

namespace Umbra.Agent.Health;

/// <summary>Memory errors that the kernel counts (EDAC), below <paramref name="root"/>.</summary>
public sealed class EdacReader(string root, TimeSpan period, TimeSpan deadline) : IHealthReader
{
    // One directory per controller, and one per module in it.
    private const int Depth = 2;

    /// <inheritdoc/>
    public string Name => "edac";

    /// <inheritdoc/>
    public TimeSpan Period => period;

    /// <inheritdoc/>
    public TimeSpan Deadline => deadline;

    /// <inheritdoc/>
    public Task<ReadOutcome> ReadAsync(CancellationToken stop) =>
        Task.FromResult(ReadOutcome.Of(EdacFiles.Parse(ReadFiles(root, withRates: false))));

    /// <summary>What EDAC tells below <paramref name="root"/>.</summary>
    /// <param name="root">Where <c>sys</c> is.</param>
    /// <param name="withRates">Also how fast memory is scrubbed.</param>
    internal static SysFiles ReadFiles(string root, bool withRates) => new(SysTree.Read(
        Path.Combine(root, "sys/devices/system/edac/mc"), Depth,
        path => path.EndsWith("_count", StringComparison.Ordinal) || path.EndsWith("_label", StringComparison.Ordinal)
            || path.EndsWith('/')
            || (withRates && path.EndsWith("/" + EdacScrub.RateFile, StringComparison.Ordinal))));

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>Temperatures, fans and throttling that the kernel knows, below <paramref name="root"/>.</summary>
public sealed class SensorReader(string root, TimeSpan period, TimeSpan deadline) : IHealthReader
{
    /// <inheritdoc/>
    public string Name => "hwmon";

    /// <inheritdoc/>
    public TimeSpan Period => period;

    /// <inheritdoc/>
    public TimeSpan Deadline => deadline;

    /// <inheritdoc/>
    public Task<ReadOutcome> ReadAsync(CancellationToken stop) => Task.FromResult(ReadOutcome.Of(SensorFiles.Parse(
        Tree("sys/class/hwmon", 1, static path => path.EndsWith("/name", StringComparison.Ordinal)
            || path.Contains('_', StringComparison.Ordinal)),
        Tree("sys/class/thermal", 1, static path => path.StartsWith("thermal_zone", StringComparison.Ordinal)),
        Tree("sys/devices/system/cpu", 2,
            static path => path.Contains("/thermal_throttle/", StringComparison.Ordinal)))));

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private SysFiles Tree(string path, int depth, Func<string, bool> isWantedFile) => new(SysTree.Read(
        Path.Combine(root, path), depth,
        entry => entry.EndsWith('/') ? IsWantedDirectory(entry) : isWantedFile(entry)));

    private static bool IsWantedDirectory(string path) => path.Split('/') switch
    {
        [_, ""] => true,
        [_, "thermal_throttle", ""] => true,
        _ => false,
    };
}

/// <summary>
/// What the kernel's log says of hardware. A new agent reads all of it again, as the evidence it is, and knows by
/// <paramref name="position"/> what an earlier one has told of.
/// </summary>
public sealed class KernelLogReader(
    string path, TimeSpan period, TimeSpan deadline, KernelLogPosition? position = null) : IHealthReader
{
    // A kernel's whole buffer; what comes faster is read at the next look.
    private const int RecordsMax = 50_000;

    private readonly long _toldBefore = position?.Told ?? -1;
    private KernelLog? _log;
    private long _found = -1;

    /// <inheritdoc/>
    public string Name => "kernel-log";

    /// <inheritdoc/>
    public TimeSpan Period => period;

    /// <inheritdoc/>
    public TimeSpan Deadline => deadline;

    /// <inheritdoc/>
    public Task<ReadOutcome> ReadAsync(CancellationToken stop) => Task.FromResult(Read());

    /// <inheritdoc/>
    public void Dispose() => _log?.Dispose();

    private ReadOutcome Read()
    {
        if (_log is null)
        {
            Outcome<KernelLog> opened = KernelLog.Open(path);
            if (!opened.IsOk) return ReadOutcome.Failed(opened.Error.Message);
            _log = opened.Value;
        }

        Outcome<string[]> records = _log.Read(RecordsMax, out bool lost);
        if (!records.IsOk) return ReadOutcome.Failed(records.Error.Message);
        var report = new HealthReportBuilder();
        // What the last look found was told of by now; an agent that dies between tells it twice, never not at all.
        if (position?.Keep(_found) is { } error) report.Missing("where reading stopped is not kept: " + error.Message);
        DateTimeOffset bootTime = DateTimeOffset.UtcNow - BootClock.Now;
        foreach (string record in records.Value)
        {
            if (KernelLogLines.Parse(record, bootTime) is not { } found) continue;
            long sequence = long.Parse(found.Id, CultureInfo.InvariantCulture);
            _found = Math.Max(_found, sequence);
            report.Add(found with { WasTold = sequence <= _toldBefore });
        }

        if (lost) report.Missing("the kernel overwrote records before they were read");
        return ReadOutcome.Of(report.Build());
    }
}
