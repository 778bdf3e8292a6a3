using System.Diagnostics;
using System.Text.Json;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guests;

/// <summary>What a guest on its shadow goes on to do as it would have on its first host.</summary>
[Collection(GuestBedTests.Name)]
public sealed class SwapTests(GuestBed bed)
{
    [Fact]
    public async Task A_guest_swapped_from_a_first_host_to_a_second_and_on_to_a_third_keeps_all_it_had()
    {
        VmView first = await bed.BeginAsync();
        await using GuestClient client = await bed.ConnectAsync();
        string bootId = (await bed.Guest.StatusAsync()).BootId;
        // Nothing new on the first host: the next shadow can only be on the third.
        await bed.UmbraAsync("host", "cordon", first.Primary.Value);
        await bed.SwapAsync(bed.Guest);
        VmView second = await bed.ProtectedAsync();
        await bed.SwapAsync(bed.Guest);
        await bed.UmbraAsync("host", "uncordon", first.Primary.Value);
        VmView third = await bed.ProtectedAsync();
        Assert.Equal(3, new HashSet<HostId> { first.Primary, second.Primary, third.Primary }.Count);
        Assert.Equal(bootId, (await bed.Guest.StatusAsync()).BootId);
        await client.WaitForLinesAsync(20, GuestBed.Patience);
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
        bed.End();
    }

    [Fact]
    public async Task A_swap_on_suspicion_cordons_the_old_host_and_the_new_shadow_goes_to_the_third()
    {
        VmView first = await bed.BeginAsync();
        VmActionResult rehearsal = await bed.ActAsync("swap", GuestBed.Name, "--dry-run");
        Assert.Equal(
            ["hosts", "cordon", "capacity", "domains", "replication", "standby", "claim"],
            rehearsal.Checks.Select(static check => check.Name));
        Assert.Equal(first.Primary, (await bed.Fleet.VmAsync(GuestBed.Vm)).Primary);
        await bed.SwapAsync(bed.Guest, GuestBed.Name, "--suspect", "--reason", "a test's suspicion");
        VmView second = await bed.ProtectedAsync();
        Assert.NotEqual(first.Primary, second.Shadow);
        HostView old = (await bed.Fleet.FleetAsync()).Hosts.Single(host => host.Name == first.Primary);
        Assert.Contains("a test's suspicion", old.Cordon, StringComparison.Ordinal);
        Assert.Empty(old.Shadows);
        Assert.Empty(old.Removing);
        await ExaminedAsync(first.Primary);
        await bed.UmbraAsync("host", "uncordon", first.Primary.Value);
        bed.End();
    }

    [Fact]
    public async Task A_standby_that_has_died_fails_a_rehearsal_and_is_replaced_before_the_next_swap()
    {
        await bed.BeginAsync();
        await using GuestClient client = await bed.ConnectAsync();
        await bed.ActAsync("swap", GuestBed.Name, "--dry-run"); // it has begun to load by then
        VmStatus shadow = (await bed.ProtectedAsync()).ShadowStatus!;
        using (var standby = Process.GetProcessById(shadow.ProcessId))
        {
            standby.Kill();
            await standby.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        CommandResult tried = await bed.Lab.TryUmbraAsync("swap", GuestBed.Name, "--dry-run");
        Assert.NotEqual(0, tried.ExitCode);
        await bed.Fleet.WaitForVmAsync(
            GuestBed.Vm, "to have another standby",
            vm => vm.ShadowStatus is { Guest: GuestState.Standby } now && now.ProcessId != shadow.ProcessId,
            GuestBed.Patience);
        await bed.SwapAsync(bed.Guest);
        Assert.True(client.Record.IsSound, client.Record.Broken ?? client.Record.Fault);
        bed.End();
    }

    [Fact]
    public async Task A_guest_reboots_on_its_shadow_and_is_protected_on()
    {
        await bed.BeginAsync();
        await bed.SwapAsync(bed.Guest);
        string before = (await bed.Guest.StatusAsync()).BootId;
        await RebootAsync();
        await Wait.UntilAsync(
            "the guest to boot again", async () => await BootIdAsync() is { } id && id != before,
            GuestBed.Patience, bed.Lab.Diagnosis);
        await bed.ProtectedAsync();
        await bed.VerifyAsync();
        await GuestBed.ContentAsync(bed.Guest);
        bed.End();
    }

    /// <summary>The canaries of the host that the guest left were run there again.</summary>
    private async Task ExaminedAsync(HostId host)
    {
        string id = (await bed.Fleet.DiagnosesAsync()).Diagnoses.First(one => one.OldHost == host).Id;
        DiagnosisRecord record = null!;
        await Wait.UntilAsync("the old host to be examined", async () =>
        {
            CommandResult shown = await bed.UmbraAsync("diagnosis", "show", id, "--output", "json");
            record = JsonSerializer.Deserialize<DiagnosisRecord>(shown.Output, FleetJson.Options)!;
            return record.Examination is not null || record.State == DiagnosisState.Completed;
        }, GuestBed.Patience, bed.Lab.Diagnosis);
        Assert.Equal("", record.ExaminationReason);
        Assert.Equal(0, record.Examination!.OthersThere);
        // A filesystem that knows no direct I/O has no disk canary.
        Assert.All(record.Examination.Kpis, static kpi => Assert.True(
            kpi.Looks > 0 || kpi.Reason.Contains("EINVAL", StringComparison.Ordinal), $"{kpi.Kpi}: {kpi.Reason}"));
        Assert.True(record.Examination.Began > record.SwapEnded);
    }

    private async Task RebootAsync()
    {
        try
        {
            await bed.Guest.SendLastAsync("reboot");
        }
        catch (IOException)
        {
            // It did so at once, and had no time to answer.
        }
    }

    private async Task<string?> BootIdAsync()
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            return (await bed.Guest.StatusAsync().WaitAsync(patience.Token)).BootId;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return null;
        }
    }
}
