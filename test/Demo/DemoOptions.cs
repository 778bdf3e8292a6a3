using System.Globalization;

namespace Umbra.Demo;

/// <summary>What the demo is told on its command line.</summary>
public sealed record DemoOptions
{
    private const int NumberMax = 100_000;

    /// <summary>How it is called.</summary>
    public const string Usage = """
        usage: ./dev demo [OPTION...]

        Three hosts (network namespaces on this machine), a controller, three agents, one guest that checks its own
        memory and disk, and a client outside that holds one TCP connection to it: the guest is given a shadow, synced,
        moved onto it, and checked. Exit code 0 only if everything that is shown is true.

          --report FILE     write the results as JSON
          --epochs N        epochs to sync before the swap (default 200)
          --interval MS     time between them in milliseconds (default 100; with --degrade 1000, which has room to fall)
          --degrade KIND    instead: one host gets worse while the guest works, and the guest leaves it by itself.
                            KIND: cpu, disk, net, memory, bmc; none-but-busy: the same load on both, and no swap
          --calibrate S     with it, seconds from which the pair's baseline is learnt (default 90; 900 is the agent's)
          --trace FILE      with it, write score, interval and KPIs of each second as CSV
          --keep            leave it all running afterwards, to be explored
          --cleanup         remove what earlier runs left, kept ones too, and do nothing else
        """;

    /// <summary>Where the JSON goes; null: nowhere.</summary>
    public string? ReportPath { get; init; }

    /// <summary>Epochs to sync before the swap.</summary>
    public int Epochs { get; init; } = 200;

    /// <summary>Time between epochs.</summary>
    public TimeSpan Interval => IntervalAsked
        ?? (Degrade is null ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromSeconds(1));

    /// <summary>Time between epochs that was asked for; null: none.</summary>
    public TimeSpan? IntervalAsked { get; init; }

    /// <summary>What is degraded; null: nothing, a swap by hand is shown.</summary>
    public DegradeKind? Degrade { get; init; }

    /// <summary>Seconds of calibration before something is degraded.</summary>
    public int CalibrationSeconds { get; init; } = 90;

    /// <summary>Where the trace goes; null: nowhere.</summary>
    public string? TracePath { get; init; }

    /// <summary>Leave it running.</summary>
    public bool Keep { get; init; }

    /// <summary>Only remove what earlier runs left.</summary>
    public bool Cleanup { get; init; }

    /// <summary>Reads the command line; null when it is not understood.</summary>
    public static DemoOptions? TryParse(IReadOnlyList<string> arguments)
    {
        var options = new DemoOptions();
        for (int i = 0; i < arguments.Count; i++)
        {
            string? value = i + 1 < arguments.Count ? arguments[i + 1] : null;
            DemoOptions? next = arguments[i] switch
            {
                "--keep" => options with { Keep = true },
                "--cleanup" => options with { Cleanup = true },
                "--report" when value is not null => options with { ReportPath = Path.GetFullPath(value) },
                "--trace" when value is not null => options with { TracePath = Path.GetFullPath(value) },
                "--degrade" when DegradeKinds.TryParse(value) is { } kind => options with { Degrade = kind },
                "--calibrate" when Number(value) is { } seconds => options with { CalibrationSeconds = seconds },
                "--epochs" when Number(value) is { } epochs => options with { Epochs = epochs },
                "--interval" when Number(value) is { } ms =>
                    options with { IntervalAsked = TimeSpan.FromMilliseconds(ms) },
                _ => null,
            };
            if (next is null) return null;
            options = next;
            if (arguments[i] is not ("--keep" or "--cleanup")) i++;
        }

        return options;
    }

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        && number is > 0 and <= NumberMax
            ? number
            : null;
}
