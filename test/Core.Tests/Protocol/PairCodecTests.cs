using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Core.Sensors;
using Umbra.Testing;
using Xunit;

namespace Umbra.Core.Tests.Protocol;

public sealed class PairCodecTests
{
    private static readonly EpochNumber s_epoch = new(5);
    private readonly PairCodec _codec = new(TestContentHash.Instance);

    public static TheoryData<int> Messages => [.. Enumerable.Range(0, SamplePairMessages.All.Count)];

    [Theory]
    [MemberData(nameof(Messages))]
    public void Every_message_comes_back_as_it_was_written(int sample)
    {
        byte[] frame = Encode(SamplePairMessages.All[sample]);
        FrameOutcome outcome = _codec.Decode(frame);
        Assert.Equal((FrameStatus.Ok, "", frame.Length), (outcome.Status, outcome.Error, outcome.Consumed));
        Assert.Equal(Describe(SamplePairMessages.All[sample]), Describe(outcome.Message!));
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void Any_damaged_byte_is_found(int sample)
    {
        byte[] frame = Encode(SamplePairMessages.All[sample]);
        for (int at = 0; at < frame.Length; at++)
        {
            frame[at] ^= 0x08;
            FrameStatus status = _codec.Decode(frame).Status;
            // A length made larger waits for bytes that will not fit their checksum either.
            Assert.True(status is FrameStatus.Corrupt or FrameStatus.OtherVersion || at is >= 4 and < 8, $"byte {at}");
            Assert.NotEqual(FrameStatus.Ok, status);
            frame[at] ^= 0x08;
        }
    }

    [Theory]
    [MemberData(nameof(Messages))]
    public void A_frame_that_is_not_all_there_waits_for_more(int sample)
    {
        byte[] frame = Encode(SamplePairMessages.All[sample]);
        for (int length = 0; length < frame.Length; length++)
            Assert.Equal(FrameStatus.NeedMore, _codec.Decode(frame.AsMemory(0, length)).Status);
    }

    [Fact]
    public void Frames_one_after_another_come_back_one_by_one()
    {
        byte[] stream = [.. SamplePairMessages.All.SelectMany(Encode)];
        int at = 0;
        foreach (PairMessage sent in SamplePairMessages.All)
        {
            FrameOutcome outcome = _codec.Decode(stream.AsMemory(at));
            Assert.Equal(Describe(sent), Describe(outcome.Message!));
            at += outcome.Consumed;
        }

        Assert.Equal(stream.Length, at);
    }

    [Fact]
    public void Another_version_is_told_apart_from_damage()
    {
        byte[] frame = Encode(new EpochAck(s_epoch, 1));
        frame[2]++;
        FrameOutcome outcome = _codec.Decode(frame);
        Assert.Equal(FrameStatus.OtherVersion, outcome.Status);
        Assert.Contains($"version {ProtocolLimits.Version + 1}", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_length_over_the_limit_is_refused_before_its_bytes_are_waited_for()
    {
        byte[] frame = Encode(new EpochAck(s_epoch, 1));
        BitConverter.TryWriteBytes(frame.AsSpan(4), ProtocolLimits.BodyBytesMax + 1);
        Assert.Equal(FrameStatus.Corrupt, PairCodec.ReadHeader(frame, out _, out string error));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void The_largest_payload_fits_a_frame()
    {
        byte[] frame = Encode(new PageBatch(s_epoch, 1, new byte[ProtocolLimits.PayloadBytesMax]));
        Assert.True(frame.Length <= ProtocolLimits.FrameBytesMax);
        Assert.Equal(FrameStatus.Ok, _codec.Decode(frame).Status);
    }

    [Fact]
    public void A_full_answer_of_hashes_fits_a_frame()
    {
        byte[] frame = Encode(new HashReply(-1, 0, new byte[ProtocolLimits.HashesPerMessage * 8]));
        Assert.Equal(FrameStatus.Ok, _codec.Decode(frame).Status);
    }

    [Fact]
    public void The_fullest_report_of_KPIs_fits_what_the_encoder_asks_for()
    {
        string kpi = new('k', KpiNames.LengthMax), reason = new('\u20ac', KpiSample.ReasonLengthMax);
        KpiSample[] samples = [.. Enumerable.Repeat(KpiSample.Unknown(kpi, reason), KpiSet.SamplesMax)];
        byte[] frame = Encode(new KpiReport(default, new KpiSet(default, samples)));
        var report = Assert.IsType<KpiReport>(_codec.Decode(frame).Message);
        Assert.Equal(KpiSet.SamplesMax, report.Set.Samples.Count);
        Assert.All(report.Set.Samples, sample => Assert.StartsWith("\u20ac\u20ac", sample.Reason));
    }

    [Fact]
    public void A_detail_too_long_is_cut_and_still_arrives()
    {
        byte[] frame = Encode(new EpochReject(s_epoch, RejectReason.Storage, new string('x', 5000)));
        var reject = Assert.IsType<EpochReject>(_codec.Decode(frame).Message);
        Assert.Equal(ProtocolLimits.TextBytesMax, reject.Detail.Length);
    }

    public static TheoryData<PairMessage> OutOfRange =>
    [
        new HashRequest(-3, 0, 1),
        new SwapDone("swap", default, default, default, default, default, default, TimeSpan.FromTicks(-1)),
        new SwapDone("swap", default, TimeSpan.MaxValue, default, default, default, default, default),
        new HashRequest(ProtocolLimits.DisksMax, 0, 1),
        new HashRequest(0, -1, 1),
        new HashRequest(0, 0, 0),
        new HashRequest(0, 0, ProtocolLimits.HashesPerMessage + 1),
        new HashReply(0, 0, new byte[9]),
        new HashReply(0, 0, new byte[(ProtocolLimits.HashesPerMessage * 8) + 8]),
        new EpochReject(s_epoch, (RejectReason)9, ""),
        new ShadowHello((HelloOutcome)9, "", default, default, 0, false),
        new SourceHello(new VmId("Not A Name"), default, 0, 1, []),
        new SourceHello(new VmId("vm"), default, 0, -1, []),
        new SourceHello(new VmId("vm"), default, 0, ProtocolLimits.PageCountMax + 1, []),
        new SourceHello(new VmId("vm"), default, 0, 1, [new DiskGeometry("", 512)]),
        new SourceHello(new VmId("vm"), default, 0, 1, [new DiskGeometry("a", -512)]),
        new SourceHello(new VmId("vm"), default, 0, 1, [new DiskGeometry("a", 100)]),
        new KpiReport(default, new KpiSet(default, [new KpiSample { Kpi = "Not A Name", Value = 1 }])),
        new KpiReport(default, new KpiSet(default, [new KpiSample { Kpi = "a", Value = double.NaN }])),
        new KpiReport(default, new KpiSet(default, [new KpiSample { Kpi = "a" }])),
        new KpiReport(default, new KpiSet(default, [KpiSample.Of("a", 1) with { Took = TimeSpan.FromTicks(-1) }])),
    ];

    [Theory]
    [MemberData(nameof(OutOfRange), DisableDiscoveryEnumeration = true)]
    public void A_field_out_of_its_range_is_refused(PairMessage message)
    {
        FrameOutcome outcome = _codec.Decode(Encode(message));
        Assert.Equal(FrameStatus.Corrupt, outcome.Status);
        Assert.Contains("malformed", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_format_is_frozen()
    {
        string[] frames = [.. SamplePairMessages.All.Select(m => Convert.ToHexString(Encode(m)))];
        Assert.Equal(s_frozen, frames);
    }

    private static readonly string[] s_frozen =
    [
        "554D03013B00000089BD309CA1383F96040064622D3107000000000000008877665544332211000001000000000002"
            + "0400726F6F7400000040000000000400646174610000000000050000",
        "554D03022D0000004FB252322B34FF3A0307000000000000000807060504030201CEFAEDFE0000000001110052414D"
            + "2069732031204769422068657265",
        "554D030310000000C9FB43D22F59172CFFFFFFFF001000000000000000200000",
        "554D03041C000000FDCF5E4CAD516549030000000C000000000000000102030405060708090A0B0C0D0E0F10",
        "554D030518000000066801AD6D6D4944070000000000000008070605040302012900000000000000",
        "554D03060F0000005A218AC9296F9913080706050403020111000000AABBCC",
        "554D03070E000000BBFA4AB64BCDEDBE080706050403020112000000DDEE",
        "554D03081000000083F7CF3D5E7CDC2F0807060504030201000004005145564D",
        "554D03090E0000007835E85D19BFE8990807060504030201030000007B7D",
        "554D030A15000000CC96D53FA7218680080706050403020113000000EFCDAB896745230101",
        "554D030B10000000F374FF46D733DE480807060504030201EFCDAB8967452301",
        "554D030C20000000C599F57177C7193508070605040302010315006E6F207370616365206C6566743A20C3A4C3B6C3BC",
        "554D030D10000000761D1CB8F6BCC824070000000000000015CD5B0700000000",
        "554D030E100000005672F26E32944E990700000000000000FBFFFFFFFFFFFFFF",
        "554D030F18000000A5C65CE4BD363C020600737761702D3107000000000000000807060504030201",
        "554D03104000000061F93B00126DE9E40600737761702D310800000000000000307500000000000028A00000000000"
            + "0020CB00000000000018F60000000000001021010000000000084C010000000000",
        "554D031122000000E2687580D76D91660600737761702D3118007468652066656E636520646964206E6F7420616E73"
            + "776572",
        "554D03120800000099D25E580A4A94CA0600737761702D31",
        "554D03134E000000B54A58CD446B70A10600737761702D3108070605040302011C00746865207374616E6462792069"
            + "73206265696E6720737461727465641E0074686520636F6E74726F6C6C657220646F6573206E6F7420616E73776572",
        "554D03144B000000B3CCAD09AC665FE40700000000000000B168DE3A000000000208006370752E776F726BD2040000"
            + "0000000001000000005004E94008006E65742E6C6F73730500000000000000000A006669727374206C6F6F6B",
        "554D03152900000000C3A71B168C2EE30700000000000000D2040000011A006469736B2E6C6174656E637920697320"
            + "343020252061626F7665",
    ];

    private static string Describe(PairMessage message) => message switch
    {
        SourceHello m => m with { Disks = [] } + string.Join(',', m.Disks),
        HashReply m => m with { Hashes = default } + Convert.ToHexString(m.Hashes.Span),
        PageBatch m => m with { Payload = default } + Convert.ToHexString(m.Payload.Span),
        BlockBatch m => m with { Payload = default } + Convert.ToHexString(m.Payload.Span),
        DeviceStatePart m => m with { Payload = default } + Convert.ToHexString(m.Payload.Span),
        ConfigurationPart m => m with { Payload = default } + Convert.ToHexString(m.Payload.Span),
        KpiReport m => m with { Set = new KpiSet(m.Set.At, []) } + string.Join(',', m.Set.Samples),
        _ => message.ToString(),
    };

    private byte[] Encode(PairMessage message)
    {
        byte[] frame = new byte[PairCodec.EncodedBytesMax(message)];
        return frame[.._codec.Encode(message, frame)];
    }
}
