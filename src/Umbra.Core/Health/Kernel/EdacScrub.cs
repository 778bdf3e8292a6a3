using System.Globalization;

namespace Umbra.Core.Health.Kernel;

/// <summary>
/// What the kernel offers of memory scrubbing: how fast each memory controller reads and corrects its memory by itself
/// (<c>mcN/sdram_scrub_rate</c>, bytes a second), and the errors counted before and after some time. No pass of the
/// scrubber can be asked for, and none is told of.
/// </summary>
public static class EdacScrub
{
    /// <summary>Said where there is nothing to read.</summary>
    public const string None = "not available: the host's kernel has no EDAC memory controller";

    /// <summary>The file of a controller's rate.</summary>
    public const string RateFile = "sdram_scrub_rate";

    /// <summary>Components named at most.</summary>
    public const int ComponentsMax = 8;

    /// <summary>In words, from the files below <c>sys/devices/system/edac/mc</c>.</summary>
    public static string Describe(SysFiles before, SysFiles after)
    {
        string[] controllers =
        [
            .. after.Paths.Select(static path => path.Split('/')[0])
                .Where(static name => name.StartsWith("mc", StringComparison.Ordinal)).Distinct(),
        ];
        if (controllers.Length == 0) return None;
        var earlier = Counts(before);
        string[] errors =
        [
            .. Counts(after).Where(static entry => entry.Value > 0)
                .Select(entry => Describe(entry.Key, entry.Value, earlier.GetValueOrDefault(entry.Key))),
        ];
        string[] named = [.. errors.Take(ComponentsMax)];
        if (errors.Length > named.Length) named = [.. named, $"{errors.Length - named.Length} more"];
        if (named.Length == 0) named = ["no memory errors are counted"];
        return string.Join("; ", controllers.Take(ComponentsMax).Select(mc => RateOf(after, mc)).Concat(named));
    }

    private static Dictionary<(string Component, string Quantity), double> Counts(SysFiles files) =>
        (EdacFiles.Parse(files).Readings ?? [])
            .DistinctBy(static reading => (reading.Component, reading.Quantity))
            .ToDictionary(
                static reading => (reading.Component, reading.Quantity), static reading => reading.Value ?? 0);

    private static string RateOf(SysFiles files, string controller) =>
        files.Number($"{controller}/{RateFile}") switch
        {
            > 0 and { } rate => string.Create(CultureInfo.InvariantCulture, $"{controller} scrubs {rate:0} bytes/s"),
            0 => $"{controller}'s scrubber is off",
            _ => $"{controller} tells of no scrubber",
        };

    private static string Describe((string Component, string Quantity) what, double now, double earlier) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{what.Component}: {now:0} {what.Quantity}, {Math.Max(0, now - earlier):0} of them meanwhile");
}
