using System.Buffers.Binary;
using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>
/// What an undo log belongs to: applied, it turns the contents of one epoch back into those of its base.
/// </summary>
/// <param name="Epoch">Epoch whose commit wrote it.</param>
/// <param name="Base">Epoch that it leads back to.</param>
/// <param name="BaseDigest">
/// That epoch's digest, because an epoch's number can come a second time; 0 in a log of version 1, which was removed at
/// once.
/// </param>
internal readonly record struct UndoHeader(EpochNumber Epoch, EpochNumber Base, ulong BaseDigest);

/// <summary>
/// One file of old contents, written whole before anything is overwritten. It ends with a hash over all of it, so that
/// a torn one is told from a complete one, also where it is written over an older and longer one. Layout in
/// docs/formats/shadow-store.md.
/// </summary>
/// <remarks><c>chunk</c> is a buffer of <see cref="ChunkBytes"/> that the log may use until its end.</remarks>
internal sealed class UndoLogWriter(
    IShadowMedia media, IContentHash hash, ShadowVolume volume, string name, byte[] chunk)
{
    /// <summary>A file on the disk that has grown beyond it is made anew, for the space.</summary>
    internal const long KeptBytesMax = 4 * Sizes.MiB;

    internal const uint Magic = 0x55424D55; // "UMBU"
    internal const int HeaderBytes = 32;
    internal const int EntryBytes = 24;
    internal const int ChunkBytes = 256 * Sizes.KiB;

    private readonly byte[] _chunk = chunk;
    private int _used;
    private long _written;
    private ulong _chain;

    /// <summary>
    /// Makes what the file holds no log any more, before anything else of the next commit is written: a stale log of
    /// blocks beside half a log of pages could not be told from a damaged pair.
    /// </summary>
    public CallOutcome Void()
    {
        long bytes = media.FileBytes(volume, name);
        if (bytes > KeptBytesMax) return media.DeleteFile(volume, name);
        return bytes < HeaderBytes ? CallOutcome.Done : media.WriteFile(volume, name, 0, new byte[HeaderBytes]);
    }

    /// <summary>
    /// Begins the log, on the disk over what the file holds: one that keeps its size is flushed without a journal's
    /// commit. Each call's failure ends the log; the caller gives it up.
    /// </summary>
    public CallOutcome Begin(UndoHeader header)
    {
        if (volume == ShadowVolume.Memory)
        {
            CallOutcome deleted = media.DeleteFile(volume, name);
            if (!deleted.Succeeded) return deleted;
        }

        _used = 0;
        _written = 0;
        _chain = 0;
        Span<byte> bytes = stackalloc byte[HeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], StoreMetadata.Version);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], header.Epoch.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], header.Base.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[24..], header.BaseDigest);
        return Append(bytes);
    }

    /// <summary>
    /// Notes old contents: of a page (<paramref name="disk"/> -1, offset its number) or of a disk's range. No data
    /// stands for <paramref name="length"/> zeros.
    /// </summary>
    public CallOutcome Add(int disk, long offset, long length, ReadOnlySpan<byte> data)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        BinaryPrimitives.WriteInt32LittleEndian(entry, disk);
        BinaryPrimitives.WriteInt32LittleEndian(entry[4..], data.Length);
        BinaryPrimitives.WriteInt64LittleEndian(entry[8..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], length);
        CallOutcome outcome = Append(entry);
        return outcome.Succeeded ? Append(data) : outcome;
    }

    /// <summary>Ends the log; it is complete then, and durable after <see cref="Flush"/>.</summary>
    public CallOutcome End()
    {
        Span<byte> end = stackalloc byte[EntryBytes];
        end.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(end, -2);
        CallOutcome outcome = Append(end);
        if (outcome.Succeeded) outcome = WriteChunk();
        if (!outcome.Succeeded) return outcome;
        Span<byte> trailer = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(trailer, _chain);
        return media.WriteFile(volume, name, _written, trailer);
    }

    /// <summary>Makes the log durable.</summary>
    public CallOutcome Flush() => media.FlushFile(volume, name);

    private CallOutcome Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int take = Math.Min(bytes.Length, _chunk.Length - _used);
            bytes[..take].CopyTo(_chunk.AsSpan(_used));
            _used += take;
            bytes = bytes[take..];
            if (_used < _chunk.Length) continue;
            CallOutcome outcome = WriteChunk();
            if (!outcome.Succeeded) return outcome;
        }

        return CallOutcome.Done;
    }

    private CallOutcome WriteChunk()
    {
        if (_used == 0) return CallOutcome.Done;
        int bytes = _used;
        if (volume == ShadowVolume.Disk && media.FileBytes(volume, name) < _written + _used)
        {
            // It grows by whole pieces, so that it seldom does.
            _chunk.AsSpan(_used).Clear();
            bytes = _chunk.Length;
        }

        CallOutcome outcome = media.WriteFile(volume, name, _written, _chunk.AsSpan(0, bytes));
        if (!outcome.Succeeded) return outcome;
        _chain = hash.Hash(_chunk.AsSpan(0, _used), _chain);
        _written += _used;
        _used = 0;
        return outcome;
    }
}

