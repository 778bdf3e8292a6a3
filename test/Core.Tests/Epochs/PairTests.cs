using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>Epochs between a real source and a real shadow session.</summary>
public sealed class PairTests
{
    [Fact]
    public void A_seeded_shadow_is_the_guest_at_a_cut()
    {
        PairRig rig = new();
        rig.Guest.WriteWord(3, 7, 0xABCD);
        rig.Guest.ModelDisks.Write(0, 4096, [.. Enumerable.Repeat((byte)9, 1024)]);
        rig.Seed();
        rig.AssertShadowIsACut();
        Assert.Equal(ProtectionState.Protected, rig.Source.Status(rig.Now).Protection);
    }

    [Fact]
    public void A_blank_shadow_is_asked_for_no_hashes_and_gets_no_zero_pages()
    {
        PairRig rig = new();
        rig.Guest.WriteWord(3, 7, 0xABCD);
        rig.Seed();
        Assert.DoesNotContain(rig.ToShadow, m => m is HashRequest);
        Assert.Equal(1, rig.SourceSaid.Epochs[0].Pages);
        Assert.DoesNotContain(rig.ToShadow, m => m is BlockBatch);
    }

    [Fact]
    public void Every_epoch_under_load_is_a_cut_byte_for_byte()
    {
        PairRig rig = new();
        rig.Seed();
        long page = 0;
        for (int n = 0; n < 30; n++)
        {
            rig.Run(TimeSpan.FromMilliseconds(100), () =>
            {
                rig.Guest.WriteWord(page++ % PairRig.Pages, 1, (ulong)page);
                rig.Guest.ModelDisks.Write(0, page % 300 * 512, new byte[512]);
                rig.Guest.ModelDisks.Write(1, page % 16 * 512, [.. Enumerable.Repeat((byte)page, 512)]);
            });
            rig.AssertShadowIsACut();
        }

        Assert.True(rig.SourceSaid.Epochs.Count >= 25, $"{rig.SourceSaid.Epochs.Count} epochs at 10 a second");
    }

    [Fact]
    public void Pages_written_while_they_are_copied_reach_the_shadow_by_the_cut()
    {
        PairRig rig = new();
        rig.Seed();
        for (long page = 0; page < 500; page++) rig.Guest.WriteWord(page, 0, 1);
        int races = 0;
        rig.Guest.Intercept = call =>
        {
            if (call == "CopiedPage" && rig.Guest.Running && races++ < 40) rig.Guest.WriteWord(races, 2, (ulong)races);
            return null;
        };
        rig.Sync();
        Assert.True(races > 0);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void The_guest_runs_again_before_anything_of_the_barrier_is_sent()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Guest.WriteWord(1, 1, 1);
        bool sentWhilePaused = false;
        rig.Loses = _ =>
        {
            sentWhilePaused |= !rig.Guest.Running;
            return false;
        };
        rig.Sync();
        Assert.False(sentWhilePaused);
    }

