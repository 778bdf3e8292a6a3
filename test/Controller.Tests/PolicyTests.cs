using Umbra.Core.Api;
using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Controller.Tests;

public sealed class PolicyTests
{
    private static readonly VmId Vm = new("v");

    [Fact]
    public async Task Protection_is_not_turned_off_while_a_swap_counts_on_the_pair()
    {
        await using var controller = await ControllerFixture.StartAsync();
        using var a = await controller.AgentAsync("a");
        using var b = await controller.AgentAsync("b");
        await a.BeatAsync();
        await b.BeatAsync();
        await controller.CreateAsync("v", "a");
        var fleet = controller.Host.Fleet;
        var swap = new ActionRequest { Kind = VmActionKind.Swap, Reason = "test" };
        Assert.Null(fleet.BeginAction(Vm, swap).Problem);
        var off = new ProtectionPolicy { Enabled = false };
        Assert.Equal(ProblemKind.Refused, fleet.SetPolicy(Vm, off).Problem!.Kind);
        Assert.Equal(b.Name, fleet.Vm(Vm).Value!.Shadow);
        var slower = new ProtectionPolicy { Interval = TimeSpan.FromMilliseconds(500) };
        Assert.True(fleet.SetPolicy(Vm, slower).Value!.Changed);
    }
}