/// <summary>Reads an undo log back: first whether it is complete, then its entries.</summary>
/// <remarks><c>chunk</c> is a buffer as the writer's: a log is hashed in pieces of its size.</remarks>
internal sealed class UndoLogReader(
    IShadowMedia media, IContentHash hash, ShadowVolume volume, string name, byte[] chunk)
{
    private readonly byte[] _chunk = chunk;
    private long _body;
    private long _read;
    private int _used;
    private int _filled;

    /// <summary>Takes an old content back; entries come in the order in which they were noted.</summary>
    internal delegate CallOutcome Restore(int disk, long offset, long length, ReadOnlySpan<byte> data);

    /// <summary>The header, or null when the file is missing, torn or not ours.</summary>
    public UndoHeader? ReadIfComplete()
    {
        _body = media.FileBytes(volume, name) - 8;
        if (_body < UndoLogWriter.HeaderBytes + UndoLogWriter.EntryBytes) return null;
        Span<byte> header = stackalloc byte[UndoLogWriter.HeaderBytes];
        if (!media.ReadFile(volume, name, 0, header).Succeeded) return null;
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != UndoLogWriter.Magic) return null;
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
        if (version is not (StoreMetadata.Version or StoreMetadata.FormerVersion)) return null;
        // The file may be longer than the log: where that ends its entries say, and that they are its own the hash.
        if (!Replay(static (_, _, _, _) => CallOutcome.Done).Succeeded) return null;
        _body = _read - (_filled - _used);
        ulong chain = 0;
        for (long at = 0; at < _body; at += _chunk.Length)
        {
            Span<byte> chunk = _chunk.AsSpan(0, (int)Math.Min(_chunk.Length, _body - at));
            if (!media.ReadFile(volume, name, at, chunk).Succeeded) return null;
            chain = hash.Hash(chunk, chain);
        }

        Span<byte> trailer = stackalloc byte[8];
        if (!media.ReadFile(volume, name, _body, trailer).Succeeded) return null;
        if (BinaryPrimitives.ReadUInt64LittleEndian(trailer) != chain) return null;
        return new UndoHeader(
            new EpochNumber(BinaryPrimitives.ReadUInt64LittleEndian(header[8..])),
            new EpochNumber(BinaryPrimitives.ReadUInt64LittleEndian(header[16..])),
            BinaryPrimitives.ReadUInt64LittleEndian(header[24..]));
    }

    /// <summary>Gives every entry to <paramref name="restore"/>; only after <see cref="ReadIfComplete"/>.</summary>
    public CallOutcome Replay(Restore restore)
    {
        _read = UndoLogWriter.HeaderBytes;
        _used = 0;
        _filled = 0;
        byte[] entry = new byte[UndoLogWriter.EntryBytes];
        byte[] data = new byte[Sizes.Block];
        while (true)
        {
            CallOutcome outcome = Take(entry);
            if (!outcome.Succeeded) return outcome;
            int disk = BinaryPrimitives.ReadInt32LittleEndian(entry);
            if (disk == -2) return CallOutcome.Done;
            int bytes = BinaryPrimitives.ReadInt32LittleEndian(entry.AsSpan(4));
            if (bytes < 0 || bytes > data.Length) return CallOutcome.Failed($"{name} holds an entry of {bytes} bytes");
            outcome = Take(data.AsSpan(0, bytes));
            if (outcome.Succeeded)
            {
                outcome = restore(
                    disk, BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(8)),
                    BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(16)), data.AsSpan(0, bytes));
            }

            if (!outcome.Succeeded) return outcome;
        }
    }

    private CallOutcome Take(Span<byte> into)
    {
        while (!into.IsEmpty)
        {
            if (_used == _filled)
            {
                _filled = (int)Math.Min(_chunk.Length, _body - _read);
                _used = 0;
                if (_filled == 0) return CallOutcome.Failed($"{name} ends too early");
                CallOutcome outcome = media.ReadFile(volume, name, _read, _chunk.AsSpan(0, _filled));
                if (!outcome.Succeeded) return outcome;
                _read += _filled;
            }

            int take = Math.Min(into.Length, _filled - _used);
            _chunk.AsSpan(_used, take).CopyTo(into);
            _used += take;
            into = into[take..];
        }

        return CallOutcome.Done;
    }
}
