using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Sensors;

public sealed class CounterWindowTests
{
    private const ulong Wrap = 1UL << 32;

    [Fact]
    public void A_first_look_is_no_rate_and_the_second_one_is()
    {
        var window = new CounterWindow(2);
        ulong[] deltas = [7, 7];
        Assert.Contains("first", window.Take("a", Seconds(1), [100, 5], deltas, out TimeSpan time));
        Assert.Equal((0UL, 0UL, TimeSpan.Zero), (deltas[0], deltas[1], time));
        Assert.Null(window.Take("a", Seconds(3), [150, 5], deltas, out time));
        Assert.Equal((50UL, 0UL, Seconds(2)), (deltas[0], deltas[1], time));
    }

    [Fact]
    public void Counters_that_began_anew_give_no_answer_and_then_go_on()
    {
        var window = new CounterWindow(1);
        ulong[] deltas = [0];
        window.Take("a", Seconds(1), [100], deltas, out _);
        Assert.Contains("began anew", window.Take("a", Seconds(2), [30], deltas, out _));
        Assert.Equal(0UL, deltas[0]);
        Assert.Null(window.Take("a", Seconds(3), [32], deltas, out _));
        Assert.Equal(2UL, deltas[0]);
    }

    [Fact]
    public void Counters_of_something_else_are_not_compared()
    {
        var window = new CounterWindow(1);
        ulong[] deltas = [0];
        window.Take("thread 1", Seconds(1), [100], deltas, out _);
        Assert.Contains("something else", window.Take("thread 2", Seconds(2), [500], deltas, out _));
    }

    [Theory]
    [InlineData(Wrap - 10, 5UL, 15UL)]
    [InlineData(Wrap - 1, 0UL, 1UL)]
    public void A_counter_of_32_bits_goes_on_over_its_wrap(ulong before, ulong after, ulong delta)
    {
        var window = new CounterWindow(1, Wrap);
        ulong[] deltas = [0];
        window.Take("a", Seconds(1), [before], deltas, out _);
        Assert.Null(window.Take("a", Seconds(2), [after], deltas, out _));
        Assert.Equal(delta, deltas[0]);
    }

    [Fact]
    public void A_counter_of_32_bits_that_was_set_back_is_no_wrap()
    {
        var window = new CounterWindow(1, Wrap);
        ulong[] deltas = [0];
        window.Take("a", Seconds(1), [1_000_000], deltas, out _);
        Assert.Contains("began anew", window.Take("a", Seconds(2), [3], deltas, out _));
    }

    [Fact]
    public void A_clock_that_stands_still_gives_no_rate()
    {
        var window = new CounterWindow(1);
        ulong[] deltas = [0];
        window.Take("a", Seconds(1), [1], deltas, out _);
        Assert.Contains("no time", window.Take("a", Seconds(1), [2], deltas, out _));
    }

    [Fact]
    public void After_forgetting_the_next_look_is_a_first_one()
    {
        var window = new CounterWindow(1);
        ulong[] deltas = [0];
        window.Take("a", Seconds(1), [1], deltas, out _);
        window.Forget();
        Assert.Contains("first", window.Take("a", Seconds(2), [2], deltas, out _));
    }

    private static TimeSpan Seconds(int count) => TimeSpan.FromSeconds(count);
}
