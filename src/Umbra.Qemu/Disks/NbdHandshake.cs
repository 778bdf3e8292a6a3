using System.Buffers.Binary;
using System.Text;
using Umbra.Core.Deltas;

namespace Umbra.Qemu.Disks;

/// <summary>
/// The fixed newstyle handshake: the client chooses an export by name (EXPORT_NAME, GO), asks about it (INFO), lists
/// them (LIST) or gives up (ABORT). Everything else (TLS, structured replies, metadata) is declined as the protocol
/// asks, and clients do without.
/// </summary>
internal sealed class NbdHandshake(NbdWire wire, NbdExports exports)
{
    private static readonly UTF8Encoding s_strictUtf8 = new(false, throwOnInvalidBytes: true);

    // A handshake happens once a connection: it may allocate.
    private readonly byte[] _data = new byte[NbdLimits.OptionBytesMax];
    private bool _noZeroes;

    /// <summary>The chosen export; or null with the reason why the connection ends here.</summary>
    public INbdExport? Run(out NbdEnd end)
    {
        Span<byte> greeting = stackalloc byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(greeting, NbdProtocol.ServerMagic);
        BinaryPrimitives.WriteUInt64BigEndian(greeting[8..], NbdProtocol.OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(
            greeting[16..], NbdProtocol.ServerFixedNewstyle | NbdProtocol.ServerNoZeroes);
        wire.Write(greeting);
        uint flags = wire.ReadUInt32();
        _noZeroes = (flags & NbdProtocol.ClientNoZeroes) != 0;
        if ((flags & ~(NbdProtocol.ClientFixedNewstyle | NbdProtocol.ClientNoZeroes)) != 0)
        {
            end = Violation($"unknown client flags {flags:x}");
            return null;
        }

        return Negotiate(out end);
    }

    private INbdExport? Negotiate(out NbdEnd end)
    {
        Span<byte> header = stackalloc byte[NbdProtocol.OptionHeaderBytes];
        for (int i = 0; i < NbdLimits.OptionsMax; i++)
        {
            wire.ReadExactly(header);
            uint option = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
            uint length = BinaryPrimitives.ReadUInt32BigEndian(header[12..]);
            if (BinaryPrimitives.ReadUInt64BigEndian(header) != NbdProtocol.OptionMagic)
            {
                end = Violation("an option without its magic number");
                return null;
            }

            if (length > NbdLimits.OptionBytesMax)
            {
                end = Violation($"an option of {length} bytes");
                return null;
            }

            Span<byte> data = _data.AsSpan(0, (int)length);
            wire.ReadExactly(data);
            if (Answer(option, data, out INbdExport? chosen, out end)) return chosen;
        }

        end = Violation($"more than {NbdLimits.OptionsMax} options");
        return null;
    }

    /// <summary>Answers one option; whether the handshake is over.</summary>
    private bool Answer(uint option, ReadOnlySpan<byte> data, out INbdExport? chosen, out NbdEnd end)
    {
        chosen = null;
        end = default;
        switch (option)
        {
            case NbdProtocol.OptionExportName:
                chosen = Enter(data, out end);
                return true;
            case NbdProtocol.OptionGo:
                chosen = Describe(option, data);
                return chosen is not null;
            case NbdProtocol.OptionInfo:
                Describe(option, data);
                return false;
            case NbdProtocol.OptionList:
                List(data);
                return false;
            case NbdProtocol.OptionAbort:
                Reply(option, NbdProtocol.ReplyAck, []);
                end = new(NbdEndKind.Disconnected, "the client gave up the handshake");
                return true;
            default:
                Reply(option, NbdProtocol.ReplyUnsupported, []);
                return false;
        }
    }

    /// <summary>EXPORT_NAME: the old way in, which knows no error but closing.</summary>
    private INbdExport? Enter(ReadOnlySpan<byte> name, out NbdEnd end)
    {
        end = default;
        INbdExport? export = Find(name);
        if (export is null)
        {
            end = Violation("no such export");
            return null;
        }

        Span<byte> reply = stackalloc byte[10 + NbdProtocol.ExportNamePaddingBytes];
        reply.Clear();
        BinaryPrimitives.WriteInt64BigEndian(reply, export.Bytes);
        BinaryPrimitives.WriteUInt16BigEndian(reply[8..], NbdTransmission.FlagsOf(export));
        wire.Write(_noZeroes ? reply[..10] : reply);
        return export;
    }

    /// <summary>GO and INFO: describes the export, or says why not; the export where there is one.</summary>
    private INbdExport? Describe(uint option, ReadOnlySpan<byte> data)
    {
        if (!TryParseName(data, out ReadOnlySpan<byte> name))
        {
            Reply(option, NbdProtocol.ReplyInvalid, "malformed request"u8);
            return null;
        }

        if (name.Length > NbdLimits.NameBytesMax)
        {
            Reply(option, NbdProtocol.ReplyTooBig, "name too long"u8);
            return null;
        }

        INbdExport? export = Find(name);
        if (export is null)
        {
            Reply(option, NbdProtocol.ReplyUnknown, "no such export"u8);
            return null;
        }

        ReplyWithInfo(option, export);
        return export;
    }

    /// <summary>
    /// 32-bit length, name, 16-bit count, so many 16-bit informations wished for (we send ours anyway).
    /// </summary>
    private static bool TryParseName(ReadOnlySpan<byte> data, out ReadOnlySpan<byte> name)
    {
        name = [];
        if (data.Length < 6) return false;
        uint nameBytes = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (nameBytes > data.Length - 6) return false;
        name = data.Slice(4, (int)nameBytes);
        ReadOnlySpan<byte> rest = data[(4 + name.Length)..];
        return rest.Length == 2 + (2 * BinaryPrimitives.ReadUInt16BigEndian(rest));
    }

    private void ReplyWithInfo(uint option, INbdExport export)
    {
        Span<byte> size = stackalloc byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(size, NbdProtocol.InfoExport);
        BinaryPrimitives.WriteInt64BigEndian(size[2..], export.Bytes);
        BinaryPrimitives.WriteUInt16BigEndian(size[10..], NbdTransmission.FlagsOf(export));
        Reply(option, NbdProtocol.ReplyInfo, size);

        // A sector, the grain of guests' disks: the client never has to read around a write.
        Span<byte> blocks = stackalloc byte[14];
        BinaryPrimitives.WriteUInt16BigEndian(blocks, NbdProtocol.InfoBlockSize);
        BinaryPrimitives.WriteUInt32BigEndian(blocks[2..], BatchLimits.Sector);
        BinaryPrimitives.WriteUInt32BigEndian(blocks[6..], 4096);
        BinaryPrimitives.WriteUInt32BigEndian(blocks[10..], NbdLimits.RequestBytesMax);
        Reply(option, NbdProtocol.ReplyInfo, blocks);
        Reply(option, NbdProtocol.ReplyAck, []);
    }

    private void List(ReadOnlySpan<byte> data)
    {
        if (!data.IsEmpty)
        {
            Reply(NbdProtocol.OptionList, NbdProtocol.ReplyInvalid, "LIST takes no data"u8);
            return;
        }

        foreach (string name in exports.Names)
        {
            byte[] entry = new byte[4 + s_strictUtf8.GetByteCount(name)];
            BinaryPrimitives.WriteInt32BigEndian(entry, s_strictUtf8.GetBytes(name, entry.AsSpan(4)));
            Reply(NbdProtocol.OptionList, NbdProtocol.ReplyServer, entry);
        }

        Reply(NbdProtocol.OptionList, NbdProtocol.ReplyAck, []);
    }

    private INbdExport? Find(ReadOnlySpan<byte> name)
    {
        try
        {
            return name.Length <= NbdLimits.NameBytesMax ? exports.Find(s_strictUtf8.GetString(name)) : null;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private void Reply(uint option, uint type, ReadOnlySpan<byte> data)
    {
        byte[] reply = new byte[20 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(reply, NbdProtocol.OptionReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(8), option);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), type);
        BinaryPrimitives.WriteInt32BigEndian(reply.AsSpan(16), data.Length);
        data.CopyTo(reply.AsSpan(20));
        wire.Write(reply);
    }

    private static NbdEnd Violation(string what) => new(NbdEndKind.Violation, "handshake: " + what);
}
