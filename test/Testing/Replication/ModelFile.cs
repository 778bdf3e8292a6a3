namespace Umbra.Testing.Replication;

/// <summary>
/// A file whose unflushed writes can be lost, each by itself and in part, and whose making and deletion too.
/// </summary>
/// <param name="isTracked">Whether it is on a disk; what is not is never asked what it lost.</param>
internal sealed class ModelFile(bool isTracked)
{
    private readonly List<(long Offset, byte[] Data)> _unflushed = [];
    private byte[]? _durable;
    private byte[] _content = [];
    private bool _isAnew;

    public bool Exists { get; private set; } = true;

    public long Length { get; private set; }

    public byte[] Content => _content;

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        Exists = true;
        if (isTracked) _unflushed.Add((offset, data.ToArray()));
        Put(offset, data);
    }

    public void Flush()
    {
        if (!isTracked) return;
        if (_isAnew || _durable?.Length != Length) _durable = _content.AsSpan(0, (int)Length).ToArray();
        else foreach ((long offset, byte[] data) in _unflushed) data.CopyTo(_durable, offset);
        _unflushed.Clear();
        _isAnew = false;
    }

    public void Delete()
    {
        Exists = false;
        Length = 0;
        _content = [];
        _unflushed.Clear();
        _isAnew = true;
    }

    /// <summary>
    /// After a power cut: the file as it was flushed, and on top of it of each later write all, nothing, or a part.
    /// </summary>
    public void LoseUnflushed(Func<bool> survives)
    {
        bool isChanged = _isAnew || !Exists || _unflushed.Count > 0;
        if (!isChanged) return;
        // Its making or deletion reached the disk, or the file is the old one.
        if ((_isAnew || _durable is null) && survives()) _durable = Exists ? [] : null;
        Exists = _durable is not null;
        _content = _durable is null ? [] : [.. _durable];
        Length = _content.Length;
        if (Exists && (!_isAnew || _durable is { Length: 0 }))
        {
            foreach ((long offset, byte[] data) in _unflushed) PutPart(offset, data, survives);
        }

        _unflushed.Clear();
        _isAnew = false;
        if (Exists) _durable = _content.AsSpan(0, (int)Length).ToArray();
    }

    private void PutPart(long offset, byte[] data, Func<bool> survives)
    {
        if (!survives()) return;
        if (survives()) Put(offset, data);
        else if (survives()) Put(offset, data.AsSpan(0, data.Length / 2));
        else Put(offset + (data.Length / 2), data.AsSpan(data.Length / 2));
    }

    private void Put(long offset, ReadOnlySpan<byte> data)
    {
        long end = offset + data.Length;
        if (end > _content.Length) Array.Resize(ref _content, (int)Math.Max(end, _content.Length * 2L));
        data.CopyTo(_content.AsSpan((int)offset));
        Length = Math.Max(Length, end);
    }
}
