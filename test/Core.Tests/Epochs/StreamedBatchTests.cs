using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Protocol;
using Umbra.Testing;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>
/// Batches that are compressed against those before them, between the two sessions: the rig sends all of its so.
/// </summary>
public sealed class StreamedBatchTests
{
    private const int MethodOffset = 2, ChecksumOffset = 20;

    private readonly PairRig _rig = new();
    private int _faults;

    [Theory]
    [InlineData("damaged", "checksum")]
    [InlineData("truncated", "checksum")]
    [InlineData("renumbered", "of the stream came instead of")]
    [InlineData("swapped", "of the stream")]
    [InlineData("skipped", "0 batches came, 1 were sent")]
    [InlineData("repeated", "came instead of")]
    public void A_batch_that_does_not_come_as_it_was_sent_is_refused_and_the_pair_begins_anew(
        string fault, string detail)
    {
        _rig.Seed();
        Write(1);
        EpochNumber held = _rig.Shadow.Store.Committed;
        _rig.Alters = message => message is PageBatch batch && _faults++ == 0 ? Spoil(fault, batch) : [message];
        _rig.Guest.WriteWord(7, 0, 2);
        _rig.Source.RequestSync("spoilt", _rig.Now);
        _rig.RunUntil(() => _rig.ShadowSaid.Reports.Any(report => report.Kind == "shadow.refused"));
        Assert.Equal(held, _rig.Shadow.Store.Committed);
        _rig.AssertShadowIsACut();
        _rig.RunUntil(() => _rig.SourceSaid.Results.ContainsKey("spoilt"));
        Assert.True(_rig.SourceSaid.Results["spoilt"].Succeeded);
        Assert.Contains(_rig.ShadowSaid.Reports, said => said.Text.Contains(detail, StringComparison.Ordinal));
        Write(3);
        Assert.Single(_rig.ShadowSaid.Reports, report => report.Kind == "shadow.refused");
    }

    [Fact]
    public void A_new_connection_and_a_new_shadow_session_begin_without_what_the_older_ones_remember()
    {
        _rig.Seed();
        for (ulong round = 1; round < 6; round++)
        {
            Write(round);
            Assert.DoesNotContain(_rig.ShadowSaid.Reports, report => report.Kind == "shadow.refused");
            _rig.Disconnect();
            if (round % 2 == 0) _rig.NewShadow();
            if (round == 3) _rig.NewSource();
            _rig.Connect();
        }

        Write(9);
        Assert.DoesNotContain(_rig.ShadowSaid.Reports, report => report.Kind == "shadow.refused");
    }

    [Fact]
    public void Every_batch_of_the_rig_goes_into_the_stream()
    {
        _rig.Seed();
        Write(1);
        Assert.All(_rig.ToShadow.OfType<PageBatch>(), batch => Assert.Equal(3, batch.Payload.Span[MethodOffset]));
    }

    private void Write(ulong value)
    {
        _rig.Guest.WriteWord(5, 0, value);
        _rig.Guest.ModelDisks.Write(0, 512, new byte[512]);
        _rig.Sync();
        _rig.AssertShadowIsACut();
    }

    private static PairMessage[] Spoil(string fault, PageBatch batch)
    {
        byte[] payload = batch.Payload.ToArray();
        switch (fault)
        {
            case "skipped":
                return [];
            case "repeated":
                return [batch, batch];
            case "damaged":
                payload[^1] ^= 1;
                break;
            case "truncated":
                payload = payload[..^1];
                break;
            case "renumbered":
                payload[BatchLimits.HeaderBytes]++;
                Seal(payload);
                break;
            default:
                // Right by its number, but of another history.
                payload[BatchLimits.HeaderBytes + BatchHistory.HeadBytes] ^= 1;
                Seal(payload);
                break;
        }

        return [batch with { Payload = payload }];
    }

    private static void Seal(byte[] payload)
    {
        TestContentHash hash = TestContentHash.Instance;
        ulong checksum = hash.Hash(
            payload.AsSpan(BatchLimits.HeaderBytes), hash.Hash(payload.AsSpan(0, ChecksumOffset)));
        BitConverter.TryWriteBytes(payload.AsSpan(ChecksumOffset), checksum);
    }
}
