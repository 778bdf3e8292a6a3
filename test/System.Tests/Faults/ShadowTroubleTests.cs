using System.Diagnostics;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>
/// The shadow's host is in trouble: the primary is unharmed, says what it is, and is protected again by itself.
/// </summary>
[Collection(FaultBedTests.Name)]
public sealed class ShadowTroubleTests(FaultBed bed)
{
    private static readonly TimeSpan GapMax = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_full_disk_on_the_shadow_is_told_and_heals_when_there_is_room()
    {
        await bed.BeginAsync();
        bed.BeginFault();
        LabHost shadow = await bed.ShadowAsync();
        shadow.FillStateDisk();
        await IsToldAsync("space");
        await bed.Client.WaitForLinesAsync(100, FaultBed.Patience);
        shadow.FreeStateDisk();
        await bed.HealedAsync();
        bed.EndFault();
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_cut_link_of_the_shadow_is_told_and_heals_when_it_is_back()
    {
        await bed.BeginAsync();
        bed.BeginFault();
        LabHost shadow = await bed.ShadowAsync();
        shadow.CutManagement();
        await IsToldAsync(shadow.Name.Value);
        await bed.Client.WaitForLinesAsync(200, FaultBed.Patience);
        shadow.HealManagement();
        VmView after = await bed.HealedAsync();
        bed.EndFault();
        Assert.Equal(shadow.Name, after.Shadow);
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_pair_connection_that_is_open_but_loses_everything_stalls_nobody()
    {
        await bed.BeginAsync();
        bed.BeginFault();
        LabHost primary = await bed.PrimaryAsync();
        LabHost shadow = await bed.ShadowAsync();
        shadow.DropFrom(primary.Address);
        await bed.WaitAsync("to be degraded", vm => vm.Protection is not ProtectionState.Protected);
        await bed.Client.WaitForLinesAsync(300, FaultBed.Patience);
        shadow.AcceptFrom(primary.Address);
        await bed.HealedAsync();
        bed.EndFault();
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task What_the_disk_log_cannot_hold_while_the_link_is_cut_is_read_again_once_it_is_back()
    {
        await bed.BeginAsync();
        bed.BeginFault();
        long before = (await bed.Fleet.EventsAsync(0)).Events[^1].Number;
        await bed.OutrunLogAsync();
        long back = Stopwatch.GetTimestamp();
        await bed.HealedAsync();
        FaultBed.Say($"protected {Stopwatch.GetElapsedTime(back).TotalSeconds:0.0} s after the link was back");
        bed.EndFault();
        string[] said = [.. (await bed.Fleet.EventsAsync(before)).Events
            .Where(e => e.Kind == "sync.resync").Select(e => e.Text)];
        FaultBed.Say(string.Join('\n', said));
        Assert.Contains(said, text => text.Contains("bytes of the disks are read again", StringComparison.Ordinal));
        Assert.DoesNotContain(said, text => text.Contains("hashes", StringComparison.Ordinal));
        await bed.EndAsync(GapMax);
    }

    /// <summary><c>umbra status</c> says that and why the VM is not protected.</summary>
    private async Task IsToldAsync(string word)
    {
        VmView view = await bed.WaitAsync("to be degraded, and why", vm =>
            vm.Protection is ProtectionState.Degraded or ProtectionState.Resyncing or ProtectionState.Unprotected
            && vm.Reason.Contains(word, StringComparison.OrdinalIgnoreCase));
        CommandResult status = await bed.Lab.TryUmbraAsync("status");
        FaultBed.Say($"{view.Protection}: {view.Reason}\n{status.Output}");
        Assert.Equal(0, status.ExitCode);
        Assert.Contains(FaultBed.Vm.Value, status.Output, StringComparison.Ordinal);
    }
}
