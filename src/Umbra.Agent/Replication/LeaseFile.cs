using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Umbra.Agent.State;

namespace Umbra.Agent.Replication;

/// <summary>
/// The run deadline that is in force for a VM under a lease, where the next agent finds it: 8 bytes on tmpfs, ticks of
/// the boot clock, 0 for none. It dies with the host, and so does the VM.
/// </summary>
internal sealed class LeaseFile : IDisposable
{
    private readonly SafeFileHandle _file;

    /// <summary>Opens or makes the file of a VM.</summary>
    public LeaseFile(VmPaths paths) => _file = File.OpenHandle(
        PathIn(paths), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);

    /// <summary>The deadline in the file of a VM; null: none, or no file.</summary>
    public static TimeSpan? Read(VmPaths paths)
    {
        using var file = new LeaseFile(paths);
        return file.Deadline;
    }

    /// <summary>Removes the file of a VM whose process is gone: its deadline is nothing to the next process.</summary>
    public static void Delete(VmPaths paths) => File.Delete(PathIn(paths));

    /// <summary>The deadline; null: none.</summary>
    public TimeSpan? Deadline
    {
        get
        {
            Span<byte> bytes = stackalloc byte[8];
            if (RandomAccess.Read(_file, bytes, 0) < 8) return null;
            long ticks = BinaryPrimitives.ReadInt64LittleEndian(bytes);
            return ticks == 0 ? null : new TimeSpan(ticks);
        }

        set
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value?.Ticks ?? 0);
            RandomAccess.Write(_file, bytes, 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string PathIn(VmPaths paths) => Path.Combine(paths.Volatile, "lease");
}
