using System.CommandLine;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary>Options that set parts of a policy; what is not given stays as it was.</summary>
internal static class PolicyOptions
{
    private static readonly Option<TimeSpan?> Interval = Time("--interval", "Time between epochs, 25ms to 1h");
    private static readonly Option<TimeSpan?> IntervalMin =
        Time("--interval-min", "Time between epochs when the hardware is suspected");
    private static readonly Option<TimeSpan?> IntervalMax =
        Time("--interval-max", "An epoch put off is cut after this");
    private static readonly Option<TimeSpan?> PauseBudget = Time("--pause-budget", "Longest pause of one epoch");
    private static readonly Option<TimeSpan?> Lease =
        Time("--lease", "Automatic takeover: an isolated VM pauses after this");
    private static readonly Option<long?> ThresholdLow =
        Bytes("--threshold-low", "An epoch with less to send is put off");
    private static readonly Option<long?> ReferenceCache =
        Bytes("--reference-cache", "Last-sent pages kept for deltas");
    private static readonly Option<long?> DiskLog =
        Bytes("--disk-log", "Disk writes kept until acknowledged, at least 16M");
    private static readonly Option<DiskMode?> DiskModeOption = new("--disk-mode")
    {
        Description = "How disks are followed: mirror (every write) or backup (what was written, once an epoch)",
        HelpName = "mirror|backup",
    };

    private static readonly Option<long?> ResyncRate =
        Bytes("--resync-rate", "Bytes a second of seeding and resync, 0: all");
    private static readonly Option<int?> KnownGood = new("--known-good")
    {
        Description = "Verified epochs kept besides the newest",
    };

    private static readonly Option<TakeoverMode?> Takeover = new("--takeover")
    {
        Description = "Who starts a takeover: auto or manual",
        HelpName = "auto|manual",
        CustomParser = static result =>
        {
            switch (result.Tokens.Count > 0 ? result.Tokens[^1].Value : "")
            {
                case "auto" or "automatic": return TakeoverMode.Automatic;
                case "manual": return TakeoverMode.Manual;
                default:
                    result.AddError("--takeover is auto or manual");
                    return null;
            }
        },
    };

    private static readonly Option<SwapMode?> Swap = new("--swap-mode")
    {
        Description = "Who decides that the VM leaves suspected hardware: auto, approve (a person) or observe (nobody)",
        HelpName = "auto|approve|observe",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Option> All { get; } =
    [
        Interval, IntervalMin, IntervalMax, PauseBudget, Takeover, Lease, ThresholdLow, ReferenceCache, DiskModeOption,
        DiskLog, ResyncRate, KnownGood, Swap,
    ];

    /// <summary>The policy with what was given on the command line.</summary>
    public static ProtectionPolicy Apply(ParseResult parsed, ProtectionPolicy policy)
    {
        var interval = parsed.GetValue(Interval) ?? policy.Interval;
        var longest = parsed.GetValue(IntervalMax) ?? policy.IntervalMax;
        return policy with
        {
            Interval = interval,
            // Who asks for a longer interval than the longest means both, unless he says otherwise.
            IntervalMax = parsed.GetValue(IntervalMax) is null && longest < interval ? interval : longest,
            IntervalMin = parsed.GetValue(IntervalMin) ?? policy.IntervalMin,
            PauseBudget = parsed.GetValue(PauseBudget) ?? policy.PauseBudget,
            Takeover = parsed.GetValue(Takeover) ?? policy.Takeover,
            Lease = parsed.GetValue(Lease) ?? policy.Lease,
            ThresholdLowBytes = parsed.GetValue(ThresholdLow) ?? policy.ThresholdLowBytes,
            ReferenceCacheBytes = parsed.GetValue(ReferenceCache) ?? policy.ReferenceCacheBytes,
            DiskMode = parsed.GetValue(DiskModeOption) ?? policy.DiskMode,
            DiskLogBytes = parsed.GetValue(DiskLog) ?? policy.DiskLogBytes,
            ResyncBytesPerSecond = parsed.GetValue(ResyncRate) ?? policy.ResyncBytesPerSecond,
            Swap = parsed.GetValue(Swap) ?? policy.Swap,
            KnownGoodEpochs = parsed.GetValue(KnownGood) ?? policy.KnownGoodEpochs,
        };
    }

    private static Option<TimeSpan?> Time(string name, string description) => new(name)
    {
        Description = description, HelpName = "TIME", CustomParser = static result => Specs.ParseTime(result),
    };

    private static Option<long?> Bytes(string name, string description) => new(name)
    {
        Description = description, HelpName = "SIZE", CustomParser = static result => Specs.ParseBytes(result),
    };
}
