using Umbra.Fuzz.Harness;
using Xunit;

namespace Umbra.Fuzz;

/// <summary>
/// A short run of every target, the same inputs each time; longer runs are the <c>fuzz</c> command's.
/// </summary>
public sealed class SmokeTests
{
    private const int InputsMax = 20_000;
    private static readonly TimeSpan s_timeMax = TimeSpan.FromSeconds(2);

    public static TheoryData<string> Targets => [.. FuzzRunner.Targets.Keys];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Hostile_bytes_break_no_property(string target) =>
        Assert.True(FuzzRunner.Run(FuzzRunner.Targets[target], seed: 1, InputsMax, s_timeMax) > 0);

    [Fact]
    public void The_same_seed_makes_the_same_inputs()
    {
        byte[][] samples = [[1, 2, 3, 4, 5, 6, 7, 8], new byte[300]];
        var first = new Mutator(samples, seed: 7);
        var second = new Mutator(samples, seed: 7);
        for (int i = 0; i < 1000; i++) Assert.Equal(first.Next(), second.Next());
    }

    [Fact]
    public void A_target_that_throws_is_reported_with_its_seed()
    {
        var failure = Assert.Throws<FuzzFailureException>(
            () => FuzzRunner.Run(new FragileTarget(), seed: 3, inputsMax: 100_000, TimeSpan.FromSeconds(30)));
        Assert.Contains("--seed 3", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_target_that_allocates_without_bound_is_reported() =>
        Assert.Throws<FuzzFailureException>(
            () => FuzzRunner.Run(new GreedyTarget(), seed: 3, inputsMax: 1, TimeSpan.FromSeconds(30)));

    // Nested, so that the runner does not take them for targets.
    private sealed class FragileTarget : SampleTarget
    {
        public override void Run(ReadOnlySpan<byte> input)
        {
            if (input.Length > 2 && input[2] == 0xFF) throw new FormatException("third byte");
        }
    }

    private sealed class GreedyTarget : SampleTarget
    {
        public override void Run(ReadOnlySpan<byte> input) => GC.KeepAlive(new byte[80 * 1024 * 1024]);
    }

    private abstract class SampleTarget : IFuzzTarget
    {
        public string Name => "sample";

        public IReadOnlyList<byte[]> Seeds { get; } = [[1, 2, 3, 4]];

        public abstract void Run(ReadOnlySpan<byte> input);
    }
}
