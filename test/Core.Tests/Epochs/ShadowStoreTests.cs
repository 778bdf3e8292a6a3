using System.Buffers;
using System.Buffers.Binary;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Testing;
using Umbra.Testing.Replication;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>The store alone: every crash and every failure at every call leaves one whole epoch.</summary>
public sealed partial class ShadowStoreTests
{
    private const int Pages = 16;

    private static readonly PageBatchDecoder s_pages = new(TestContentHash.Instance, BatchCodecs.None);
    private static readonly BlockBatchDecoder s_blocks = new(TestContentHash.Instance, BatchCodecs.None);
    private static readonly DiskGeometry[] s_disks = [new("disk0", 2 * Sizes.Block)];

    [Fact]
    public void A_crash_at_any_call_of_a_commit_leaves_the_old_or_the_new_epoch()
    {
        int crashes = 0;
        bool sawOld = false;
        bool sawNew = false;
        for (int at = 0; ; at++)
        {
            ModelMedia media = Committed(out _);
            byte[][] old = Contents(media);
            bool crashed = CrashAt(media, at, store => Apply(store, 2, page: 3));
            media.Intercept = _ => null;
            ShadowStore after = Recovered(media);
            byte[][] now = Contents(media);
            if (after.Committed == new EpochNumber(1)) Assert.Equal(old, now);
            else AssertIsEpochTwo(media, after);
            sawOld |= after.Committed == new EpochNumber(1);
            sawNew |= after.Committed == new EpochNumber(2);
            AssertNextCommits(after);
            if (!crashed) break;
            crashes++;
        }

        Assert.True(crashes > 20 && sawOld && sawNew, $"{crashes} crashes");
    }

    [Fact]
    public void A_crash_at_any_call_of_the_recovery_is_recovered_from()
    {
        for (int at = 0; ; at++)
        {
            ModelMedia media = Committed(out _);
            byte[][] old = Contents(media);
            Assert.True(CrashBefore(media, "FlushDisk", store => Apply(store, 2, page: 3)));
            Assert.NotEqual(old, Contents(media));
            bool crashed = CrashAt(media, at, _ => { });
            media.Intercept = _ => null;
            Assert.Equal(new EpochNumber(1), Recovered(media).Committed);
            Assert.Equal(old, Contents(media));
            if (!crashed) break;
        }
    }

    [Fact]
    public void A_failure_at_any_call_of_a_commit_is_refused_and_leaves_the_old_epoch()
    {
        for (int at = 0; ; at++)
        {
            ModelMedia media = Committed(out ShadowStore store);
            byte[][] old = Contents(media);
            int calls = 0;
            bool failed = false;
            media.Intercept = call =>
            {
                if (calls++ != at || call == "WritePage") return null;
                failed = true;
                return CallOutcome.Failed("no space left");
            };
            StoreOutcome outcome = Apply(store, 2, page: 3);
            media.Intercept = _ => null;
            if (!failed && outcome.Accepted && calls <= at) break;
            if (!outcome.Accepted)
            {
                Assert.Equal(RejectReason.Storage, outcome.Reason);
                if (store.Committed == EpochNumber.None) Assert.Equal(CallOutcome.Done, store.Recover());
                if (store.Committed == new EpochNumber(1)) Assert.Equal(old, Contents(media));
                else AssertIsEpochTwo(media, store);
            }

            AssertNextCommits(store);
        }
    }

    [Fact]
    public void After_a_power_cut_the_disks_are_those_of_the_committed_epoch_and_RAM_counts_as_gone()
    {
        bool crashed = true;
        for (int at = 0; crashed; at++)
        {
            for (int pattern = 0; pattern < 6; pattern++) crashed = PowerCutAt(at, pattern);
        }
    }

    private static bool PowerCutAt(int at, int pattern)
    {
        ModelMedia media = Committed(out ShadowStore store);
        // So that the next log is written over an older one.
        for (ulong epoch = 2; epoch < 5; epoch++) Assert.True(Apply(store, epoch, page: 2).Accepted);
        byte[] old = [.. media.Disks["disk0"].Content];
        bool crashed = CrashAt(media, at, crashing => Apply(crashing, 5, page: 3));
        media.Intercept = _ => null;
        byte[] fresh = [.. media.Disks["disk0"].Content];
        Random random = new((at * 6) + pattern);
        media.LoseHost("boot-1", () => random.Next(2) == 0);
        ShadowStore after = Recovered(media);
        Assert.Equal(StoreState.DisksOnly, after.State);
        Assert.Equal(EpochNumber.None, after.Committed);
        Assert.True(after.DisksOf == new EpochNumber(4) || after.DisksOf == new EpochNumber(5));
        Assert.Equal(after.DisksOf == new EpochNumber(4) ? old : fresh, media.Disks["disk0"].Content);
        return crashed;
    }

