using System.Globalization;

namespace Umbra.Core.Health.Kernel;

/// <summary>
/// Finds what the kernel's log says of hardware: machine checks, memory errors, errors of drives, links that go and
/// come, throttling. Records are those of <c>/dev/kmsg</c>: <c>PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT</c>, further
/// lines being its dictionary (kernel: Documentation/ABI/testing/dev-kmsg).
/// </summary>
public static class KernelLogLines
{
    /// <summary>Longest record that is looked at, characters; the kernel's own limit is about 1000 a line.</summary>
    public const int CharsMax = 8192;

    // Records that programs write into the log have other facilities: they can say what they like.
    private const int KernelFacility = 0, SeverityBits = 3;

    private static readonly Rule[] Rules =
    [
        new("Memory failure:", ComponentKind.Memory, HealthSeverity.Critical),
        new("EDAC", ComponentKind.Memory, HealthSeverity.Critical, " UE "),
        new("EDAC", ComponentKind.Memory, HealthSeverity.Warning, " CE "),
        new("[Hardware Error]", ComponentKind.Processor, HealthSeverity.Critical, "Uncorrected"),
        new("[Hardware Error]", ComponentKind.Processor, HealthSeverity.Critical, "fatal"),
        new("[Hardware Error]", ComponentKind.Memory, HealthSeverity.Warning, "memory"),
        new("[Hardware Error]", ComponentKind.Processor, HealthSeverity.Warning),
        new("Machine check events logged", ComponentKind.Processor, HealthSeverity.Warning),
        new("temperature above threshold", ComponentKind.Processor, HealthSeverity.Warning),
        new("temperature/speed normal", ComponentKind.Processor, HealthSeverity.Info),
        new("critical medium error", ComponentKind.Drive, HealthSeverity.Critical),
        new("critical target error", ComponentKind.Drive, HealthSeverity.Critical),
        new("Unrecovered read error", ComponentKind.Drive, HealthSeverity.Critical),
        new("I/O error", ComponentKind.Drive, HealthSeverity.Critical, "dev "),
        new("I/O error", ComponentKind.Drive, HealthSeverity.Warning),
        new("failed command:", ComponentKind.Drive, HealthSeverity.Warning, "ata"),
        new("hard resetting link", ComponentKind.Drive, HealthSeverity.Warning, "ata"),
        new("timeout, ", ComponentKind.Drive, HealthSeverity.Warning, "nvme"),
        new("controller is down", ComponentKind.Drive, HealthSeverity.Critical, "nvme"),
        new("Device offlined", ComponentKind.Drive, HealthSeverity.Critical),
        new("NETDEV WATCHDOG", ComponentKind.Network, HealthSeverity.Warning),
        new("link is down", ComponentKind.Network, HealthSeverity.Warning),
        new("link down", ComponentKind.Network, HealthSeverity.Warning),
        new("link is up", ComponentKind.Network, HealthSeverity.Info),
        new("link up", ComponentKind.Network, HealthSeverity.Info),
        new("AER:", ComponentKind.Host, HealthSeverity.Critical, "Uncorrected (Fatal)"),
        new("AER:", ComponentKind.Host, HealthSeverity.Warning, "Uncorrected"),
    ];

    /// <summary>What the record says of hardware; null: nothing, or it is no record of the kernel.</summary>
    /// <param name="record">One record of <c>/dev/kmsg</c>.</param>
    /// <param name="bootTime">When the kernel's clock stood at zero, UTC.</param>
    public static HealthRecord? Parse(string record, DateTimeOffset bootTime)
    {
        int semicolon = record.IndexOf(';', StringComparison.Ordinal);
        if (semicolon < 0 || record.Length > CharsMax) return null;
        string[] head = record[..semicolon].Split(',');
        if (head.Length < 3 || !Number(head[0], out long priority) || priority >> SeverityBits != KernelFacility)
            return null;
        if (!Number(head[1], out long sequence) || !Number(head[2], out long microseconds)) return null;
        int end = record.IndexOf('\n', semicolon);
        string text = end < 0 ? record[(semicolon + 1)..] : record[(semicolon + 1)..end];
        if (Rules.FirstOrDefault(rule => rule.Fits(text)) is not { } found) return null;
        string component = NameOf(text, found.Kind);
        return new HealthRecord
        {
            Id = sequence.ToString(CultureInfo.InvariantCulture),
            Time = TimeOf(bootTime, microseconds),
            Component = component,
            Kind = found.Kind,
            Severity = found.Severity,
            Message = text,
        };
    }

    private static DateTimeOffset? TimeOf(DateTimeOffset bootTime, long microseconds)
    {
        const long yearsMax = 100, microsecondsPerYear = 366L * 24 * 3600 * 1_000_000;
        return microseconds <= yearsMax * microsecondsPerYear && bootTime.Year < 2900
            ? bootTime.AddMicroseconds(microseconds)
            : null;
    }

    private static bool Number(string text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    // The part that a message is about: the word behind "dev", or the first word that looks like such a name.
    private static string NameOf(string text, ComponentKind kind)
    {
        string[] words = text.Split(
            [' ', ':', ',', '(', ')', '[', ']'],
            StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        int dev = Array.IndexOf(words, "dev");
        if (dev >= 0 && dev + 1 < words.Length && kind == ComponentKind.Drive) return words[dev + 1];
        return words.FirstOrDefault(word => LooksLike(word, kind)) ?? kind switch
        {
            ComponentKind.Memory => "memory",
            ComponentKind.Processor => "processor",
            ComponentKind.Drive => "drive",
            ComponentKind.Network => "network",
            _ => "pci",
        };
    }

    private static bool LooksLike(string word, ComponentKind kind)
    {
        string[] starts = kind switch
        {
            ComponentKind.Memory => ["MC", "DIMM", "CPU_"],
            ComponentKind.Processor => ["CPU"],
            ComponentKind.Drive => ["nvme", "sd", "ata"],
            ComponentKind.Network => ["eth", "en", "ib", "bond", "wl"],
            _ => [],
        };
        bool hasDigit = word.Any(char.IsAsciiDigit);
        return hasDigit && starts.Any(start => word.StartsWith(start, StringComparison.Ordinal));
    }

    private sealed record Rule(string Text, ComponentKind Kind, HealthSeverity Severity, string Also = "")
    {
        public bool Fits(string line) => line.Contains(Text, StringComparison.OrdinalIgnoreCase)
            && line.Contains(Also, StringComparison.OrdinalIgnoreCase) && !IsVirtual(line);

        // Taps and bridges of VMs go up and down all day.
        private bool IsVirtual(string line) => Kind == ComponentKind.Network
            && (line.Contains("tap", StringComparison.Ordinal) || line.Contains("veth", StringComparison.Ordinal)
                || line.Contains("vnet", StringComparison.Ordinal) || line.Contains("SATA", StringComparison.Ordinal));
    }
}
