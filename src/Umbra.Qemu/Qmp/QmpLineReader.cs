namespace Umbra.Qemu.Qmp;

/// <summary>
/// Cuts the bytes that arrive on a monitor socket into lines, whatever their pieces. A line longer than the limit ends
/// the stream: QMP answers are small, and a peer that never ends its line must not fill our memory.
/// </summary>
public sealed class QmpLineReader
{
    private const int FirstBytes = 16 * 1024;

    private readonly int _lineBytesMax;
    private byte[] _buffer = new byte[FirstBytes];
    private int _start;
    private int _end;
    private int _searched;

    /// <summary>A reader that takes lines of up to <paramref name="lineBytesMax"/> bytes.</summary>
    public QmpLineReader(int lineBytesMax = QmpLimits.LineBytesMax) => _lineBytesMax = lineBytesMax;

    /// <summary>Whether a line was too long; nothing more is read then.</summary>
    public bool IsCorrupt { get; private set; }

    /// <summary>Where the next bytes go; never empty. Lines handed out before are invalid from here on.</summary>
    public Memory<byte> GetSpace()
    {
        if (_start == _end) _start = _end = _searched = 0;
        if (_end == _buffer.Length) MakeSpace();
        return _buffer.AsMemory(_end);
    }

    /// <summary>Takes <paramref name="count"/> bytes that were put into <see cref="GetSpace"/>.</summary>
    public void Advance(int count) => _end += count;

    /// <summary>The next complete line without its end, if there is one; valid until <see cref="GetSpace"/>.</summary>
    public bool TryReadLine(out ReadOnlyMemory<byte> line)
    {
        line = default;
        if (IsCorrupt) return false;
        int at = _buffer.AsSpan(_searched, _end - _searched).IndexOf((byte)'\n');
        int length = (at < 0 ? _end : _searched + at) - _start;
        if (length > _lineBytesMax)
        {
            IsCorrupt = true;
            return false;
        }

        if (at < 0)
        {
            _searched = _end;
            return false;
        }

        line = _buffer.AsMemory(_start, length);
        _start = _searched = _searched + at + 1;
        return true;
    }

    private void MakeSpace()
    {
        int used = _end - _start;
        byte[] target = used > _buffer.Length / 2 ? new byte[_buffer.Length * 2] : _buffer;
        Buffer.BlockCopy(_buffer, _start, target, 0, used);
        _buffer = target;
        _searched -= _start;
        _start = 0;
        _end = used;
    }
}
