using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;

namespace Umbra.Testing.Replication;

/// <summary>What a guest was at a cut: the reference that a shadow is compared with.</summary>
/// <param name="Cut">Number of the cut.</param>
/// <param name="Steps">Writes that the guest had made.</param>
/// <param name="Generation">Whatever the harness wants to remember of it.</param>
/// <param name="Memory">RAM.</param>
/// <param name="Disks">Disks by name.</param>
/// <param name="Configuration">Configuration.</param>
public sealed record ModelSnapshot(
    long Cut, long Steps, ulong Generation, byte[] Memory, IReadOnlyDictionary<string, byte[]> Disks,
    byte[] Configuration);

/// <summary>
/// A guest in memory: its writes are calls of the harness, dirty pages are tracked exactly, device state carries the
/// number of the cut and the steps made, so that a shadow can be told by it.
/// </summary>
public sealed class ModelGuest : ISourceGuest
{
    /// <summary>Bytes of device state.</summary>
    public const int DeviceStateBytes = 64;

    private readonly byte[] _memory;
    private readonly PageSet _dirty;
    private byte[] _saved = [];

    /// <summary>A guest on this RAM and these disks, running.</summary>
    public ModelGuest(
        byte[] memory, IEnumerable<KeyValuePair<string, ModelDisk>> disks, long logBytesMax,
        DiskMode diskMode = DiskMode.Mirror)
    {
        _memory = memory;
        PageCount = memory.Length / Sizes.Page;
        _dirty = new PageSet(PageCount);
        _dirty.AddRange(0, PageCount);
        ModelDisks = new ModelSourceDisks(this, disks, logBytesMax, diskMode);
    }

    /// <summary>Called before every call; see there.</summary>
    public ModelIntercept Intercept { get; set; } = _ => null;

    /// <summary>Given each snapshot, as the device state is saved.</summary>
    public Action<ModelSnapshot> Snapshot { get; set; } = _ => { };

    /// <summary>Gives each cut its number.</summary>
    public Func<long> NextCut { get; set; } = () => 0;

    /// <summary>What <see cref="Resume"/> says besides: a guard that refuses, for instance.</summary>
    public Func<CallOutcome> MayResume { get; set; } = () => CallOutcome.Done;

    /// <summary>Told about run deadlines.</summary>
    public Action<TimeSpan?> RunDeadline { get; set; } = _ => { };

    /// <summary>Whether the vCPUs run.</summary>
    public bool Running { get; set; } = true;

    /// <summary>Whether there is a process at all.</summary>
    public bool Alive { get; set; } = true;

    /// <summary>Writes made so far.</summary>
    public long Steps { get; set; }

    /// <summary>The durable note.</summary>
    public HeldMark? Held { get; set; }

    /// <summary>Remembered in snapshots.</summary>
    public ulong Generation { get; set; }

    /// <summary>Its disks.</summary>
    public ModelSourceDisks ModelDisks { get; }

    /// <inheritdoc/>
    public long PageCount { get; }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Configuration { get; set; } = "{}"u8.ToArray();

    /// <inheritdoc/>
    public ISourceDisks Disks => ModelDisks;

    /// <summary>Reads the cut's number and the steps from a device state.</summary>
    public static (long Cut, long Steps) ReadDeviceState(ReadOnlySpan<byte> state) =>
        (BinaryPrimitives.ReadInt64LittleEndian(state), BinaryPrimitives.ReadInt64LittleEndian(state[8..]));

    /// <summary>The guest writes a word of its RAM.</summary>
    public void WriteWord(long page, int word, ulong value)
    {
        Invariant.Holds(Running, "a paused guest writes nothing");
        BinaryPrimitives.WriteUInt64LittleEndian(_memory.AsSpan((int)((page * Sizes.Page) + (word * 8))), value);
        _dirty.Add(page);
        Steps++;
    }

    /// <summary>The guest clears a page.</summary>
    public void ClearPage(long page)
    {
        Invariant.Holds(Running, "a paused guest writes nothing");
        _memory.AsSpan((int)(page * Sizes.Page), Sizes.Page).Clear();
        _dirty.Add(page);
        Steps++;
    }

    /// <summary>What a page has now.</summary>
    public ReadOnlySpan<byte> Page(long page) => _memory.AsSpan((int)(page * Sizes.Page), Sizes.Page);

