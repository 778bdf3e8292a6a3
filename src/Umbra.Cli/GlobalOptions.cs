using System.CommandLine;

namespace Umbra.Cli;

/// <summary>How a command writes what it found.</summary>
public enum OutputFormat
{
    /// <summary>For people.</summary>
    Table = 0,

    /// <summary>For programs: the API's own JSON (docs/formats/http-api.md).</summary>
    Json = 1,
}

/// <summary>Options that every command has.</summary>
internal static class GlobalOptions
{
    /// <summary>Where the credential is.</summary>
    public static Option<string?> Config { get; } = new("--config")
    {
        Description = "Credential file (default: $UMBRA_CONFIG, then ~/.config/umbra/client.json)",
        HelpName = "FILE",
        Recursive = true,
    };

    /// <summary>How to write.</summary>
    public static Option<OutputFormat> Output { get; } = new("--output", "-o")
    {
        Description = "Output format: table or json",
        Recursive = true,
        DefaultValueFactory = static _ => OutputFormat.Table,
    };

    /// <summary>Both.</summary>
    public static IReadOnlyList<Option> All { get; } = [Config, Output];

    /// <summary>Whether to wait; for commands that return at once otherwise.</summary>
    public static Option<bool> Wait(string forWhat) => new("--wait") { Description = $"Wait until {forWhat}" };
}

/// <summary>How long to wait at most; for commands that wait.</summary>
internal sealed class TimeoutOption : Option<TimeSpan?>
{
    private readonly TimeSpan _fallback;

    public TimeoutOption(TimeSpan fallback)
        : base("--timeout")
    {
        _fallback = fallback;
        Description = $"How long to wait at most, as 30s or 5m (default: {Text.Time(fallback)})";
        HelpName = "TIME";
        CustomParser = static result => Specs.ParseTime(result);
    }

    /// <summary>What was asked for, or the default.</summary>
    public TimeSpan Read(ParseResult parsed) => parsed.GetValue(this) ?? _fallback;
}
