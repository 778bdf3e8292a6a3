using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Linux.Native;

namespace Umbra.Bench.Micro;

/// <summary>
/// The source's whole path for dirty pages, as the agent runs it: copy out of the guest, hash, drop the unchanged,
/// encode against the reference cache, compress where it pays, checksum. The shadow begins blank.
/// </summary>
internal sealed class SampleSource
{
    private readonly SampleGuest _guest;
    private readonly SourcePages _pages;
    private readonly EpochWriter _writer;
    private readonly IPairLink _link;
    private EpochNumber _epoch;

    public SampleSource(PageSample sample, IPairLink link)
    {
        _link = link;
        _guest = new SampleGuest(sample);
        var hash = new XxHash3();
        var history = new BatchHistory(new ZstdStream());
        history.Offer();
        _writer = new EpochWriter(hash);
        _pages = new SourcePages(_guest, new SourceOptions
        {
            Vm = new VmId("bench"),
            Host = new HostId("bench"),
            Generation = new Generation(1),
            Session = 1,
            Policy = new ProtectionPolicy { ReferenceCacheBytes = sample.Bytes },
            Hash = hash,
            Codecs = new BatchCodecs(new Lz4Compressor(), new ZstdCompressor(), history),
        });
        _pages.BeginAnew();
        _pages.SetShadowBlank();
    }

    /// <summary>Bytes of guest pages in one epoch.</summary>
    public long Bytes => _guest.PageCount * Sizes.Page;

    /// <summary>One epoch of the whole sample, up to its last batch; bytes sent.</summary>
    public long SendPages()
    {
        _guest.Jump();
        _writer.Open(_link, new Generation(1), _epoch.Next, _epoch);
        _epoch = _epoch.Next;
        _pages.Scan();
        while (_pages.PendingCount > 0) _pages.SendSome(_writer, SessionLimits.PagesPerStep);
        _pages.Flush(_writer);
        _pages.CutSent();
        _pages.Acknowledged();
        return _writer.WireBytes;
    }

    /// <summary>Ends the epoch with this device state.</summary>
    public void End(ReadOnlyMemory<byte> deviceState) =>
        _writer.End(_pages.Ram, deviceState, "{}"u8.ToArray(), _epoch == new EpochNumber(1), final: false);
}
