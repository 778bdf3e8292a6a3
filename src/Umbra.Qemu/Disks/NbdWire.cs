using System.Buffers.Binary;

namespace Umbra.Qemu.Disks;

/// <summary>
/// Buffered exact reads and small writes on a connection. Small reads are served from a buffer, so a request and its
/// short payload cost one system call; long payloads go straight to where they belong.
/// </summary>
internal sealed class NbdWire(Stream stream)
{
    private const int BufferBytes = 16 * 1024;

    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _start;
    private int _end;

    /// <summary>Fills <paramref name="into"/>.</summary>
    /// <exception cref="EndOfStreamException">The peer closed the connection before that.</exception>
    public void ReadExactly(Span<byte> into)
    {
        while (true)
        {
            int take = Math.Min(into.Length, _end - _start);
            _buffer.AsSpan(_start, take).CopyTo(into);
            _start += take;
            into = into[take..];
            if (into.IsEmpty) return;
            if (into.Length >= BufferBytes)
            {
                stream.ReadExactly(into);
                return;
            }

            _start = 0;
            _end = stream.Read(_buffer);
            if (_end == 0) throw new EndOfStreamException();
        }
    }

    public uint ReadUInt32()
    {
        Span<byte> bytes = stackalloc byte[4];
        ReadExactly(bytes);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    public void Write(ReadOnlySpan<byte> bytes) => stream.Write(bytes);
}
