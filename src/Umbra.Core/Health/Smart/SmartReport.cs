namespace Umbra.Core.Health.Smart;

/// <summary>What <c>smartctl --json</c> says of one drive. What is null was not in its output.</summary>
public sealed record SmartReport
{
    /// <summary><c>ATA</c>, <c>NVMe</c> or <c>SCSI</c>.</summary>
    public string? Protocol { get; init; }

    /// <summary>The drive's model.</summary>
    public string? Model { get; init; }

    /// <summary>The drive's own verdict. It can be failing all the same.</summary>
    public bool? Passed { get; init; }

    /// <summary>Bits of smartctl's exit status (man 8 smartctl).</summary>
    public int? ExitStatus { get; init; }

    /// <summary>Temperature, degrees Celsius.</summary>
    public double? TemperatureCelsius { get; init; }

    /// <summary>Hours it has run.</summary>
    public double? PowerOnHours { get; init; }

    /// <summary>NVMe: bits of its warnings (NVM Express base specification, SMART log page).</summary>
    public int? CriticalWarning { get; init; }

    /// <summary>NVMe: errors of the medium.</summary>
    public double? MediaErrors { get; init; }

    /// <summary>NVMe: life used, percent of what its vendor promises; may exceed 100.</summary>
    public double? PercentageUsed { get; init; }

    /// <summary>NVMe: spare blocks left, percent.</summary>
    public double? AvailableSpare { get; init; }

    /// <summary>NVMe: spare blocks below which it warns, percent.</summary>
    public double? AvailableSpareThreshold { get; init; }

    /// <summary>ATA attribute 5: sectors replaced by spares.</summary>
    public double? Reallocated { get; init; }

    /// <summary>ATA attribute 197: sectors that could not be read and wait to be replaced.</summary>
    public double? Pending { get; init; }

    /// <summary>ATA attribute 198: sectors that could not be read in the drive's own scan.</summary>
    public double? OfflineUncorrectable { get; init; }

    /// <summary>ATA attribute 199: transfers that arrived wrong, mostly the cable's fault.</summary>
    public double? TransferErrors { get; init; }

    /// <summary>SCSI: sectors replaced by spares.</summary>
    public double? GrownDefects { get; init; }

    /// <summary>SCSI: errors that could not be corrected, reading and writing together.</summary>
    public double? UncorrectedErrors { get; init; }

    /// <summary>ATA attributes at or below their thresholds now.</summary>
    public IReadOnlyList<int> FailingAttributes { get; init; } = [];

    /// <summary>The drive was asleep and was not woken for being asked.</summary>
    public bool IsAsleep { get; init; }
}
