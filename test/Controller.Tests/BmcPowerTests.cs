using System.Diagnostics;
using Umbra.Controller.Bmc;
using Umbra.Core.Health.Ipmi;
using Umbra.Testing.Bmc;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>Turning a host off through a simulated BMC, with the real ipmitool.</summary>
public sealed class BmcPowerTests
{
    private static readonly BmcPower Power = new(TimeProvider.System, TimeSpan.FromSeconds(30));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_power_off_really_ends_what_runs_on_the_host_and_off_already_is_as_good()
    {
        using var host = Process.Start("sleep", "1000");
        await using var bmc = await StartAsync($"kill -9 {host.Id}");
        PowerProof proof = await Power.TurnOffAsync(Access(bmc), Stop);
        Assert.True(proof.IsOff, proof.Text);
        Assert.Contains("turned it off", proof.Text, StringComparison.Ordinal);
        await host.WaitForExitAsync(Stop);
        Assert.False(bmc.IsOn);
        proof = await Power.TurnOffAsync(Access(bmc), Stop);
        Assert.True(proof.IsOff, proof.Text);
        Assert.Contains("off already", proof.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_BMC_that_takes_the_order_and_does_nothing_proves_nothing()
    {
        await using var bmc = await StartAsync();
        bmc.LieAboutPower();
        PowerProof proof = await new BmcPower(TimeProvider.System, TimeSpan.FromSeconds(3))
            .TurnOffAsync(Access(bmc), Stop);
        Assert.False(proof.IsOff);
        Assert.Contains("still on", proof.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_BMC_that_cannot_be_reached_proves_nothing_until_it_is_back()
    {
        await using var bmc = await StartAsync();
        await bmc.StopAsync();
        PowerProof proof = await new BmcPower(TimeProvider.System, TimeSpan.FromSeconds(3))
            .TurnOffAsync(Access(bmc), Stop);
        Assert.False(proof.IsOff);
        Assert.Contains("does not answer", proof.Text, StringComparison.Ordinal);
        Assert.True(bmc.IsOn);
        await bmc.StartAsync();
        Assert.True((await Power.TurnOffAsync(Access(bmc), Stop)).IsOff);
    }

    [Fact]
    public async Task A_wrong_password_and_too_low_a_privilege_prove_nothing_and_change_nothing()
    {
        await using var bmc = await StartAsync();
        PowerProof proof = await Power.TurnOffAsync(Access(bmc) with { Password = "wrong" }, Stop);
        Assert.False(proof.IsOff);
        Assert.Contains("refuses the password", proof.Text, StringComparison.Ordinal);
        proof = await new BmcPower(TimeProvider.System, TimeSpan.FromSeconds(30), "USER")
            .TurnOffAsync(Access(bmc, "reader"), Stop);
        Assert.False(proof.IsOff);
        Assert.Contains("privilege on the BMC is too low", proof.Text, StringComparison.Ordinal);
        Assert.True(bmc.IsOn);
    }

    internal static BmcAccess Access(BmcSimulator bmc, string user = "admin") =>
        new($"ipmi://{user}@127.0.0.1:{bmc.Port}", BmcSimulator.Password);

    internal static async Task<BmcSimulator> StartAsync(string onPowerOff = "")
    {
        if (BmcSimulator.WhyNot is { } reason) Assert.Skip(reason);
        var bmc = new BmcSimulator(onPowerOff);
        await bmc.StartAsync();
        return bmc;
    }
}
