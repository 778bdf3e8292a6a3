using System.Buffers.Binary;
using System.Text;

namespace Umbra.Qemu.DeviceState;

/// <summary>One device's section.</summary>
/// <param name="Id">Number within the stream, repeated in the section's footer.</param>
/// <param name="Name">Device, with its bus address where it has one: <c>0000:00:02.0/virtio-blk</c>.</param>
/// <param name="Instance">Instance of that name.</param>
/// <param name="Version">Version of the device's state format.</param>
/// <param name="Offset">Where its payload begins in the stream.</param>
/// <param name="Length">Bytes of payload.</param>
public readonly record struct StateSection(
    uint Id, string Name, uint Instance, uint Version, int Offset, int Length);

/// <summary>
/// Takes apart what <c>xen-save-devices-state</c> writes: <c>QEVM</c>, version 3, then sections
/// <c>04 id32 len8 name instance32 version32 payload 7e id32</c> (big-endian), and <c>00</c> at the end. Payloads carry
/// no
/// length: a section ends at its footer when a well-formed header, or the end, follows it.
/// </summary>
public static class SectionStream
{
    /// <summary>Bytes of magic and version in front of the first section.</summary>
    public const int HeaderBytes = 8;

    private const byte FullSection = 0x04;
    private const byte Footer = 0x7e;
    private const byte End = 0x00;
    private const int FooterBytes = 5;

    /// <summary>Whether the bytes open as a migration stream of version 3.</summary>
    public static bool HasHeader(ReadOnlySpan<byte> stream) => stream.StartsWith("QEVM\0\0\0\u0003"u8);

    /// <summary>The sections, in order, or null and what is wrong.</summary>
    public static IReadOnlyList<StateSection>? Parse(ReadOnlySpan<byte> stream, out string error)
    {
        var sections = new List<StateSection>();
        error = "";
        if (!HasHeader(stream)) error = "no migration stream of version 3";
        int at = HeaderBytes;
        while (error.Length == 0)
        {
            if (at == stream.Length - 1 && stream[at] == End) return sections;
            if (!TryReadHeader(stream[at..], out SectionHeader header))
                error = $"no section begins at byte {at}";
            else if (sections.Count == DeviceStateLimits.SectionsMax)
                error = $"more than {DeviceStateLimits.SectionsMax} sections";
            else if (FindFooter(stream, at + header.Bytes, header.Id) is var footer and >= 0)
            {
                int payload = at + header.Bytes;
                string name = Encoding.ASCII.GetString(header.Name);
                sections.Add(new(header.Id, name, header.Instance, header.Version, payload, footer - payload));
                at = footer + FooterBytes;
            }
            else
                error = $"section {Encoding.ASCII.GetString(header.Name)} at byte {at} does not end";
        }

        return null;
    }

    /// <summary>
    /// Bytes of the header of the first section: in an ordinary migration of the same VM everything before the same
    /// bytes is the prefix that makes the rest loadable. Empty when there is none.
    /// </summary>
    public static ReadOnlySpan<byte> FirstSectionHeader(ReadOnlySpan<byte> stream) =>
        stream.Length > HeaderBytes && TryReadHeader(stream[HeaderBytes..], out SectionHeader header)
            ? stream.Slice(HeaderBytes, header.Bytes)
            : default;

    private static int FindFooter(ReadOnlySpan<byte> stream, int from, uint id)
    {
        Span<byte> footer = stackalloc byte[FooterBytes];
        footer[0] = Footer;
        BinaryPrimitives.WriteUInt32BigEndian(footer[1..], id);
        while (true)
        {
            int found = stream[from..].IndexOf(footer);
            if (found < 0) return -1;
            ReadOnlySpan<byte> rest = stream[(from + found + FooterBytes)..];
            if (rest is [End] || TryReadHeader(rest, out _)) return from + found;
            from += found + 1;
        }
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> at, out SectionHeader header)
    {
        header = default;
        if (at.Length < 6 || at[0] != FullSection) return false;
        int nameLength = at[5];
        if (nameLength == 0 || at.Length < 6 + nameLength + 8) return false;
        ReadOnlySpan<byte> name = at.Slice(6, nameLength);
        if (name.ContainsAnyExceptInRange((byte)0x20, (byte)0x7e)) return false;
        header = new SectionHeader
        {
            Id = BinaryPrimitives.ReadUInt32BigEndian(at[1..]),
            Name = name,
            Instance = BinaryPrimitives.ReadUInt32BigEndian(at[(6 + nameLength)..]),
            Version = BinaryPrimitives.ReadUInt32BigEndian(at[(10 + nameLength)..]),
        };
        return true;
    }

    private ref struct SectionHeader
    {
        public uint Id;
        public ReadOnlySpan<byte> Name;
        public uint Instance;
        public uint Version;

        public readonly int Bytes => 6 + Name.Length + 8;
    }
}