    [Fact]
    public void A_shadow_rolls_back_through_its_known_good_epochs_and_survives_a_crash_on_the_way()
    {
        for (int at = 0; ; at++)
        {
            ModelMedia media = Committed(out ShadowStore store);
            byte[][] first = Contents(media);
            Assert.True(Apply(store, 2, page: 3).Accepted);
            Assert.True(Apply(store, 3, page: 4).Accepted);
            Assert.Equal([1UL, 2, 3], store.Held.Select(h => h.Epoch.Value));
            bool crashed = CrashAt(media, at, crashing => crashing.RollBack(new EpochNumber(1)));
            media.Intercept = _ => null;
            ShadowStore after = Recovered(media);
            if (after.Committed == new EpochNumber(3)) Assert.True(after.RollBack(new EpochNumber(1)).Succeeded);
            Assert.Equal(new EpochNumber(1), after.Committed);
            Assert.Equal(first, Contents(media));
            if (!crashed) break;
        }
    }

    [Fact]
    public void Only_as_many_epochs_are_kept_as_asked_for_and_their_files_go()
    {
        ModelMedia media = Committed(out ShadowStore store);
        store.KnownGood = 1;
        for (ulong epoch = 2; epoch < 8; epoch++) Assert.True(Apply(store, epoch, page: 2).Accepted);
        Assert.Equal([6UL, 7], store.Held.Select(h => h.Epoch.Value));
        Assert.Equal(3, media.ListFiles(ShadowVolume.Memory).Count);
        Assert.Equal(
            ["config.00000000000000000006", "config.00000000000000000007", "shadow.meta", "undo-slot.001",
                "undo-slot.002"],
            media.ListFiles(ShadowVolume.Disk));
    }

    [Fact]
    public void A_commit_flushes_what_its_epoch_has_touched_and_lets_the_device_state_be_loaded_before()
    {
        ModelMedia media = Committed(out ShadowStore store);
        List<string> calls = [];
        media.Intercept = call =>
        {
            if (call.Contains("Flush", StringComparison.Ordinal) || call == "WriteDisk") calls.Add(call);
            return null;
        };
        Assert.True(Apply(store, 2, page: 3, () => calls.Add("applied")).Accepted);
        string[] metadata = ["FlushMetadata", "MetadataFlushed"];
        // The first one is the device state's and costs nothing in memory; then the configuration's, the undo log's.
        Assert.Equal(["FlushFile", "FlushFile", "applied", "FlushFile", "WriteDisk", "FlushDisk", .. metadata], calls);
        calls.Clear();
        Assert.True(ApplyPage(store, 3, page: 4, () => calls.Add("applied")).Accepted);
        Assert.Equal(["FlushFile", "applied", .. metadata], calls);
        Assert.True(store.RollBack(new EpochNumber(1)).Succeeded);
        Assert.Equal(0, media.Memory[4 * Sizes.Page]);
    }

    [Fact]
    public void What_is_torn_corrupt_gapped_doubled_or_stale_never_touches_the_shadow()
    {
        ModelMedia media = Committed(out ShadowStore store);
        byte[][] old = Contents(media);
        Assert.Equal(RejectReason.Gap, store.Begin(new EpochBegin(new(1), new(3), new(2))).Reason);
        Assert.Equal(RejectReason.Gap, store.Begin(new EpochBegin(new(1), new(1), new(1))).Reason);
        Assert.Equal(RejectReason.StaleGeneration, store.Begin(new EpochBegin(new(0), new(2), new(1))).Reason);

        (PageBatch page, _) = PageOf(2, 5, 0x77);
        Assert.True(store.Begin(new EpochBegin(new(1), new(2), new(1))).Accepted);
        byte[] damaged = page.Payload.ToArray();
        damaged[^1] ^= 1;
        Assert.Equal(RejectReason.Corrupt, store.Stage(page with { Payload = damaged }).Reason);
        Assert.Equal(RejectReason.Corrupt, store.Stage(page with { Sequence = 1 }).Reason);
        Assert.True(store.Stage(page).Accepted);
        Assert.Equal(RejectReason.Corrupt, store.Stage(page).Reason);
        Assert.Equal(RejectReason.Gap, store.Stage(page with { Epoch = new(9) }).Reason);
        Assert.Equal(RejectReason.Corrupt, store.End(new EpochEnd(new(2), 7, 1, false)).Reason);
        Assert.True(store.Stage(new DeviceStatePart(new(2), 0, new byte[8])).Accepted);
        Assert.Equal(RejectReason.Corrupt, store.Stage(new DeviceStatePart(new(2), 3, new byte[8])).Reason);
        Assert.True(store.End(new EpochEnd(new(2), 1, 12345, false)).Accepted);
        Assert.Equal(RejectReason.Corrupt, store.Verify(int.MaxValue, out _).Reason);
        store.Drop();
        Assert.Equal(old, Contents(media));
        AssertNextCommits(store);
    }

