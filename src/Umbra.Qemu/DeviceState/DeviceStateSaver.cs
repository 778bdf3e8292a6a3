using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Umbra.Core.Basics;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.DeviceState;

/// <summary>
/// Takes the device state of a paused VM, once an epoch: QEMU saves it in the pause, and what it saved is read when the
/// VM runs again. <c>xen-save-devices-state</c> gives the sections quickly, but without what makes them loadable; that
/// prefix (machine type, RAM blocks, ROM pages) comes from one ordinary migration in the same pause. The list of
/// sections changes with a hot-plug: that state is of no use, and the next pause takes another prefix. One thread at a
/// time.
/// </summary>
public sealed class DeviceStateSaver
{
    private readonly QmpSession _monitor;
    private readonly string _scratchFile;
    private readonly string _socketPath;
    private readonly ICompressor _lz4;
    private readonly IContentHash _hash;
    private readonly QmpCommand<QmpNothing> _save;
    private readonly ArrayBufferWriter<byte> _sectionNames = new(4096);
    private byte[] _file = new byte[256 * 1024];
    private ReadOnlyMemory<byte> _prefix;
    private ulong _prefixHash;
    private ulong _prefixFingerprint;
    private ReadOnlyMemory<byte> _stream;
    private bool _isRead;
    private QmpCall<QmpNothing>? _begun;

    /// <summary>A saver for the VM behind <paramref name="monitor"/>.</summary>
    /// <param name="monitor">The VM's first monitor.</param>
    /// <param name="scratchFile">File on tmpfs that QEMU may write.</param>
    /// <param name="socketPath">Path for a unix socket that QEMU may connect to.</param>
    /// <param name="lz4">Compresses the blob.</param>
    /// <param name="hash">Hashes it.</param>
    public DeviceStateSaver(
        QmpSession monitor, string scratchFile, string socketPath, ICompressor lz4, IContentHash hash)
    {
        _monitor = monitor;
        _scratchFile = scratchFile;
        _socketPath = socketPath;
        _lz4 = lz4;
        _hash = hash;
        _save = QmpCommands.XenSaveDevicesState(scratchFile);
    }

    /// <summary>
    /// Hash of the list of sections of the state read last, whether or not it could be taken: it changes when a device
    /// is plugged in or out. 0: none yet.
    /// </summary>
    public ulong Fingerprint { get; private set; }

    /// <summary>Hash of the prefix that the last blob was saved with.</summary>
    public ulong PrefixHash => _prefixHash;

    /// <summary>
    /// Whether blobs carry the prefix. Set to false once the shadow keeps the prefix of <see cref="PrefixHash"/>, to
    /// true when that is no longer sure. A new prefix sets it to true by itself.
    /// </summary>
    public bool SendPrefix { get; set; } = true;

    /// <summary>
    /// Whether QEMU itself refuses devices that it cannot save (<see cref="Machines.QemuVm.IsOnlyMigratable"/>): then
    /// <see cref="Begin"/> need not ask.
    /// </summary>
    public bool IsAlwaysSavable { get; init; }

    /// <summary>
    /// Once, before the first save: what a migration needs. Whether one is possible is asked before each.
    /// </summary>
    public Task<QmpOutcome<QmpNothing>> PrepareAsync(TimeSpan deadline, CancellationToken cancel = default) =>
        _monitor.ExecuteAsync(MigrationCapabilities.Command, deadline, cancel);

    /// <summary>
    /// Before every pause: whether the VM can be saved at all. With a non-migratable device (plugged in from outside,
    /// say) the save itself would kill QEMU 7.2.
    /// </summary>
    public QmpOutcome<QmpNothing> CheckSavable(TimeSpan deadline) =>
        Judge(_monitor.Execute(QmpCommands.QueryMigrate, deadline));

    /// <summary>
    /// Starts the save of the paused VM; QEMU writes while the caller copies pages. <see cref="Finish"/> ends it. Where
    /// QEMU takes any device, one may have been plugged in since the last question, and that is asked again: what is
    /// left is a device plugged in between QEMU's answer and the save.
    /// </summary>
    /// <returns>A failure when the VM cannot be saved; nothing is begun then.</returns>
    public QmpOutcome<QmpNothing> Begin(TimeSpan deadline)
    {
        QmpOutcome<QmpNothing> savable = _begun is null && !IsAlwaysSavable
            ? CheckSavable(deadline)
            : QmpOutcome.Ok<QmpNothing>(default);
        if (savable.IsOk) _begun ??= _monitor.Begin(_save);
        return savable;
    }

    /// <summary>
    /// Waits out a save that was begun and is not wanted any more, so that the next one is of its own pause.
    /// </summary>
    public void Abandon(TimeSpan deadline)
    {
        if (_begun is { } begun) _monitor.Finish(begun, deadline);
        _begun = null;
    }

    /// <summary>
    /// Waits until QEMU has saved all of it (begins when that was not done). The VM may run on then, with
    /// <see cref="Take"/> to come.
    /// </summary>
    /// <returns>Failures leave the VM paused.</returns>
    public QmpOutcome<QmpNothing> Finish(TimeSpan deadline)
    {
        long start = Stopwatch.GetTimestamp();
        _isRead = false;
        QmpOutcome<QmpNothing> begun = Begin(deadline);
        if (!begun.IsOk) return begun;
        QmpOutcome<QmpNothing> saved = _monitor.Finish(_begun!.Value, deadline);
        _begun = null;
        if (!saved.IsOk || HasPrefix) return saved;
        // Where the prefix begins and ends only the state itself tells.
        QmpOutcome<QmpNothing> read = Read();
        return read.IsOk && !HasPrefix
            ? TakePrefix(SectionStream.FirstSectionHeader(_stream.Span), deadline - Stopwatch.GetElapsedTime(start))
            : read;
    }

