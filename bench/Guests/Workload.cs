namespace Umbra.Bench.Guests;

/// <summary>What a guest does while it is measured.</summary>
/// <param name="Name">Its name in reports and on command lines.</param>
/// <param name="PageWritesPerSecond">Page writes of the guest's own workload, or <c>max</c>.</param>
/// <param name="Job">Program that runs in it instead (guest/README.md, jobs); empty: none.</param>
/// <param name="Note">What it is, for people.</param>
public sealed record Workload(string Name, string PageWritesPerSecond, string Job, string Note)
{
    private const int PagesPerMegabyte = 244; // 10^6 / 4096

    /// <summary>Block writes of the guest's own workload, or <c>max</c>.</summary>
    public string DiskWritesPerSecond { get; init; } = "0";

    /// <summary>All there are.</summary>
    public static IReadOnlyList<Workload> All { get; } =
    [
        new("idle", "0", "", "nothing but the guest's own clock"),
        Writer(10),
        Writer(50),
        Writer(200),
        new("random-max", "max", "", "page writes as fast as they go") { DiskWritesPerSecond = "50" },
        new("disk", "0", "", "blocks written at random as fast as they go") { DiskWritesPerSecond = "max" },
        new("sqlite", "0", "sqlite", "durable transactions of Debian's sqlite3 on a virtio disk"),
        new("perl", "0", "perl", "a perl program that builds hashes, lists and strings"),
    ];

    /// <summary>The one of that name.</summary>
    public static Workload Named(string name) =>
        All.FirstOrDefault(one => one.Name == name)
        ?? throw new ArgumentException($"no workload {name}; there are: {string.Join(", ", All.Select(o => o.Name))}");

    private static Workload Writer(int megabytes) => new(
        $"random-{megabytes}", (megabytes * PagesPerMegabyte).ToString(), "",
        $"pages written at random, {megabytes} MB of pages a second")
    {
        DiskWritesPerSecond = "50",
    };
}