    [Fact]
    public void An_interrupted_seed_holds_nothing_and_is_not_blank()
    {
        ModelMedia media = new();
        ShadowStore store = Prepared(media);
        Assert.Equal(StoreState.Blank, store.State);
        Assert.True(store.Begin(new EpochBegin(new(1), new(1), EpochNumber.None)).Accepted);
        Assert.True(store.Stage(PageOf(1, 5, 0x77).Batch).Accepted);
        ShadowStore after = Recovered(media);
        Assert.Equal(StoreState.Incomplete, after.State);
        Assert.Equal(EpochNumber.None, after.Committed);
    }

    [Fact]
    public void Disks_of_another_size_are_refused()
    {
        Committed(out ShadowStore store);
        StoreOutcome outcome = store.Prepare(Pages, [new DiskGeometry("disk0", 4096)]);
        Assert.False(outcome.Accepted);
        Assert.Contains("disk0", outcome.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_retired_shadow_takes_no_epoch_and_is_gone_with_its_hosts_memory()
    {
        ModelMedia media = Committed(out ShadowStore store);
        Assert.True(store.Retire(new Generation(2)).Succeeded);
        Assert.False(store.Begin(new EpochBegin(new(2), new(2), new(1))).Accepted);
        Assert.Equal(new EpochNumber(1), Recovered(media).Committed);
        media.LoseHost("boot-1", () => true);
        Assert.Equal(EpochNumber.None, Recovered(media).Committed);
    }

    // Decoders are large and keep nothing from one batch to the next; these tests make thousands of stores.
    private static ShadowStore NewStore(ModelMedia media) => new(
        media, TestContentHash.Instance, s_pages, s_blocks, 2);

    private static ShadowStore Recovered(ModelMedia media)
    {
        ShadowStore store = NewStore(media);
        Assert.Equal(CallOutcome.Done, store.Recover());
        return store;
    }

    private static ShadowStore Prepared(ModelMedia media)
    {
        ShadowStore store = Recovered(media);
        Assert.True(store.Promise(new Generation(1)).Succeeded);
        Assert.True(store.Prepare(Pages, s_disks).Accepted);
        return store;
    }

    private static ModelMedia Committed(out ShadowStore store)
    {
        ModelMedia media = new();
        store = Prepared(media);
        StoreOutcome outcome = Apply(store, 1, page: 2);
        Assert.True(outcome.Accepted, outcome.Detail);
        return media;
    }

    // Epoch N writes N to the first word of its page and to a sector of the disk.
    private static StoreOutcome Apply(ShadowStore store, ulong epoch, long page, Action? applied = null)
    {
        EpochNumber number = new(epoch);
        byte[] configuration = [(byte)epoch, 1, 2];
        StoreOutcome outcome = store.Begin(new EpochBegin(store.Promised, number, store.Committed));
        if (!outcome.Accepted) return outcome;
        EpochDigest digest = default;
        (PageBatch pages, ulong pagesSum) = PageOf(epoch, page, epoch);
        outcome = store.Stage(pages);
        digest.AddBatch(pagesSum);
        if (!outcome.Accepted) return outcome;
        BlockBatchEncoder encoder = new(TestContentHash.Instance, BatchCodecs.None, BatchCompression.None);
        byte[] sector = new byte[512];
        sector[0] = (byte)epoch;
        encoder.Add(new DiskOperation(DiskOperationKind.Write, 0, (long)epoch * 512, 512), sector, 0);
        encoder.Add(new DiskOperation(DiskOperationKind.Zero, 0, Sizes.Block, 1024), default, 0);
        ReadOnlyMemory<byte> blocks = encoder.Finish(out BatchStatistics statistics);
        outcome = store.Stage(new BlockBatch(number, 1, blocks));
        digest.AddBatch(statistics.Checksum);
        if (outcome.Accepted) outcome = store.Stage(new ConfigurationPart(number, 0, configuration));
        return outcome.Accepted ? Finish(store, number, digest, page, configuration, applied) : outcome;
    }

    // The same, without the disk, and with the configuration of the epoch before.
    private static StoreOutcome ApplyPage(ShadowStore store, ulong epoch, long page, Action? applied)
    {
        EpochNumber number = new(epoch);
        ArrayBufferWriter<byte> configuration = new();
        Assert.True(store.ReadConfiguration(store.Committed, configuration).Succeeded);
        Assert.True(store.Begin(new EpochBegin(store.Promised, number, store.Committed)).Accepted);
        (PageBatch pages, ulong sum) = PageOf(epoch, page, epoch);
        Assert.True(store.Stage(pages).Accepted);
        EpochDigest digest = default;
        digest.AddBatch(sum);
        return Finish(store, number, digest, page, configuration.WrittenMemory.ToArray(), applied);
    }

    private static StoreOutcome Finish(
        ShadowStore store, EpochNumber number, EpochDigest digest, long page, byte[] configuration, Action? applied)
    {
        byte[] state = [(byte)number.Value, 7];
        StoreOutcome outcome = store.Stage(new DeviceStatePart(number, 0, state));
        if (!outcome.Accepted) return outcome;
        ulong sum = digest.Finish(
            number, RamAfter(store, page, number.Value), TestContentHash.Instance.Hash(state),
            TestContentHash.Instance.Hash(configuration));
        outcome = store.End(new EpochEnd(number, (uint)digest.BatchCount, sum, false));
        bool done = false;
        while (outcome.Accepted && !done) outcome = store.Verify(4, out done);
        return outcome.Accepted ? store.Commit(applied) : outcome;
    }

    private static RamDigest RamAfter(ShadowStore store, long page, ulong value)
    {
        ulong[] hashes = new ulong[Pages];
        Assert.True(store.TryHash(-1, 0, hashes));
        hashes[page] = TestContentHash.Instance.Hash(Content(value));
        RamDigest ram = default;
        for (int i = 0; i < Pages; i++) ram = ram.Add(i, hashes[i]);
        return ram;
    }

    private static byte[] Content(ulong value)
    {
        byte[] content = new byte[Sizes.Page];
        BinaryPrimitives.WriteUInt64LittleEndian(content, value);
        return content;
    }

    private static (PageBatch Batch, ulong Checksum) PageOf(ulong epoch, long page, ulong value)
    {
        PageBatchEncoder encoder = new(TestContentHash.Instance, BatchCodecs.None, BatchCompression.None);
        Assert.True(encoder.TryAdd(page, Content(value), TestContentHash.Instance.Hash(Content(value)), default));
        ReadOnlyMemory<byte> batch = encoder.Finish(out BatchStatistics statistics);
        return (new PageBatch(new EpochNumber(epoch), 0, batch), statistics.Checksum);
    }

    private static byte[][] Contents(ModelMedia media) => [[.. media.Memory], [.. media.Disks["disk0"].Content]];

    private static void AssertIsEpochTwo(ModelMedia media, ShadowStore store)
    {
        Assert.Equal(new EpochNumber(2), store.Committed);
        Assert.Equal(2, media.Memory[3 * Sizes.Page]);
        Assert.Equal(2, media.Disks["disk0"].Content[1024]);
        ArrayBufferWriter<byte> state = new();
        Assert.True(store.ReadDeviceState(store.Committed, state).Succeeded);
        Assert.Equal([2, 7], state.WrittenSpan.ToArray());
        ArrayBufferWriter<byte> configuration = new();
        Assert.True(store.ReadConfiguration(store.Committed, configuration).Succeeded);
        Assert.Equal([2, 1, 2], configuration.WrittenSpan.ToArray());
        ulong[] hashes = new ulong[HashRequest.StateHashes];
        Assert.True(store.TryHash(HashRequest.State, 0, hashes));
        Assert.Equal(
            [TestContentHash.Instance.Hash([2, 7]), TestContentHash.Instance.Hash([2, 1, 2])], hashes);
    }

    private static void AssertNextCommits(ShadowStore store)
    {
        Assert.True(store.Prepare(Pages, s_disks).Accepted);
        StoreOutcome next = Apply(store, 20, page: 6);
        Assert.True(next.Accepted, next.Detail);
        Assert.Equal(new EpochNumber(20), store.Committed);
    }

    private static bool CrashAt(ModelMedia media, int at, Action<ShadowStore> action)
    {
        int calls = 0;
        return Crashes(media, _ => calls++ == at, action);
    }

    private static bool CrashBefore(ModelMedia media, string call, Action<ShadowStore> action) =>
        Crashes(media, c => c == call, action);

    // The process dies at a call: of the action, after a recovery that went well, unless the recovery itself is it.
    private static bool Crashes(ModelMedia media, Func<string, bool> here, Action<ShadowStore> action)
    {
        media.Intercept = call => here(call) ? throw new ModelCrashException(call) : null;
        try
        {
            ShadowStore store = NewStore(media);
            Assert.Equal(CallOutcome.Done, store.Recover());
            Assert.True(store.Prepare(Pages, s_disks).Accepted);
            action(store);
            return false;
        }
        catch (ModelCrashException)
        {
            return true;
        }
    }
}
