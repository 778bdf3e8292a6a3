using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Testing;
using Umbra.Testing.Replication;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>What dirty pages cost the source besides their bytes.</summary>
public sealed class SourcePagesTests : IPairLink
{
    private const int Pages = 4096;

    private static readonly Generation s_generation = new(1);

    private readonly ModelGuest _guest = new(new byte[Pages * Sizes.Page], [], Sizes.MiB);
    private readonly EpochWriter _writer = new(TestContentHash.Instance);
    private readonly BatchHistory _history = new(new RememberingCompressor());
    private readonly SourcePages _pages;
    private EpochNumber _epoch;
    private int _batches;

    public SourcePagesTests()
    {
        var codec = new RunLengthCompressor();
        _history.Offer();
        _pages = new SourcePages(_guest, new SourceOptions
        {
            Vm = new VmId("vm"),
            Host = new HostId("h1"),
            Generation = s_generation,
            Session = 1,
            Policy = new ProtectionPolicy { ReferenceCacheBytes = Pages * Sizes.Page },
            Hash = TestContentHash.Instance,
            Codecs = new BatchCodecs(codec, codec, _history),
        });
        _pages.BeginAnew();
        _pages.SetShadowBlank();
    }

    bool IPairLink.HasRoom => true;

    void IPairLink.Send(PairMessage message) => _batches++;

    [Fact]
    public void A_dirty_page_allocates_nothing_once_the_cache_is_warm()
    {
        Epoch(1);
        Epoch(2);
        long allocated = long.MaxValue;
        // The least of some: a collection that another test caused gives this thread a new piece of the heap.
        for (ulong value = 3; value < 8; value++)
        {
            _batches = 0;
            long before = GC.GetAllocatedBytesForCurrentThread();
            Epoch(value);
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(Pages, _writer.Pages);
        }

        // A message object per batch, and nothing for its pages.
        Assert.InRange(allocated, 0, _batches * 128);
        Assert.True(_batches < Pages / 16, $"{_batches} batches");
    }

    [Fact]
    public void A_page_that_is_as_the_shadow_has_it_is_not_sent()
    {
        Epoch(1);
        Epoch(1);
        Assert.Equal(0, _writer.Pages);
    }

    [Fact]
    public void What_is_taken_back_before_it_was_sent_is_in_no_history()
    {
        Epoch(1);
        long sent = _history.SentBytes;
        _guest.WriteWord(7, 0, 2);
        Assert.True(_pages.Scan().Succeeded);
        _pages.SendSome(_writer, SessionLimits.PagesPerStep);
        _pages.TakeBack();
        Assert.Equal(sent, _history.SentBytes);
        Assert.InRange(sent, 1, long.MaxValue);
    }

    private void Epoch(ulong value)
    {
        for (int page = 0; page < Pages; page++) _guest.WriteWord(page, page % 500, value);
        _writer.Open(this, s_generation, _epoch.Next, _epoch);
        _epoch = _epoch.Next;
        Assert.True(_pages.Scan().Succeeded);
        while (_pages.PendingCount > 0) _pages.SendSome(_writer, SessionLimits.PagesPerStep);
        _pages.Flush(_writer);
        _pages.CutSent();
        _pages.Acknowledged();
    }
}