    [Fact]
    public void After_a_lost_link_only_what_the_shadow_lacks_is_sent_again()
    {
        PairRig rig = new();
        for (long page = 0; page < 100; page++) rig.Guest.WriteWord(page, 0, 5);
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        rig.Disconnect();
        for (long page = 10; page < 13; page++) rig.Guest.WriteWord(page, 0, 6);
        rig.ToShadow.Clear();
        rig.Connect();
        rig.Sync();
        Assert.DoesNotContain(rig.ToShadow, m => m is HashRequest);
        Assert.Equal(3, rig.SourceSaid.Epochs[^1].Pages);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void An_epoch_lost_before_its_commit_is_not_forgotten()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Guest.WriteWord(42, 0, 6);
        rig.Guest.ModelDisks.Write(0, 512, [.. Enumerable.Repeat((byte)3, 512)]);
        rig.Loses = message => message is EpochEnd;
        rig.Source.RequestSync("lost", rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(50));
        rig.Disconnect();
        rig.Loses = _ => false;
        rig.Connect();
        rig.RunUntil(() => rig.SourceSaid.Results.ContainsKey("lost"));
        Assert.Equal(1, rig.SourceSaid.Epochs[^1].Pages);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void An_epoch_whose_acknowledgement_was_lost_counts_at_the_next_hello()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Guest.WriteWord(42, 0, 6);
        rig.Loses = message => message is EpochAck;
        rig.Source.RequestSync("late", rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(50));
        Assert.False(rig.SourceSaid.Results.ContainsKey("late"));
        rig.Disconnect();
        rig.Loses = _ => false;
        rig.Connect();
        rig.Run(TimeSpan.FromMilliseconds(5));
        Assert.True(rig.SourceSaid.Results["late"].Succeeded);
        rig.Sync();
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_restarted_source_compares_hashes_and_sends_only_what_differs()
    {
        PairRig rig = new();
        for (long page = 0; page < 200; page++) rig.Guest.WriteWord(page, 0, 5);
        rig.Guest.ModelDisks.Write(0, 0, [.. Enumerable.Repeat((byte)3, 65536)]);
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        rig.Disconnect();
        rig.Guest.WriteWord(7, 3, 9);
        rig.Guest.ModelDisks.Write(0, 2 * Sizes.Block, [.. Enumerable.Repeat((byte)4, 512)]);
        rig.NewSource();
        rig.Seed();
        Assert.Contains(rig.ToShadow, m => m is HashRequest);
        Assert.Equal(1, rig.SourceSaid.Epochs[0].Pages);
        Assert.Equal(1, rig.Source.Status(rig.Now).Sync.ResyncBlocks);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void The_old_epoch_stays_usable_until_the_resync_is_complete()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Disconnect();
        EpochNumber held = rig.Shadow.Store.Committed;
        for (long page = 0; page < 300; page++) rig.Guest.WriteWord(page, 0, 5);
        rig.NewSource();
        rig.Loses = message => message is EpochEnd;
        rig.Connect();
        rig.Run(TimeSpan.FromMilliseconds(300));
        Assert.Contains(rig.ToShadow, m => m is PageBatch);
        Assert.Equal(held, rig.Shadow.Store.Committed);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_broken_disk_log_copies_the_disks_anew_and_not_the_RAM()
    {
        PairRig rig = new();
        for (long page = 0; page < 100; page++) rig.Guest.WriteWord(page, 0, 5);
        rig.Guest.ModelDisks.Write(0, 0, [.. Enumerable.Repeat((byte)3, 65536)]);
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        rig.ToShadow.Clear();
        rig.Guest.ModelDisks.Break();
        rig.Guest.ModelDisks.Write(0, Sizes.Block, [.. Enumerable.Repeat((byte)8, 512)]);
        rig.Sync();
        Assert.DoesNotContain(rig.ToShadow, m => m is HashRequest { Disk: -1 });
        Assert.Contains(rig.ToShadow, m => m is HashRequest { Disk: 0 });
        Assert.Equal(0, rig.SourceSaid.Epochs[^1].Pages);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_mirror_that_does_not_start_is_tried_again_before_an_epoch_is_cut()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Disconnect();
        rig.NewSource();
        int failures = 3;
        rig.Guest.Intercept = call => call == "Disks.Restart" && failures-- > 0 ? CallOutcome.Failed("busy") : null;
        rig.Guest.ModelDisks.Write(1, 0, [.. Enumerable.Repeat((byte)8, 512)]);
        rig.Seed();
        Assert.True(failures < 0);
        rig.Sync();
        rig.AssertShadowIsACut();
    }

    [Theory]
    [InlineData("Pause")]
    [InlineData("TakeDirty")]
    [InlineData("TakenDirty")]
    [InlineData("CopyPages")]
    [InlineData("SaveDeviceState")]
    [InlineData("SavedDeviceState")]
    [InlineData("TakeDeviceState")]
    [InlineData("Disks.Cut")]
    [InlineData("Resume")]
    public void A_barrier_that_fails_leaves_the_guest_running_and_the_next_epoch_complete(string failing)
    {
        PairRig rig = new();
        rig.Seed();
        rig.Guest.WriteWord(5, 0, 77);
        rig.Guest.ModelDisks.Write(0, 0, [.. Enumerable.Repeat((byte)3, 512)]);
        bool failed = false;
        bool paused = false;
        rig.Guest.Intercept = call =>
        {
            paused |= call == "Paused";
            if (call != failing || failed || (!paused && failing != "Pause")) return null;
            failed = true;
            return CallOutcome.Failed("by the test");
        };
        rig.Source.RequestSync("sync", rig.Now);
        rig.RunUntil(() => failed);
        rig.Run(TimeSpan.FromMilliseconds(250));
        if (!rig.SourceSaid.Results.ContainsKey("sync") && rig.SourceSaid.Closed.Count > 0) rig.Connect();
        rig.RunUntil(() => rig.SourceSaid.Results.ContainsKey("sync"));
        Assert.True(rig.Guest.Running);
        rig.AssertShadowIsACut();
        Assert.Equal(77UL, BitConverter.ToUInt64(rig.Media.Memory, 5 * Sizes.Page));
    }

    [Fact]
    public void An_epoch_with_too_little_in_it_waits_until_the_longest_interval()
    {
        PairRig rig = new(new ProtectionPolicy
        {
            Interval = TimeSpan.FromMilliseconds(50), IntervalMax = TimeSpan.FromSeconds(1), ThresholdLowBytes = 6000,
        });
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(100));
        int before = rig.SourceSaid.Epochs.Count;
        TimeSpan cutBefore = rig.SourceSaid.Epochs[^1].CutAt;
        rig.Guest.WriteWord(1, 0, 1);
        rig.RunUntil(() => rig.SourceSaid.Epochs.Count > before);
        TimeSpan gap = rig.SourceSaid.Epochs[^1].CutAt - cutBefore;
        Assert.InRange(gap, TimeSpan.FromMilliseconds(950), TimeSpan.FromMilliseconds(1100));
    }

    [Fact]
    public void An_epoch_with_enough_in_it_is_cut_at_its_interval()
    {
        PairRig rig = new(new ProtectionPolicy
        {
            Interval = TimeSpan.FromMilliseconds(50), IntervalMax = TimeSpan.FromSeconds(1), ThresholdLowBytes = 3000,
        });
        rig.Seed();
        int before = rig.SourceSaid.Epochs.Count;
        Random noise = new(1);
        rig.Run(TimeSpan.FromSeconds(1), () =>
        {
            for (int word = 0; word < 512; word++) rig.Guest.WriteWord(1, word, (ulong)noise.NextInt64());
        });
        Assert.InRange(rig.SourceSaid.Epochs.Count - before, 15, 21);
    }

    [Fact]
    public void A_seed_keeps_to_its_rate()
    {
        PairRig rig = new(new ProtectionPolicy
        {
            Interval = TimeSpan.FromMilliseconds(50), ResyncBytesPerSecond = 1_000_000,
        });
        Random noise = new(1);
        for (long page = 0; page < 500; page++)
        {
            for (int word = 0; word < 512; word++) rig.Guest.WriteWord(page, word, (ulong)noise.NextInt64());
        }

        TimeSpan start = rig.Now;
        rig.Seed();
        Assert.InRange(rig.Now - start, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(2.6));
        Assert.True(rig.Source.Status(rig.Now).Sync.SeedTime > TimeSpan.FromSeconds(1.4));
    }

    [Fact]
    public void A_resync_does_not_make_up_for_the_time_in_which_the_shadow_hashed()
    {
        const long rate = 1_000_000;
        PairRig rig = new(new ProtectionPolicy
        {
            Interval = TimeSpan.FromMilliseconds(50), ResyncBytesPerSecond = rate,
        });
        rig.Seed();
        rig.Disconnect();
        Random noise = new(1);
        for (long page = 0; page < 500; page++)
        {
            for (int word = 0; word < 512; word++) rig.Guest.WriteWord(page, word, (ulong)noise.NextInt64());
        }

        rig.NewSource();
        rig.Connect();
        rig.ToShadow.Clear();
        rig.RunUntil(() => rig.ToShadow.OfType<HashRequest>().Any());
        rig.Now += TimeSpan.FromSeconds(2);
        rig.RunUntil(() => rig.ToShadow.OfType<PageBatch>().Any());
        rig.Run(TimeSpan.FromMilliseconds(300));
        // Three tenths of a second, a burst and the step that was under way.
        Assert.InRange(rig.ToShadow.OfType<PageBatch>().Sum(static batch => batch.Payload.Length), 1, 0.55 * rate);
    }

    [Fact]
    public void A_pause_budget_that_cannot_be_held_is_told_once_and_taken_back()
    {
        PairRig rig = new(new ProtectionPolicy
        {
            Interval = TimeSpan.FromMilliseconds(50), PauseBudget = TimeSpan.FromMilliseconds(10),
        });
        rig.Seed();
        rig.Run(TimeSpan.FromSeconds(2));
        Assert.Equal("epochs flow within policy", rig.Source.Status(rig.Now).Reason);
        rig.Guest.Intercept = call =>
            call == "Paused" ? CallOutcome.DoneIn(TimeSpan.FromMilliseconds(30)) : null;
        rig.Run(TimeSpan.FromSeconds(2));
        SourceStatus status = rig.Source.Status(rig.Now);
        Assert.Equal(ProtectionState.Protected, status.Protection);
        Assert.Contains("pause budget of 10 ms cannot be held", status.Reason, StringComparison.Ordinal);
        Assert.Single(rig.SourceSaid.Reports, static said => said.Kind == "sync.pause-budget");
        rig.Guest.Intercept = _ => null;
        rig.Run(TimeSpan.FromSeconds(2));
        Assert.Equal("epochs flow within policy", rig.Source.Status(rig.Now).Reason);
    }

    [Fact]
    public void Only_one_cut_epoch_is_unacknowledged()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Loses = message => message is EpochAck;
        rig.ToShadow.Clear();
        rig.Run(TimeSpan.FromSeconds(1), () => rig.Guest.WriteWord(1, 0, (ulong)rig.Now.Ticks));
        Assert.Single(rig.ToShadow.OfType<EpochEnd>());
    }

