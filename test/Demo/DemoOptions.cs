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
          --interval MS     time between them in milliseconds (default 100)
          --keep            leave it all running afterwards, to be explored
          --cleanup         remove what earlier runs left, kept ones too, and do nothing else
        """;

    /// <summary>Where the JSON goes; null: nowhere.</summary>
    public string? ReportPath { get; init; }

    /// <summary>Epochs to sync before the swap.</summary>
    public int Epochs { get; init; } = 200;

    /// <summary>Time between epochs.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMilliseconds(100);

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
                "--epochs" when Number(value) is { } epochs => options with { Epochs = epochs },
                "--interval" when Number(value) is { } ms => options with { Interval = TimeSpan.FromMilliseconds(ms) },
                _ => null,
            };
            if (next is null) return null;
            options = next;
            if (arguments[i] is "--report" or "--epochs" or "--interval") i++;
        }

        return options;
    }

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        && number is > 0 and <= NumberMax
            ? number
            : null;
}
