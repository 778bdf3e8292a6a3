using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Qemu.Disks;

/// <summary>
/// The transmission phase: requests in, simple replies out, one after the other. Allocates nothing per request.
/// </summary>
internal sealed class NbdTransmission(NbdWire wire, INbdExport export)
{
    private const ushort Always = NbdProtocol.HasFlags | NbdProtocol.SendTrim | NbdProtocol.SendWriteZeroes;
    private const ushort Flushes = NbdProtocol.SendFlush | NbdProtocol.SendFua;

    private readonly byte[] _piece = GC.AllocateUninitializedArray<byte>(
        NbdProtocol.SimpleReplyBytes + NbdLimits.PieceBytes);

    /// <summary>What the server offers of an export.</summary>
    public static ushort FlagsOf(INbdExport export) => (ushort)(Always | (export.CanFlush ? Flushes : 0));

    /// <summary>Serves until the connection ends.</summary>
    public NbdEnd Run()
    {
        Span<byte> header = stackalloc byte[NbdProtocol.RequestBytes];
        while (true)
        {
            wire.ReadExactly(header);
            if (BinaryPrimitives.ReadUInt32BigEndian(header) != NbdProtocol.RequestMagic)
                return new(NbdEndKind.Violation, "a request without its magic number");
            var request = new Request(
                BinaryPrimitives.ReadUInt16BigEndian(header[4..]),
                BinaryPrimitives.ReadUInt16BigEndian(header[6..]),
                BinaryPrimitives.ReadUInt64BigEndian(header[8..]),
                BinaryPrimitives.ReadUInt64BigEndian(header[16..]),
                BinaryPrimitives.ReadUInt32BigEndian(header[24..]));
            if (Serve(request) is { } end) return end;
        }
    }

    /// <summary>Serves one request; the end when it was the last.</summary>
    private NbdEnd? Serve(in Request request)
    {
        switch (request.Command)
        {
            case NbdProtocol.CommandDisconnect:
                return new(NbdEndKind.Disconnected, "the client disconnected");
            case NbdProtocol.CommandRead:
                return Read(request);
            case NbdProtocol.CommandWrite:
                if (request.Length > NbdLimits.RequestBytesMax)
                    return new(NbdEndKind.Violation, $"a write of {request.Length} bytes");
                Reply(request, Write(request));
                return null;
            default:
                Reply(request, ServeWithoutPayload(request));
                return null;
        }
    }

    private NbdError ServeWithoutPayload(in Request request)
    {
        ushort flags = request.Command == NbdProtocol.CommandWriteZeroes
            ? (ushort)(NbdProtocol.FlagFua | NbdProtocol.FlagNoHole)
            : NbdProtocol.FlagFua;
        if (!request.HasOnly(flags)) return NbdError.Invalid;
        if (request.Command == NbdProtocol.CommandFlush) return export.Flush();
        if (request.Command is not (NbdProtocol.CommandTrim or NbdProtocol.CommandWriteZeroes)) return NbdError.Invalid;
        if (!request.IsWithin(export.Bytes)) return NbdError.NoSpace;
        NbdError error = request.Command == NbdProtocol.CommandTrim
            ? export.Trim((long)request.Offset, request.Length)
            : export.WriteZeroes((long)request.Offset, request.Length, !request.Has(NbdProtocol.FlagNoHole));
        return AndFlushIfAsked(request, error);
    }

    /// <summary>Takes the payload to its end even when the request fails: the next request follows it.</summary>
    private NbdError Write(in Request request)
    {
        NbdError error = !request.HasOnly(NbdProtocol.FlagFua) ? NbdError.Invalid
            : !request.IsWithin(export.Bytes) ? NbdError.NoSpace
            : NbdError.None;
        ulong offset = request.Offset;
        for (uint left = request.Length; left > 0;)
        {
            Span<byte> piece = _piece.AsSpan(0, PieceLength(offset, left));
            wire.ReadExactly(piece);
            if (error == NbdError.None) error = export.Write((long)offset, piece);
            offset += (uint)piece.Length;
            left -= (uint)piece.Length;
        }

        return AndFlushIfAsked(request, error);
    }

    /// <summary>
    /// A simple reply promises all the data before the first byte of it: a failure after the first piece can only be
    /// told by closing.
    /// </summary>
    private NbdEnd? Read(in Request request)
    {
        bool isValid = request.HasOnly(NbdProtocol.FlagFua)
            && request.Length <= NbdLimits.RequestBytesMax && request.IsWithin(export.Bytes);
        if (!isValid || request.Length == 0)
        {
            Reply(request, isValid ? NbdError.None : NbdError.Invalid);
            return null;
        }

        ulong offset = request.Offset;
        int head = NbdProtocol.SimpleReplyBytes;
        for (uint left = request.Length; left > 0;)
        {
            int length = PieceLength(offset, left);
            NbdError error = export.Read((long)offset, _piece.AsSpan(head, length));
            if (error != NbdError.None && left < request.Length)
                return new(NbdEndKind.ExportFailed, $"a read failed in its middle: {error}");
            if (error != NbdError.None)
            {
                Reply(request, error);
                return null;
            }

            if (head > 0) WriteReplyHead(_piece, request, NbdError.None);
            wire.Write(_piece.AsSpan(0, head + length));
            offset += (uint)length;
            left -= (uint)length;
            head = 0;
        }

        return null;
    }

    private NbdError AndFlushIfAsked(in Request request, NbdError error) =>
        error == NbdError.None && request.Has(NbdProtocol.FlagFua) ? export.Flush() : error;

    /// <summary>As much as fits the buffer, up to a block boundary, so that no block is torn between pieces.</summary>
    private static int PieceLength(ulong offset, uint left) =>
        (int)Math.Min(left, NbdLimits.PieceBytes - (uint)(offset % Sizes.Block));

    private void Reply(in Request request, NbdError error)
    {
        Span<byte> reply = stackalloc byte[NbdProtocol.SimpleReplyBytes];
        WriteReplyHead(reply, request, error);
        wire.Write(reply);
    }

    private static void WriteReplyHead(Span<byte> into, in Request request, NbdError error)
    {
        BinaryPrimitives.WriteUInt32BigEndian(into, NbdProtocol.SimpleReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(into[4..], (uint)error);
        BinaryPrimitives.WriteUInt64BigEndian(into[8..], request.Cookie);
    }

    private readonly record struct Request(ushort Flags, ushort Command, ulong Cookie, ulong Offset, uint Length)
    {
        public bool Has(ushort flag) => (Flags & flag) != 0;

        public bool HasOnly(ushort flags) => (Flags & ~flags) == 0;

        public bool IsWithin(long bytes) => Length <= (ulong)bytes && Offset <= (ulong)bytes - Length;
    }
}
