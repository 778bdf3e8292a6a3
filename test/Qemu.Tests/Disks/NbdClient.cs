using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>A client that sends exactly the bytes it is told to, right or wrong.</summary>
internal sealed class NbdClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public NbdClient(string path)
    {
        _socket.ReceiveTimeout = 10_000;
        _socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    /// <summary>A client that is past the greeting.</summary>
    public static NbdClient Greeted(string path, uint flags = 3)
    {
        var client = new NbdClient(path);
        client.Receive(18);
        client.Send(U32(flags));
        return client;
    }

    /// <summary>A client that has chosen an export the old way and may send requests.</summary>
    public static NbdClient Entered(string path, string export)
    {
        NbdClient client = Greeted(path);
        client.Option(1, Encoding.UTF8.GetBytes(export));
        client.Receive(10);
        return client;
    }

    public static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] GoData(string name, ushort infos = 0) =>
    [
        .. U32((uint)Encoding.UTF8.GetByteCount(name)), .. Encoding.UTF8.GetBytes(name),
        (byte)(infos >> 8), (byte)infos,
    ];

    public static byte[] OptionBytes(uint option, ReadOnlySpan<byte> data) =>
        [.. "IHAVEOPT"u8, .. U32(option), .. U32((uint)data.Length), .. data];

    public static byte[] RequestBytes(ushort flags, ushort command, ulong cookie, ulong offset, uint length)
    {
        byte[] request = new byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(request, 0x25609513);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(4), flags);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), command);
        BinaryPrimitives.WriteUInt64BigEndian(request.AsSpan(8), cookie);
        BinaryPrimitives.WriteUInt64BigEndian(request.AsSpan(16), offset);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), length);
        return request;
    }

    public void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[_socket.Send(bytes)..];
    }

    public void Option(uint option, ReadOnlySpan<byte> data) => Send(OptionBytes(option, data));

    public void Request(ushort flags, ushort command, ulong cookie, ulong offset, uint length) =>
        Send(RequestBytes(flags, command, cookie, offset, length));

    public byte[] Receive(int count)
    {
        byte[] bytes = new byte[count];
        for (int n = 0; n < count;)
        {
            int got = _socket.Receive(bytes.AsSpan(n));
            if (got == 0) throw new EndOfStreamException($"closed after {n} of {count} bytes");
            n += got;
        }

        return bytes;
    }

    /// <summary>Type and data of an option's reply.</summary>
    public (uint Type, byte[] Data) ReceiveOptionReply(uint option)
    {
        byte[] head = Receive(20);
        Xunit.Assert.Equal(0x0003e889045565a9UL, BinaryPrimitives.ReadUInt64BigEndian(head));
        Xunit.Assert.Equal(option, BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8)));
        return (BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(12)),
            Receive((int)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(16))));
    }

    /// <summary>The error of a simple reply.</summary>
    public uint ReceiveReply(ulong cookie)
    {
        byte[] reply = Receive(16);
        Xunit.Assert.Equal(0x67446698u, BinaryPrimitives.ReadUInt32BigEndian(reply));
        Xunit.Assert.Equal(cookie, BinaryPrimitives.ReadUInt64BigEndian(reply.AsSpan(8)));
        return BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(4));
    }

    /// <summary>Whether the server has closed the connection, with nothing more to read.</summary>
    public bool IsClosedByServer()
    {
        try
        {
            return _socket.Receive(new byte[1]) == 0;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    public void Dispose() => _socket.Dispose();
}
