using System.Diagnostics;
using System.Text.Json;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Faults;

/// <summary>The primary's QEMU dies, or its host is cut off: the last acknowledged epoch runs on the shadow.</summary>
/// <remarks>
/// What the client had received after that epoch is lost, so it comes back with a new connection; memory and disk are
/// those of one and the same epoch, which the guest itself checks.
/// </remarks>
[Collection(FaultBedTests.Name)]
public sealed class TakeoverTests(FaultBed bed)
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);

    /// <summary>A test's own faults are gaps by intent; the figure is in the output.</summary>
    private const int ExitRefused = 4;

    private static readonly TimeSpan GapMax = FaultBed.Patience;

    [Fact]
    public async Task A_takeover_without_proof_that_the_primary_is_off_is_refused_with_the_reasons()
    {
        await bed.BeginAsync();
        CommandResult refused = await bed.Lab.TryUmbraAsync("takeover", FaultBed.Vm.Value);
        Assert.NotEqual(0, refused.ExitCode);
        string said = refused.Output + refused.Error;
        FaultBed.Say(said.Trim());
        Assert.Contains("does not say that the VM's process is gone", said, StringComparison.Ordinal);
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_host_that_lost_its_power_is_taken_over_by_a_persons_word_that_names_it()
    {
        await bed.BeginAsync();
        VmView before = await bed.ViewAsync();
        LabHost dead = bed.Lab.Host(before.Primary);
        await dead.PowerOffAsync();
        await Wait.UntilAsync(
            "the host to be known as silent",
            async () => (await bed.Fleet.FleetAsync()).Hosts.Single(h => h.Name == before.Primary) is { Alive: false },
            FaultBed.Patience, bed.Lab.Diagnosis);
        HostId other = bed.Lab.Hosts.First(h => h.Name != before.Primary).Name;
        foreach (string[] word in new string[][] { [], ["--confirm-off", other.Value] })
        {
            CommandResult refused = await bed.Lab.TryUmbraAsync(["takeover", FaultBed.Vm.Value, .. word]);
            FaultBed.Say(refused.Error.Trim());
            Assert.Equal(ExitRefused, refused.ExitCode);
            Assert.Empty(await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(200)));
        }

        CommandResult done = await bed.Lab.TryUmbraAsync(
            "takeover", FaultBed.Vm.Value, "--confirm-off", before.Primary.Value);
        Assert.True(done.ExitCode == 0, done.Output + done.Error);
        await IsTakenOverAsync(before);
        dead.PowerOn();
        await bed.WaitAsync("to have lost its old copy", static vm => vm.Removing.Count == 0);
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_qemu_that_lives_and_does_not_answer_is_not_called_dead()
    {
        await bed.BeginAsync();
        VmView before = await bed.ViewAsync();
        LabHost host = bed.Lab.Host(before.Primary);
        int process = before.PrimaryStatus!.ProcessId;
        Copies.Signal(process, "STOP");
        host.KillAgent();
        host.StartAgent();
        VmView silent = await bed.WaitAsync(
            "to be known as not answering", vm => vm.Reason.Contains("cannot be reached", StringComparison.Ordinal));
        FaultBed.Say($"{silent.Guest}: {silent.Reason}");
        CommandResult refused = await bed.Lab.TryUmbraAsync("takeover", FaultBed.Vm.Value);
        Assert.NotEqual(0, refused.ExitCode);
        Copies.Signal(process, "CONT");
        VmView after = await bed.HealedAsync(before.PrimaryStatus.Sync.Acknowledged);
        Assert.Equal((before.Primary, before.Generation), (after.Primary, after.Generation));
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_dead_qemu_is_taken_over_by_its_last_acknowledged_epoch()
    {
        await bed.BeginAsync();
        await bed.RepeatAsync(FaultBed.Count(2), async _ =>
        {
            VmView before = await KillQemuAsync();
            await bed.WaitAsync("to be known as dead", vm => vm.Guest == GuestState.Dead);
            CommandResult done = await bed.Lab.TryUmbraAsync("takeover", FaultBed.Vm.Value, "--output", "json");
            Assert.True(done.ExitCode == 0, done.Output + done.Error);
            EpochNumber run = JsonSerializer.Deserialize<ActionView>(done.Output, FleetJson.Options)!.Result!.Epoch;
            EpochNumber known = before.PrimaryStatus!.Sync.Acknowledged;
            Assert.True(run >= known, $"{run} runs, {known} was acknowledged");
            await IsTakenOverAsync(before);
        });
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_dead_qemu_under_automatic_takeover_is_taken_over_by_itself()
    {
        await bed.BeginAsync();
        await bed.ProtectAsync("--takeover", "auto", "--lease", "2s");
        await bed.HealedAsync();
        await bed.RepeatAsync(FaultBed.Count(1), async _ => await IsTakenOverAsync(await KillQemuAsync()));
        await bed.ProtectAsync("--takeover", "manual");
        await bed.EndAsync(GapMax);
    }

    [Fact]
    public async Task A_primary_cut_off_from_both_witnesses_pauses_before_its_shadow_runs()
    {
        await bed.BeginAsync();
        await bed.ProtectAsync("--takeover", "auto", "--lease", "2s");
        // Its first report that has seen the new policy is what a lease counts from.
        VmView before = await bed.HealedAsync();
        LabHost host = bed.Lab.Host(before.Primary);
        long start = Stopwatch.GetTimestamp();
        host.CutManagement();
        TimeSpan? paused = null;
        TimeSpan? taken = null;
        while (taken is null && Stopwatch.GetElapsedTime(start) < FaultBed.Patience)
        {
            IReadOnlyList<HostId> running = await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(200));
            TimeSpan at = Stopwatch.GetElapsedTime(start);
            Assert.True(running.Count <= 1, $"two copies ran at {at}: {string.Join(' ', running)}");
            if (!running.Contains(before.Primary)) paused ??= at;
            if (running.Contains(before.Shadow!.Value)) taken = at;
        }

        FaultBed.Say($"paused {paused} after the cut, taken over {taken} after it, lease {Lease}");
        await bed.SayEventsAsync();
        Assert.NotNull(taken);
        // The look that found the shadow running found the primary standing still, at the latest.
        Assert.True(paused <= taken);
        await bed.ReconnectAsync();
        await bed.GuestIsContentAsync();
        host.HealManagement();
        VmView after = await bed.WaitAsync("to have lost its old copy", vm => vm.Removing.Count == 0
            && vm.Primary == before.Shadow && vm.Protection == ProtectionState.Protected);
        Assert.True(after.Generation > before.Generation);
        Assert.Equal([after.Primary], await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(500)));
        await bed.ProtectAsync("--takeover", "manual");
        await bed.EndAsync(GapMax);
    }

    private async Task<VmView> KillQemuAsync()
    {
        VmView before = await bed.ViewAsync();
        int process = before.PrimaryStatus!.ProcessId;
        Assert.Contains(process, Copies.On(bed.Lab.Host(before.Primary)));
        Copies.Kill(process);
        return before;
    }

    private async Task IsTakenOverAsync(VmView before)
    {
        long start = Stopwatch.GetTimestamp();
        VmView after = await bed.WaitAsync(
            "to run on its shadow", vm => vm.Primary == before.Shadow && vm.Guest == GuestState.Running);
        string seen = $"seen {Stopwatch.GetElapsedTime(start)} after the last step";
        FaultBed.Say($"runs on {after.Primary} under {after.Generation}, {seen}");
        await bed.ReconnectAsync();
        await bed.GuestIsContentAsync();
        await bed.HealedAsync();
        Assert.Equal([after.Primary], await Copies.RunningAsync(bed.Lab, TimeSpan.FromMilliseconds(500)));
    }
}
