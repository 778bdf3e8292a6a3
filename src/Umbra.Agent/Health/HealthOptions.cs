namespace Umbra.Agent.Health;

/// <summary>What an agent reads of its host's hardware.</summary>
public sealed record HealthOptions
{
    /// <summary>False: nothing at all.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>The host's BMC by IPMI; null: through <c>/dev/ipmi0</c> where there is one.</summary>
    public BmcAddress? Bmc { get; init; }

    /// <summary>The host's BMC by Redfish; null: not asked.</summary>
    public RedfishAddress? Redfish { get; init; }

    /// <summary>Where the kernel's files are: <c>/</c>, or a copy of some in tests.</summary>
    public string Root { get; init; } = "/";

    /// <summary>The readers that these options ask for.</summary>
    /// <param name="log">Up to where an earlier agent has told of the kernel's log.</param>
    public IReadOnlyList<IHealthReader> Readers(KernelLogPosition log)
    {
        if (!Enabled) return [];
        var readers = new List<IHealthReader>
        {
            new KernelLogReader(Path.Combine(Root, "dev/kmsg"), Seconds(2), Seconds(10), log),
            new EdacReader(Root, Seconds(10), Seconds(10)),
            new SensorReader(Root, Seconds(10), Seconds(10)),
            new SmartReader(Seconds(300), Seconds(180), Seconds(20)),
        };
        // BMCs answer within 1 to 90 seconds.
        BmcAddress? bmc = Bmc ?? (File.Exists(Path.Combine(Root, "dev/ipmi0")) ? new BmcAddress(null, null) : null);
        if (bmc is not null) readers.Add(new IpmiReader(bmc, Seconds(30), Seconds(90)));
        if (Redfish is not null) readers.Add(new RedfishReader(Redfish, Seconds(60), Seconds(180)));
        return readers;
    }

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
