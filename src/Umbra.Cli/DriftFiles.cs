using Umbra.Core.Drift;

namespace Umbra.Cli;

/// <summary>Series of pairs in files.</summary>
internal static class DriftFiles
{
    /// <summary>Reads the two sides of a pair.</summary>
    public static PairSeries ReadPair(string primary, string shadow)
    {
        using var left = Open(primary);
        using var right = Open(shadow);
        return Read(() => (PairCsv.TryReadSides(left, right, null, out string error), error), $"{primary}, {shadow}");
    }

    /// <summary>Replays a series, or says why not.</summary>
    public static ReplayResult Replay(PairSeries series, int calibrationSamples, string name) =>
        DriftReplay.TryRun(series, calibrationSamples, out string error)
        ?? throw new CliException(ExitCodes.Usage, $"{name}: {error}");

    /// <summary>Opens a text file, or says why not.</summary>
    public static StreamReader Open(string path)
    {
        try
        {
            return new StreamReader(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.NotFound, $"{path} cannot be read: {exception.Message}");
        }
    }

    /// <summary>What <paramref name="read"/> reads; a bad file is told as <paramref name="name"/>'s.</summary>
    public static PairSeries Read(Func<(PairSeries? Series, string Error)> read, string name)
    {
        try
        {
            var (series, error) = read();
            return series ?? throw new CliException(ExitCodes.Usage, $"{name}: {error}");
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            throw new CliException(ExitCodes.Failed, $"{name} cannot be read: {exception.Message}");
        }
    }
}
