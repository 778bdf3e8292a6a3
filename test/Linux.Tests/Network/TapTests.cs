using Umbra.Linux.Interop;
using Umbra.Linux.Network;
using Umbra.Linux.Processes;

namespace Umbra.Linux.Tests.Network;

public sealed class TapTests : IDisposable
{
    private static readonly TimeSpan CommandTimeMax = TimeSpan.FromSeconds(10);
    private readonly string _bridge = "ubt-" + Environment.ProcessId;
    private readonly string _tap = "utt-" + Environment.ProcessId;
    private readonly CommandResult _bridgeMade;

    public TapTests() => _bridgeMade = Command.Run("ip", ["link", "add", _bridge, "type", "bridge"], CommandTimeMax);

    [Fact]
    public void A_tap_is_made_down_on_its_bridge_and_goes_up_down_and_away()
    {
        RequireBridge();
        Assert.Null(Tap.Create(_tap, _bridge));
        Assert.False(Tap.IsUp(_tap).OrThrow());
        Assert.Equal(_bridge, Path.GetFileName(new FileInfo($"/sys/class/net/{_tap}/master").LinkTarget));
        Assert.Null(Tap.SetUp(_tap, up: true));
        Assert.Null(Tap.SetUp(_tap, up: true));
        Assert.True(Tap.IsUp(_tap).OrThrow());
        Assert.Null(Tap.Create(_tap, _bridge)); // There already: kept as it is.
        Assert.Null(Tap.SetUp(_tap, up: false));
        Assert.False(Tap.IsUp(_tap).OrThrow());
        Assert.Null(Tap.Delete(_tap));
        Assert.False(Tap.Exists(_tap));
        Assert.Null(Tap.Delete(_tap));
    }

    [Fact]
    public void A_missing_bridge_is_named_and_no_tap_is_left()
    {
        SystemError? error = Tap.Create(_tap, "ubt-none");
        Assert.Equal(Errno.NODEV, error?.Errno);
        Assert.Contains("ubt-none", error?.Message);
        Assert.False(Tap.Exists(_tap));
    }

    [Fact]
    public void A_port_that_is_no_bridge_is_refused_and_no_tap_is_left()
    {
        RequireBridge();
        SystemError? error = Tap.Create(_tap, "lo");
        Assert.NotNull(error);
        Assert.Contains("lo", error.Message);
        Assert.False(Tap.Exists(_tap));
    }

    [Fact]
    public void Setting_an_interface_that_is_not_there_is_an_outcome()
    {
        Assert.Equal(Errno.NODEV, Tap.SetUp("utt-none", up: true)?.Errno);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-s")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("..")]
    [InlineData("sixteencharacter")]
    public void Names_that_are_none_are_refused(string name)
    {
        Assert.False(Tap.IsValid(name));
        Assert.Equal(Errno.INVAL, Tap.Create(name, "br0")?.Errno);
        Assert.Equal(Errno.INVAL, Tap.Delete(name)?.Errno);
        Assert.Equal(Errno.INVAL, Tap.SetUp(name, up: true)?.Errno);
    }

    public void Dispose()
    {
        _ = Tap.Delete(_tap);
        if (_bridgeMade.ExitCode == 0) _ = Command.Run("ip", ["link", "delete", _bridge], CommandTimeMax);
    }

    private void RequireBridge() =>
        Assert.SkipUnless(_bridgeMade.ExitCode == 0, "no bridge can be made here: " + _bridgeMade.Error);
}
