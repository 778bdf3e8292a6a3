using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>The disks of a VM are followed by backups, which have a way of their own to harm a guest.</summary>
[Collection(FaultBedTests.Name)]
public sealed class BackupModeTests(FaultBed bed)
{
    private const int Quick = 2;
    private static readonly TimeSpan GapMax = TimeSpan.FromSeconds(1);

    [Fact]
    public Task A_killed_agent_is_no_disk_error_of_a_guest_that_writes_as_fast_as_it_can() =>
        WithBackupsAsync(async () =>
        {
            await bed.Console.SendAsync("rate disk max");
            await bed.RepeatAsync(FaultBed.Count(Quick), async _ =>
            {
                LabHost host = await bed.PrimaryAsync();
                host.KillAgent();
                EpochNumber known = (await bed.ViewAsync()).PrimaryStatus!.Sync.Acknowledged;
                host.StartAgent();
                await bed.HealedAsync(known);
            });
            await bed.Console.SendAsync("rate disk 50");
        });

    [Fact]
    public Task An_agent_that_stands_still_stalls_no_write_for_a_second() => WithBackupsAsync(async () =>
    {
        await bed.Console.SendAsync("rate disk max");
        await bed.RepeatAsync(FaultBed.Count(Quick), async _ => await StandstillTests.StandStillAsync(bed));
        await bed.Console.SendAsync("rate disk 50");
    });

    [Fact]
    public Task A_swap_takes_the_blocks_of_the_last_pause_along() => WithBackupsAsync(async () =>
    {
        HostId before = (await bed.ViewAsync()).Primary;
        await bed.Console.SendAsync("rate disk max");
        bed.BeginFault();
        CommandResult swapped = await bed.Lab.TryUmbraAsync("swap", FaultBed.Vm.Value);
        Assert.True(swapped.ExitCode == 0, swapped.Output + swapped.Error);
        FaultBed.Say(swapped.Output);
        await bed.HealedAsync();
        bed.EndFault();
        Assert.NotEqual(before, (await bed.ViewAsync()).Primary);
        await bed.Console.SendAsync("rate disk 50");
    });

    [Fact]
    public Task More_than_the_log_holds_of_one_epoch_is_read_again_and_not_compared() => WithBackupsAsync(async () =>
    {
        long before = (await bed.Fleet.EventsAsync(0)).Events[^1].Number;
        await bed.OutrunLogAsync();
        await bed.HealedAsync();
        string[] said = [.. (await bed.Fleet.EventsAsync(before)).Events
            .Where(e => e.Kind == "sync.resync").Select(e => e.Text)];
        FaultBed.Say(string.Join('\n', said));
        Assert.Contains(said, text => text.Contains("bytes of the disks are read again", StringComparison.Ordinal));
        Assert.DoesNotContain(said, text => text.Contains("hashes", StringComparison.Ordinal));
    });

    // The bed is the others' too, and theirs is the mirror.
    private async Task WithBackupsAsync(Func<Task> test)
    {
        await bed.BeginAsync();
        await bed.ProtectAsync("--disk-mode", "backup");
        await FollowedAsync(DiskMode.Backup);
        bed.BeginFault();
        await test();
        CommandResult verified = await bed.Lab.TryUmbraAsync("vm", "verify", FaultBed.Vm.Value);
        Assert.True(verified.ExitCode == 0, $"umbra vm verify: {verified.Output}{verified.Error}");
        await bed.ProtectAsync("--disk-mode", "mirror");
        await FollowedAsync(DiskMode.Mirror);
        await bed.EndAsync(GapMax);
    }

    // A session that has begun with it counts its epochs anew.
    private async Task FollowedAsync(DiskMode mode)
    {
        await bed.WaitAsync("to be followed in another way", vm => vm.Policy.DiskMode == mode
            && vm.Protection is not ProtectionState.Protected);
        await bed.HealedAsync();
    }
}
