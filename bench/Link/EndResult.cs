using System.Globalization;

namespace Umbra.Bench.Link;

/// <summary>What one end has seen of a case; a line between the end's process and the benchmark's.</summary>
/// <param name="Bytes">Bytes of payload.</param>
/// <param name="Wall">From the first byte until the other end had the last.</param>
/// <param name="Cpu">CPU time of the end's process meanwhile, its kernel work for the sockets too.</param>
/// <param name="Detail">What it negotiated.</param>
internal sealed record EndResult(long Bytes, TimeSpan Wall, TimeSpan Cpu, string Detail)
{
    /// <summary>As a line.</summary>
    public string ToLine() =>
        string.Create(CultureInfo.InvariantCulture, $"done {Bytes} {Wall.Ticks} {Cpu.Ticks} {Detail}");

    /// <summary>From a line.</summary>
    public static EndResult Parse(string? line)
    {
        string[] words = (line ?? "").Split(' ', 5);
        if (words.Length != 5 || words[0] != "done") throw new InvalidDataException($"an end said: {line}");
        return new EndResult(
            long.Parse(words[1], CultureInfo.InvariantCulture),
            new TimeSpan(long.Parse(words[2], CultureInfo.InvariantCulture)),
            new TimeSpan(long.Parse(words[3], CultureInfo.InvariantCulture)),
            words[4]);
    }
}
