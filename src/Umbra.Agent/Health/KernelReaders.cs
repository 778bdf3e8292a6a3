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

/// <summary>What the kernel's log says of hardware.</summary>
public sealed class KernelLogReader(string path, TimeSpan period, TimeSpan deadline) : IHealthReader
{
    // A kernel's whole buffer; what comes faster is read at the next look.
    private const int RecordsMax = 50_000;

    private KernelLog? _log;

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
        DateTimeOffset bootTime = DateTimeOffset.UtcNow - BootClock.Now;
        var report = new HealthReportBuilder();
        foreach (string record in records.Value)
        {
            if (KernelLogLines.Parse(record, bootTime) is { } found) report.Add(found);
        }

        if (lost) report.Missing("the kernel overwrote records before they were read");
        return ReadOutcome.Of(report.Build());
    }
}
