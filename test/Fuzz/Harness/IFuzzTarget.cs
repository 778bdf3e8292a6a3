namespace Umbra.Fuzz.Harness;

/// <summary>
/// Something that takes bytes from outside. Implement it in a file under Targets/ with a parameterless constructor: the
/// smoke tests and the <c>fuzz</c> command find it by themselves.
/// </summary>
public interface IFuzzTarget
{
    /// <summary>Name on the command line, for instance <c>page-batch</c>.</summary>
    string Name { get; }

    /// <summary>Valid samples that mutations start from; at least one. Deterministic.</summary>
    IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>
    /// Feeds <paramref name="input"/> to the code under test and throws when a property does not hold. What the code
    /// under test throws counts as a failure too. It must neither block nor keep the input.
    /// </summary>
    void Run(ReadOnlySpan<byte> input);
}
