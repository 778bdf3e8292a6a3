using System.Globalization;

namespace Umbra.Demo;

/// <summary>Pauses of the vCPUs, milliseconds.</summary>
/// <param name="Mean">Mean.</param>
/// <param name="P50">Median.</param>
/// <param name="P99">99th percentile.</param>
/// <param name="Epochs">The last so many epochs are what the figures are over.</param>
public sealed record PauseFigures(double Mean, double P50, double P99, int Epochs);

/// <summary>Where the mean pause goes, milliseconds.</summary>
public sealed record PausePhases(double Stop, double ScanCopy, double DeviceState, double Cont);

/// <summary>One phase of the swap, milliseconds.</summary>
public sealed record PhaseFigure(string Name, double Ms);

/// <summary>
/// One statement of the demo and whether it is true; null: it could not be found out, which counts as false.
/// </summary>
public sealed record Check(string Name, bool? Holds, string Detail);

/// <summary>
/// What the demo measured: the JSON of <c>--report</c>. Null is "not measured", never zero. Times in milliseconds
/// unless the name says otherwise.
/// </summary>
public sealed record DemoReport
{
    /// <summary>
    /// What ran the guest: guests under <c>tcg</c> are software-emulated, their figures no measure of KVM's.
    /// </summary>
    public string? Accelerator { get; set; }

    /// <summary>QEMU's version.</summary>
    public string? QemuVersion { get; set; }

    /// <summary>CPUs of this machine, shared by all hosts of the demo.</summary>
    public int MachineCpus { get; set; } = Environment.ProcessorCount;

    /// <summary>
    /// Processes that wanted a CPU in the minute before the demo (load average): with more than a few, the times below
    /// are those of a crowded machine.
    /// </summary>
    public double MachineLoadBefore { get; set; } = ReadLoad();

    /// <summary>How long the whole demo took, set-up of the machine not counted.</summary>
    public double? ElapsedSeconds { get; set; }

    /// <summary>Epochs that the shadow acknowledged in the measured part.</summary>
    public long? Epochs { get; set; }

    /// <summary>Mean time between them.</summary>
    public double? IntervalMs { get; set; }

    /// <summary>
    /// Pause per epoch. Also over epochs before the measured part, where the agent still remembers them.
    /// </summary>
    public PauseFigures? PauseMs { get; set; }

    /// <summary>Its phases.</summary>
    public PausePhases? PausePhasesMs { get; set; }

    /// <summary>Dirty pages and disk writes of the measured part, bytes.</summary>
    public long? RawBytes { get; set; }

    /// <summary>Bytes sent for them.</summary>
    public long? WireBytes { get; set; }

    /// <summary>Duration of the first seed.</summary>
    public double? SeedSeconds { get; set; }

    /// <summary>From the last instruction on the old host to the first on the new one.</summary>
    public double? BlackoutMs { get; set; }

    /// <summary>The swap's phases, in order, as umbra swap tells them.</summary>
    public List<PhaseFigure> SwapPhasesMs { get; } = [];

    /// <summary>From the decision to swap to the guest running on its shadow.</summary>
    public double? DecisionToRunningMs { get; set; }

    /// <summary>Longest silence of the guest that the client saw around the swap.</summary>
    public double? ClientGapMs { get; set; }

    /// <summary>Whether the client's one TCP connection lasted from before the seed to the end.</summary>
    public bool? TcpKept { get; set; }

    /// <summary>Whether the guest, on its shadow, found all of its memory right.</summary>
    public bool? RamVerified { get; set; }

    /// <summary>Whether the guest, on its shadow, found all of its disk right.</summary>
    public bool? DiskVerified { get; set; }

    /// <summary>Whether every page and block of the shadow equalled the primary's of the same epoch.</summary>
    public bool? ShadowEqualsEpoch { get; set; }

    /// <summary>What was degraded and what came of it; null without <c>--degrade</c>.</summary>
    public DegradeFigures? Degrade { get; set; }

    /// <summary>Everything that was checked.</summary>
    public List<Check> Checks { get; } = [];

    /// <summary>Whether all of it is true.</summary>
    public bool Ok => Checks.Count > 0 && Checks.All(check => check.Holds == true);

    private static double ReadLoad() =>
        double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
}
