using System.Buffers.Binary;
using System.Text;
using Umbra.Qemu.DeviceState;
using Xunit;

namespace Umbra.Qemu.Tests.DeviceState;

public sealed class SectionStreamTests
{
    [Fact]
    public void Sections_come_out_with_their_names_and_payloads()
    {
        byte[] stream =
            [.. "QEVM\0\0\0\u0003"u8, .. Section(39, "serial", 0, 3, [1, 2]), .. Section(4, "cpu", 1, 12, []), 0];
        IReadOnlyList<StateSection>? sections = SectionStream.Parse(stream, out _);
        Assert.NotNull(sections);
        Assert.Equal([("serial", 0u, 3u, 2), ("cpu", 1u, 12u, 0)],
            sections.Select(s => (s.Name, s.Instance, s.Version, s.Length)));
        Assert.Equal([1, 2], stream.AsSpan(sections[0].Offset, sections[0].Length).ToArray());
    }

    [Fact]
    public void A_payload_that_holds_its_own_footer_does_not_end_there()
    {
        byte[] payload = [9, 0x7e, 0, 0, 0, 5, 9, 9];
        byte[] stream = [.. "QEVM\0\0\0\u0003"u8, .. Section(5, "timer", 0, 2, payload), 0];
        Assert.Equal(payload.Length, Assert.Single(SectionStream.Parse(stream, out _)!).Length);
    }

    [Fact]
    public void The_first_header_ends_where_the_payload_begins()
    {
        byte[] section = Section(39, "serial", 0, 3, [1, 2]);
        byte[] stream = [.. "QEVM\0\0\0\u0003"u8, .. section, 0];
        Assert.Equal(section[..^7], SectionStream.FirstSectionHeader(stream).ToArray());
    }

    [Fact]
    public void Every_cut_is_an_error_and_no_exception()
    {
        byte[] stream =
            [.. "QEVM\0\0\0\u0003"u8, .. Section(39, "serial", 0, 3, [1, 2]), .. Section(4, "cpu", 1, 12, []), 0];
        for (int length = 0; length < stream.Length; length++)
        {
            Assert.Null(SectionStream.Parse(stream.AsSpan(0, length), out string error));
            Assert.NotEmpty(error);
        }
    }

    internal static byte[] Section(uint id, string name, uint instance, uint version, byte[] payload)
    {
        byte[] head = new byte[6 + name.Length + 8];
        head[0] = 4;
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(1), id);
        head[5] = (byte)name.Length;
        Encoding.ASCII.GetBytes(name, head.AsSpan(6));
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(6 + name.Length), instance);
        BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(10 + name.Length), version);
        byte[] foot = [0x7e, .. head[1..5]];
        return [.. head, .. payload, .. foot];
    }
}