    /// <summary>
    /// Reads what was saved last and appends the <see cref="DeviceStateBlob"/>; the VM may run.
    /// </summary>
    /// <returns>
    /// A failure also when the state has other sections than its prefix is for: a device was plugged in or out.
    /// <paramref name="destination"/> is as it was then.
    /// </returns>
    public QmpOutcome<QmpNothing> Take(IBufferWriter<byte> destination)
    {
        QmpOutcome<QmpNothing> read = _isRead ? QmpOutcome.Ok<QmpNothing>(default) : Read();
        if (!read.IsOk) return read;
        if (!HasPrefix) return Corrupt("devices were plugged in or out; the next pause takes it with its new prefix");
        new DeviceStateBlob
        {
            Fingerprint = Fingerprint,
            PrefixHash = _prefixHash,
            Prefix = SendPrefix ? _prefix : default,
            State = _stream[SectionStream.HeaderBytes..],
        }.WriteTo(destination, _lz4, _hash);
        return read;
    }

    private bool HasPrefix => !_prefix.IsEmpty && _prefixFingerprint == Fingerprint;

    private QmpOutcome<QmpNothing> Read()
    {
        if (ReadScratch() is not { } stream) return Corrupt("its file cannot be read or is too large");
        if (SectionStream.Parse(stream.Span, out string error) is not { } sections) return Corrupt(error);
        (_stream, Fingerprint, _isRead) = (stream, FingerprintOf(sections), true);
        return QmpOutcome.Ok<QmpNothing>(default);
    }

    /// <summary>
    /// One ordinary migration. QEMU stands in state <c>postmigrate</c> afterwards, from which <c>cont</c> goes on.
    /// </summary>
    private QmpOutcome<QmpNothing> TakePrefix(ReadOnlySpan<byte> firstSection, TimeSpan deadline)
    {
        long start = Stopwatch.GetTimestamp();
        using var socket = new MigrationSocket(_socketPath);
        using QmpEventWait ended = _monitor.Expect(
            QmpEvent.Migration, e => e.Text("status") is "completed" or "failed" or "cancelled");
        QmpOutcome<QmpNothing> begun = _monitor.Execute(QmpCommands.Migrate(socket.Uri), deadline);
        if (!begun.IsOk) return begun;
        ReadOnlyMemory<byte>? received = socket.ReceiveAll(
            DeviceStateLimits.MigrationBytesMax, deadline - Stopwatch.GetElapsedTime(start));
        // Also after a failure: the VM cannot be resumed before QEMU has wound the migration up.
        QmpOutcome<QmpEvent> end = ended.Wait(deadline - Stopwatch.GetElapsedTime(start));
        if (!end.IsOk) return end.As<QmpNothing>();
        if (received is not { } stream) return Corrupt("the migration that shows its prefix gave no stream in time");
        int at = firstSection.IsEmpty ? -1 : stream.Span.IndexOf(firstSection);
        if (at <= 0) return Corrupt("a migration and xen-save-devices-state do not agree on the first section");
        _prefix = stream[..at];
        (_prefixHash, _prefixFingerprint) = (_hash.Hash(_prefix.Span), Fingerprint);
        SendPrefix = true;
        return begun;
    }

    private ReadOnlyMemory<byte>? ReadScratch()
    {
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(_scratchFile);
            long length = RandomAccess.GetLength(file);
            if (length > DeviceStateLimits.StateBytesMax) return null;
            if (length > _file.Length) _file = new byte[length + (length / 4)];
            int count = RandomAccess.Read(file, _file.AsSpan(0, (int)length), 0);
            return count == length ? _file.AsMemory(0, count) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private ulong FingerprintOf(IReadOnlyList<StateSection> sections)
    {
        _sectionNames.ResetWrittenCount();
        foreach (StateSection section in sections)
        {
            Span<byte> into = _sectionNames.GetSpan(section.Name.Length + 9);
            int length = Encoding.ASCII.GetBytes(section.Name, into);
            into[length] = 0;
            BinaryPrimitives.WriteUInt32LittleEndian(into[(length + 1)..], section.Instance);
            BinaryPrimitives.WriteUInt32LittleEndian(into[(length + 5)..], section.Version);
            _sectionNames.Advance(length + 9);
        }

        return _hash.Hash(_sectionNames.WrittenSpan);
    }

    private static QmpOutcome<QmpNothing> Judge(QmpOutcome<MigrationInfo> info)
    {
        if (!info.IsOk) return info.As<QmpNothing>();
        return info.Value.BlockedReasons.Count == 0
            ? QmpOutcome.Ok(default(QmpNothing))
            : QmpOutcome.Failed<QmpNothing>(
                QmpStatus.QemuError,
                "this VM's state cannot be saved: " + string.Join("; ", info.Value.BlockedReasons));
    }

    private static QmpOutcome<QmpNothing> Corrupt(string why) =>
        QmpOutcome.Failed<QmpNothing>(QmpStatus.Corrupt, "device state: " + why);
}
