using System.Text.Json;
using Umbra.Core.Api;
using Umbra.Core.Sensors;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>What both hosts of a pair measure meets at the shadow's agent and is shown.</summary>
[Collection(GuestBedTests.Name)]
public sealed class KpiTests(GuestBed bed)
{
    /// <summary>A shadow's guest stands still (docs/operating/kpis.md).</summary>
    private static readonly string[] s_unknownOnShadow = [KpiNames.SyncPause];

    [Fact]
    public async Task All_KPIs_of_both_hosts_arrive_at_the_shadows_agent_second_by_second_and_are_shown()
    {
        await bed.BeginAsync();
        // Somebody has to talk to the guest, or its interface is idle.
        await using GuestClient client = await bed.ConnectAsync();
        VmView view = await bed.Fleet.WaitForVmAsync(
            GuestBed.Vm, "both hosts to know all that can be known",
            vm => IsKnown(vm.PrimaryStatus?.Kpis.Here, [])
                && vm.PrimaryStatus!.Kpis.Here.Any(s => s.Kpi == KpiNames.GuestNetThroughput && s.Value > 0)
                && IsKnown(vm.ShadowStatus?.Kpis.Here, s_unknownOnShadow)
                && IsKnown(vm.ShadowStatus?.Kpis.Primary, []),
            GuestBed.Patience);
        KpiStatus shadow = view.ShadowStatus!.Kpis;
        GuestBed.Say("primary: " + Text(view.PrimaryStatus!.Kpis.Here));
        GuestBed.Say("shadow: " + Text(shadow.Here));
        Assert.InRange(view.PrimaryStatus.Kpis.Age, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        await bed.Fleet.WaitForVmAsync(
            GuestBed.Vm, "five more paired seconds", vm => vm.ShadowStatus?.Kpis.Pairs >= shadow.Pairs + 5,
            GuestBed.Patience);

        CommandResult shown = await bed.UmbraAsync("kpi", GuestBed.Name, "--output", "json");
        KpiView kpis = JsonSerializer.Deserialize<KpiView>(shown.Output, FleetJson.Options)!;
        Assert.Equal((view.Primary, view.Shadow), (kpis.Primary, kpis.Shadow));
        Assert.Equal(KpiNames.All, kpis.PrimaryKpis.Here.Select(s => s.Kpi));
        Assert.Equal(KpiNames.Compared, kpis.ShadowKpis.Here.Select(s => s.Kpi));
        string table = (await bed.UmbraAsync("kpi", GuestBed.Name)).Output;
        Assert.All(KpiNames.All, kpi => Assert.Contains(kpi, table, StringComparison.Ordinal));
        bed.End();
    }

    private static bool IsKnown(IReadOnlyList<KpiSample>? samples, string[] except) =>
        KpiNames.Compared.Except(except).All(kpi => samples?.Any(s => s.Kpi == kpi && s.Value is not null) == true);

    private static string Text(IReadOnlyList<KpiSample> samples) => string.Join(
        ", ", samples.Select(s => $"{s.Kpi} {s.Value?.ToString("0.###") ?? "(" + s.Reason + ")"}"));
}
