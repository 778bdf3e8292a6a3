using System.Diagnostics;
using Umbra.Linux.Interop;
using Umbra.Linux.Network;
using Umbra.Linux.Processes;

namespace Umbra.Linux.Tests.Network;

public sealed class TapTests : IDisposable
{
    private static readonly TimeSpan CommandTimeMax = TimeSpan.FromSeconds(10);
    private const string Forwarding = "3"; // BR_STATE_FORWARDING of linux/if_bridge.h

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
    public async Task A_tap_that_was_opened_while_up_forwards_as_soon_as_it_is_set_up_on_its_bridge()
    {
        RequireBridge();
        Assert.Equal(0, Command.Run("ip", ["link", "set", "dev", _bridge, "up"], CommandTimeMax).ExitCode);
        Assert.Null(Tap.Create(_tap, _bridge));
        Assert.Null(Tap.Detach(_tap));
        Assert.False(Directory.Exists($"/sys/class/net/{_tap}/brport"));
        Assert.Null(Tap.SetUp(_tap, up: true));
        using var qemu = Process.Start(new ProcessStartInfo("qemu-system-x86_64",
        [
            "-machine", "none", "-nodefaults", "-display", "none", "-qmp", "stdio",
            "-netdev", $"tap,id=n,ifname={_tap},script=no,downscript=no",
        ])
        { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        try
        {
            // Its greeting comes once it has opened the tap.
            Assert.Contains("QMP", await qemu.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
            Assert.Null(Tap.SetUp(_tap, up: false));
            Assert.Null(Tap.Attach(_tap, _bridge));
            Assert.NotEqual(Forwarding, PortState());
            Assert.Null(Tap.SetUp(_tap, up: true));
            Assert.Equal(Forwarding, PortState());
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync(CancellationToken.None);
        }
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
        Assert.Equal(Errno.INVAL, Tap.Attach(name, "br0")?.Errno);
        Assert.Equal(Errno.INVAL, Tap.Detach(name)?.Errno);
        Assert.Equal(Errno.INVAL, Tap.Delete(name)?.Errno);
        Assert.Equal(Errno.INVAL, Tap.SetUp(name, up: true)?.Errno);
    }

    public void Dispose()
    {
        _ = Tap.Delete(_tap);
        if (_bridgeMade.ExitCode == 0) _ = Command.Run("ip", ["link", "delete", _bridge], CommandTimeMax);
    }

    private string PortState() => File.ReadAllText($"/sys/class/net/{_tap}/brport/state").Trim();

    private void RequireBridge() =>
        Assert.SkipUnless(_bridgeMade.ExitCode == 0, "no bridge can be made here: " + _bridgeMade.Error);
}