    [Fact]
    public void A_silent_shadow_makes_the_link_dead_and_the_state_say_why()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        EpochNumber held = rig.Source.Acknowledged;
        rig.Loses = _ => true;
        rig.Run(SessionLimits.AckMax + TimeSpan.FromSeconds(2));
        Assert.NotEmpty(rig.SourceSaid.Closed);
        SourceStatus status = rig.Source.Status(rig.Now);
        Assert.Equal(ProtectionState.Degraded, status.Protection);
        Assert.Contains(held.ToString(), status.Reason, StringComparison.Ordinal);
        Assert.True(rig.Guest.Running);
    }

    [Fact]
    public void A_shadow_that_lives_and_never_answers_an_epoch_makes_the_link_dead()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        rig.Alters = message => message is EpochEnd ? [] : [message];
        rig.Run(SessionLimits.AckMax - TimeSpan.FromSeconds(1));
        Assert.Empty(rig.SourceSaid.Closed);
        rig.Run(TimeSpan.FromSeconds(2));
        Assert.Contains("no acknowledgement", Assert.Single(rig.SourceSaid.Closed), StringComparison.Ordinal);
        rig.Alters = message => [message];
        rig.Connect();
        rig.Sync();
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_late_part_of_an_earlier_epoch_costs_the_open_one_which_is_sent_again()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        PageBatch? late = null;
        rig.Guest.WriteWord(9, 0, 9);
        rig.Alters = message =>
        {
            late ??= message as PageBatch;
            return message is DeviceStatePart part && late is not null && part.Epoch > late.Epoch
                ? [late, message] : [message];
        };
        rig.Sync();
        rig.Guest.WriteWord(9, 0, 10);
        rig.RunUntil(() => rig.SourceSaid.Reports.Any(said => said.Kind == "sync.rejected"));
        rig.Alters = message => [message];
        rig.Sync();
        Assert.Empty(rig.SourceSaid.Closed);
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_shadow_without_space_refuses_the_epoch_and_the_pair_heals_by_itself()
    {
        PairRig rig = new();
        rig.Seed();
        EpochNumber held = rig.Shadow.Store.Committed;
        rig.Media.Intercept = call => call == "WriteUndo" ? CallOutcome.Failed("no space left") : null;
        rig.Guest.WriteWord(9, 0, 9);
        rig.Source.RequestSync("sync", rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(100));
        Assert.Equal(held, rig.Shadow.Store.Committed);
        rig.AssertShadowIsACut();
        Assert.Contains("no space left", rig.Source.Status(rig.Now).Reason, StringComparison.Ordinal);
        Assert.True(rig.Guest.Running);
        rig.Media.Intercept = _ => null;
        rig.Connect();
        rig.RunUntil(() => rig.SourceSaid.Results.ContainsKey("sync"));
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void A_plugged_disk_reaches_the_shadow_and_its_standby_before_the_epoch_counts()
    {
        PairRig rig = new();
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(20));
        rig.Guest.ModelDisks.Plug("disk2", new Umbra.Testing.Replication.ModelDisk(4096));
        rig.Guest.Configuration = Umbra.Testing.Replication.ModelGuest.ConfigurationOf(2, ["disk0", "disk1", "disk2"]);
        rig.Source.ConfigurationChanged(rig.Now);
        rig.Sync();
        Assert.Contains("disk2", rig.ShadowSaid.Configurations[^1], StringComparison.Ordinal);
        Assert.True(rig.Media.Disks.ContainsKey("disk2"));
        rig.AssertShadowIsACut();
    }

    [Fact]
    public void An_epoch_whose_standby_does_not_start_is_refused()
    {
        PairRig rig = new();
        rig.Seed();
        EpochNumber held = rig.Shadow.Store.Committed;
        rig.ShadowSaid.Prepares = () => CallOutcome.Failed("no such device");
        rig.Guest.Configuration = "{\"other\":1}"u8.ToArray();
        rig.Source.RequestSync("sync", rig.Now);
        rig.Run(TimeSpan.FromMilliseconds(100));
        Assert.Equal(held, rig.Shadow.Store.Committed);
        Assert.Contains("no such device", rig.Source.Status(rig.Now).Reason, StringComparison.Ordinal);
        rig.AssertShadowIsACut();
    }
}