    /// <inheritdoc/>
    public CallOutcome TakeDirty(PageSet into)
    {
        if (Intercept(nameof(TakeDirty)) is { } failure) return failure;
        into.UnionWith(_dirty);
        _dirty.Clear();
        return Intercept("TakenDirty") ?? CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome CopyPages(ReadOnlySpan<long> pages, Span<byte> destination)
    {
        if (Intercept(nameof(CopyPages)) is { } failure) return failure;
        for (int i = 0; i < pages.Length; i++)
        {
            _memory.AsSpan((int)(pages[i] * Sizes.Page), Sizes.Page).CopyTo(destination[(i * Sizes.Page)..]);
            if ((i & 7) == 7) Intercept("CopiedPage");
        }

        return CallOutcome.DoneIn(TimeSpan.FromTicks(pages.Length * 5L));
    }

    /// <inheritdoc/>
    public CallOutcome Pause()
    {
        if (Intercept(nameof(Pause)) is { } failure) return failure;
        Running = false;
        return Intercept("Paused") ?? CallOutcome.DoneIn(TimeSpan.FromMilliseconds(1));
    }

    /// <inheritdoc/>
    public CallOutcome Stop()
    {
        if (Intercept(nameof(Stop)) is { } failure) return failure;
        Running = false;
        return Intercept("Stopped") ?? CallOutcome.DoneIn(TimeSpan.FromMilliseconds(1));
    }

    /// <inheritdoc/>
    public CallOutcome Resume()
    {
        if (Intercept(nameof(Resume)) is { } failure) return failure;
        if (!Alive) return CallOutcome.Failed("there is no process");
        CallOutcome may = MayResume();
        if (!may.Succeeded) return may;
        Running = true;
        return Intercept("Resumed") ?? CallOutcome.DoneIn(TimeSpan.FromMilliseconds(0.5));
    }

    /// <inheritdoc/>
    public CallOutcome SaveDeviceState()
    {
        if (Intercept(nameof(SaveDeviceState)) is { } failure) return failure;
        if (!Alive) return CallOutcome.Failed("there is no process");
        Invariant.Holds(!Running, "device state is saved of a paused guest");
        long cut = NextCut();
        _saved = DeviceStateOf(cut);
        Snapshot(TakeSnapshot(cut));
        return Intercept("SavedDeviceState") ?? CallOutcome.DoneIn(TimeSpan.FromMilliseconds(2));
    }

    /// <inheritdoc/>
    public CallOutcome TakeDeviceState(IBufferWriter<byte> destination)
    {
        if (Intercept(nameof(TakeDeviceState)) is { } failure) return failure;
        Invariant.Holds(_saved.Length > 0, "a device state is taken once, after it was saved");
        destination.Write(_saved);
        _saved = [];
        return CallOutcome.DoneIn(TimeSpan.FromMilliseconds(0.2));
    }

    /// <summary>What <see cref="SaveDeviceState"/> saves of the guest as it is now.</summary>
    public byte[] DeviceStateOf(long cut)
    {
        byte[] state = new byte[DeviceStateBytes];
        BinaryPrimitives.WriteInt64LittleEndian(state, cut);
        BinaryPrimitives.WriteInt64LittleEndian(state.AsSpan(8), Steps);
        return state;
    }

    /// <inheritdoc/>
    public CallOutcome MarkHeld(HeldMark mark)
    {
        if (Intercept(nameof(MarkHeld)) is { } failure) return failure;
        Held = mark;
        return Intercept("Marked") ?? CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ClearHeld()
    {
        if (Intercept(nameof(ClearHeld)) is { } failure) return failure;
        Held = null;
        return Intercept("Cleared") ?? CallOutcome.Done;
    }

    /// <inheritdoc/>
    public void SetRunDeadline(TimeSpan? deadline) => RunDeadline(deadline);

    /// <summary>What the guest is now.</summary>
    public ModelSnapshot TakeSnapshot(long cut) => new(
        cut, Steps, Generation, [.. _memory],
        ModelDisks.All.ToDictionary(d => d.Key, d => (byte[])[.. d.Value.Content], StringComparer.Ordinal),
        Configuration.ToArray());

    /// <summary>A configuration that names its disks.</summary>
    public static byte[] ConfigurationOf(int revision, IEnumerable<string> disks) =>
        Encoding.UTF8.GetBytes($"{{\"revision\":{revision},\"disks\":[\"{string.Join("\",\"", disks)}\"]}}");
}
