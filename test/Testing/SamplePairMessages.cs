using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Core.Sensors;

namespace Umbra.Testing;

/// <summary>
/// One message of every type, with every field different from its default: for round trips and frozen bytes.
/// </summary>
public static class SamplePairMessages
{
    private static readonly Generation s_generation = new(7);
    private static readonly EpochNumber s_epoch = new(0x0102030405060708);

    /// <summary>All of them, in the order of their numbers on the wire.</summary>
    public static IReadOnlyList<PairMessage> All { get; } =
    [
        new SourceHello(
            new VmId("db-1"), s_generation, 0x1122334455667788, 65536,
            [new DiskGeometry("root", 1L << 30), new DiskGeometry("data", 5L << 40)]),
        new ShadowHello(HelloOutcome.GeometryMismatch, "RAM is 1 GiB here", s_generation, s_epoch, 0xFEEDFACE, true),
        new HashRequest(-1, 4096, 8192),
        new HashReply(3, 12, new byte[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }),
        new EpochBegin(s_generation, s_epoch, new EpochNumber(41)),
        new PageBatch(s_epoch, 17, new byte[] { 0xAA, 0xBB, 0xCC }),
        new BlockBatch(s_epoch, 18, new byte[] { 0xDD, 0xEE }),
        new DeviceStatePart(s_epoch, 262144, new byte[] { 0x51, 0x45, 0x56, 0x4D }),
        new ConfigurationPart(s_epoch, 3, new byte[] { 0x7B, 0x7D }),
        new EpochEnd(s_epoch, 19, 0x0123456789ABCDEF, Final: true),
        new EpochAck(s_epoch, 0x0123456789ABCDEF),
        new EpochReject(s_epoch, RejectReason.Storage, "no space left: äöü"),
        new Heartbeat(s_generation, 123456789),
        new HeartbeatEcho(s_generation, -5),
        new SwapPermit("swap-1", s_generation, s_epoch),
        new SwapDone("swap-1", new Generation(8), TimeSpan.FromTicks(30_000), TimeSpan.FromTicks(41_000),
            TimeSpan.FromTicks(52_000), TimeSpan.FromTicks(63_000), TimeSpan.FromTicks(74_000),
            TimeSpan.FromTicks(85_000)),
        new SwapDeclined("swap-1", "the fence did not answer"),
        new SwapQuery("swap-1"),
        new SwapReadiness("swap-1", s_epoch, "the standby is being started", "the controller does not answer"),
        new KpiReport(s_generation, new KpiSet(
            TimeSpan.FromTicks(987654321),
            [
                KpiSample.Of("cpu.work", 51234.5) with { Took = TimeSpan.FromTicks(1234) },
                KpiSample.Unknown("net.loss", "first look") with { Took = TimeSpan.FromTicks(5) },
            ])),
        new DriftNotice(s_generation, 1234, Hint: true, "disk.latency is 40 % above"),
    ];
}
