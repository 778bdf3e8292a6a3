using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Protocol;

namespace Umbra.Core.Epochs;

/// <summary>
/// The epoch under way as the shadow gets it: opened by its first batch, numbered batches, and at the end device state,
/// configuration and digest. Counts what it sends.
/// </summary>
internal sealed class EpochWriter(IContentHash hash)
{
    private readonly IContentHash _hash = hash;
    private EpochDigest _digest;
    private IPairLink? _link;

    public EpochNumber Epoch { get; private set; }

    public EpochNumber Base { get; private set; }

    public bool IsOpen { get; private set; }

    public long Pages { get; private set; }

    public long RawBytes { get; private set; }

    public long WireBytes { get; private set; }

    public long DiskRawBytes { get; private set; }

    public long DiskWireBytes { get; private set; }

    /// <summary>Opens an epoch; one that was open is given up (the shadow drops it when it sees the new one).</summary>
    public void Open(IPairLink link, Generation generation, EpochNumber epoch, EpochNumber @base)
    {
        _link = link;
        Epoch = epoch;
        Base = @base;
        IsOpen = true;
        _digest = default;
        Pages = RawBytes = WireBytes = DiskRawBytes = DiskWireBytes = 0;
        link.Send(new EpochBegin(generation, epoch, @base));
    }

    /// <summary>Nothing is open any more.</summary>
    public void Abandon() => IsOpen = false;

    public void SendPages(ReadOnlyMemory<byte> batch, in BatchStatistics statistics)
    {
        _link!.Send(new PageBatch(Epoch, _digest.BatchCount, batch));
        Pages += statistics.Entries;
        Count(statistics);
    }

    public void SendBlocks(ReadOnlyMemory<byte> batch, in BatchStatistics statistics)
    {
        _link!.Send(new BlockBatch(Epoch, _digest.BatchCount, batch));
        DiskRawBytes += statistics.RawBytes;
        DiskWireBytes += statistics.WireBytes;
        Count(statistics);
    }

    /// <summary>Ends the epoch; its digest.</summary>
    /// <param name="ram">RAM as the shadow will have it.</param>
    /// <param name="deviceState">Whole device state.</param>
    /// <param name="configuration">Whole configuration in force.</param>
    /// <param name="sendConfiguration">Whether it differs from the one that the shadow has.</param>
    /// <param name="final">Whether the primary stays paused.</param>
    public ulong End(
        RamDigest ram, ReadOnlyMemory<byte> deviceState, ReadOnlyMemory<byte> configuration, bool sendConfiguration,
        bool final)
    {
        for (int at = 0; at < deviceState.Length; at += ProtocolLimits.PayloadBytesMax)
            _link!.Send(new DeviceStatePart(Epoch, (uint)at, Part(deviceState, at)));
        for (int at = 0; sendConfiguration && at < configuration.Length; at += ProtocolLimits.PayloadBytesMax)
            _link!.Send(new ConfigurationPart(Epoch, (uint)at, Part(configuration, at)));
        ulong digest = _digest.Finish(Epoch, ram, _hash.Hash(deviceState.Span), _hash.Hash(configuration.Span));
        _link!.Send(new EpochEnd(Epoch, _digest.BatchCount, digest, final));
        IsOpen = false;
        return digest;
    }

    private static ReadOnlyMemory<byte> Part(ReadOnlyMemory<byte> whole, int at) =>
        whole.Slice(at, Math.Min(ProtocolLimits.PayloadBytesMax, whole.Length - at));

    private void Count(in BatchStatistics statistics)
    {
        _digest.AddBatch(statistics.Checksum);
        RawBytes += statistics.RawBytes;
        WireBytes += statistics.WireBytes;
    }
}
