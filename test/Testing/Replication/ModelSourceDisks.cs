using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Testing.Replication;

/// <summary>
/// A model guest's disks: its writes go to the disk and, while mirrored, into the real log; or by backups, once a cut.
/// </summary>
public sealed class ModelSourceDisks : ISourceDisks
{
    private const int ReadBytesMax = 16 * Sizes.KiB;

    private readonly ModelGuest _guest;
    private readonly BlockLog _log;
    private List<KeyValuePair<string, ModelDisk>> _disks;
    private int _copyDisk;
    private long _copyAt;
    private long _end;
    private readonly ModelBackup? _backup;
    private bool _isStreamed;

    internal ModelSourceDisks(
        ModelGuest guest, IEnumerable<KeyValuePair<string, ModelDisk>> disks, long logBytesMax, DiskMode mode)
    {
        _guest = guest;
        _disks = [.. disks];
        _log = new BlockLog(logBytesMax);
        if (mode == DiskMode.Backup) _backup = new ModelBackup(_log, disk => _disks[disk].Value.Content);
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<KeyValuePair<string, ModelDisk>> All => _disks;

    /// <inheritdoc/>
    public IReadOnlyList<DiskGeometry> Geometry =>
        [.. _disks.Select(d => new DiskGeometry(d.Key, d.Value.Content.Length))];

    /// <inheritdoc/>
    public DiskMirrorState State
    {
        get => field == DiskMirrorState.Ready && !_log.Overflowed && _log.OwedBytes > 0
            ? DiskMirrorState.Copying : field;
        private set;
    }

    /// <inheritdoc/>
    public string Detail => State switch
    {
        DiskMirrorState.Broken => "the log broke",
        DiskMirrorState.Owing => "the log was over its limit",
        _ => "",
    };

    /// <inheritdoc/>
    public double Progress => State == DiskMirrorState.Ready ? 1 : (double)_copyDisk / Math.Max(1, _disks.Count);

    /// <inheritdoc/>
    public long First => _log.First;

    /// <inheritdoc/>
    public long End => _log.End;

    /// <inheritdoc/>
    public long ReplacedBytes => _log.ReplacedBytes;

    /// <inheritdoc/>
    public long BytesFrom(long number) => _log.BytesFrom(number);

    /// <summary>Whether the emulator copies nothing of what a backup has to: its disk hangs, for instance.</summary>
    public bool IsCopyHeld { get; set; }

    /// <summary>Whether a cut was made that is not whole yet.</summary>
    public bool IsCopyingCut => _backup is { IsCopying: true };

    /// <summary>Plugs another disk: the mirror has to begin anew.</summary>
    public void Plug(string id, ModelDisk disk)
    {
        _disks = [.. _disks, new(id, disk)];
        State = DiskMirrorState.Broken;
    }

    /// <summary>The mirror fails, as by a killed server or an exceeded limit.</summary>
    public void Break() => State = DiskMirrorState.Broken;

    /// <summary>The guest writes to a disk.</summary>
    public void Write(int disk, long offset, ReadOnlySpan<byte> data)
    {
        Invariant.Holds(_guest.Running, "a paused guest writes nothing");
        BeforeWrite(disk, offset, data.Length);
        _disks[disk].Value.Write(offset, data);
        _guest.Steps++;
        if (_backup is null) Log(State == DiskMirrorState.Broken || _log.TryWrite(disk, offset, data));
    }

    /// <summary>The guest discards a range of a disk.</summary>
    public void Zero(int disk, long offset, int length)
    {
        Invariant.Holds(_guest.Running, "a paused guest writes nothing");
        BeforeWrite(disk, offset, length);
        _disks[disk].Value.Write(offset, new byte[length]);
        _guest.Steps++;
        if (_backup is null) Log(State == DiskMirrorState.Broken || _log.TryZero(disk, offset, length));
    }

    /// <summary>The emulator's own copy goes on by one piece, if one is under way.</summary>
    public void CopyStep(int pieceBytes)
    {
        if (_backup is not null)
        {
            CopyStep(_backup, pieceBytes);
            return;
        }

        if (State != DiskMirrorState.Copying || _log.OwedBytes > 0) return;
        if (_copyDisk < _disks.Count)
        {
            byte[] content = _disks[_copyDisk].Value.Content;
            int bytes = (int)Math.Min(pieceBytes, content.Length - _copyAt);
            ReadOnlySpan<byte> piece = content.AsSpan((int)_copyAt, bytes);
            bool zero = piece.IndexOfAnyExcept((byte)0) < 0;
            Log(zero ? _log.TryZero(_copyDisk, _copyAt, bytes) : _log.TryWrite(_copyDisk, _copyAt, piece));
            _copyAt += bytes;
            if (_copyAt == content.Length)
            {
                _copyDisk++;
                _copyAt = 0;
            }
        }

        if (State == DiskMirrorState.Copying && _copyDisk == _disks.Count) State = DiskMirrorState.Ready;
    }

    /// <inheritdoc/>
    public CallOutcome Restart()
    {
        if (_guest.Intercept("Disks.Restart") is { } failure) return failure;
        _log.Restart([.. _disks.Select(d => (long)d.Value.Content.Length)]);
        _copyDisk = 0;
        _copyAt = 0;
        _isStreamed = true;
        _backup?.CopyAll([.. _disks.Select(d => (long)d.Value.Content.Length)]);
        State = _disks.Count == 0 ? DiskMirrorState.Ready : DiskMirrorState.Copying;
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public bool TryRead(long number, Span<byte> data, out DiskOperation operation)
    {
        _guest.Intercept("Disks.TryRead");
        return _log.TryRead(number, data, out operation);
    }

    /// <inheritdoc/>
    public CallOutcome Cut()
    {
        if (_guest.Intercept("Disks.Cut") is { } failure) return failure;
        if (State != DiskMirrorState.Ready) return CallOutcome.Failed("the mirror is not complete");
        Invariant.Holds(!_guest.Running, "disks are cut under a paused guest");
        if (_backup is { IsCopying: true }) return CallOutcome.Failed("the last cut is still being copied");
        _end = _log.Cut();
        _backup?.CopyChanged();
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public bool TryGetCutEnd(out long end)
    {
        bool isKnown = _backup is null || (!_backup.IsCopying && State == DiskMirrorState.Ready);
        if (isKnown && _backup is not null) _end = _log.Cut();
        if (isKnown) _isStreamed = false;
        end = _end;
        return isKnown;
    }

    /// <inheritdoc/>
    public void Release(long number)
    {
        if (State != DiskMirrorState.Broken) _log.Release(number);
    }

    /// <inheritdoc/>
    public long OwedBytes => _log.OwedBytes;

    /// <inheritdoc/>
    public CallOutcome CatchUp()
    {
        Invariant.Holds(State != DiskMirrorState.Broken, "a log that knows what it owes");
        if (_guest.Intercept("Disks.CatchUp") is { } failure) return failure;
        _log.CatchUp();
        _isStreamed = true;
        State = DiskMirrorState.Ready;
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ReadOwed()
    {
        if (!_log.TryTakeOwed(ReadBytesMax, out int disk, out long offset, out int length)) return CallOutcome.Done;
        CallOutcome? failure = _guest.Intercept("Disks.ReadOwed");
        byte[] piece = _disks[disk].Value.Content.AsSpan((int)offset, length).ToArray();
        failure ??= _guest.Intercept("Disks.OwedRead");
        if (failure is null) _log.PutOwed(piece);
        else _log.DropTaken();
        return failure ?? CallOutcome.Done;
    }

    /// <inheritdoc/>
    public void Forgo(long number) => _log.Forgo(number);

    // What is still to be copied is copied first, as it was.
    private void BeforeWrite(int disk, long offset, long length)
    {
        if (_backup is not null && State != DiskMirrorState.Broken) Log(_backup.Change(disk, offset, length));
    }

    private void CopyStep(ModelBackup backup, int bytes)
    {
        for (int left = bytes; left > 0 && backup.IsCopying; left -= Sizes.Page)
        {
            // Held back where the session lets go of what it has sent; else it would be held back for ever.
            bool isHeld = _isStreamed && _log.Bytes > _log.BytesMax / 2;
            if (isHeld || IsCopyHeld || State == DiskMirrorState.Broken) return;
            Log(backup.CopyNext());
        }

        if (State == DiskMirrorState.Copying && !backup.IsCopying) State = DiskMirrorState.Ready;
    }

    private void Log(bool taken)
    {
        // A log that was never started, or overflows in a full copy, makes the mirror useless until it is restarted.
        if (taken || State is not (DiskMirrorState.Copying or DiskMirrorState.Ready)) return;
        State = State == DiskMirrorState.Ready && _log.CanCatchUp ? DiskMirrorState.Owing : DiskMirrorState.Broken;
    }
}
