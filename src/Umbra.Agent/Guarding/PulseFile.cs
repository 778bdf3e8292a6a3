using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Umbra.Agent.Guarding;

/// <summary>
/// An agent's pulse, where its guard reads it: 8 bytes on tmpfs, a number that changes. A file and not the pipe between
/// them, because a write into a pipe that nobody reads would hang the agent one day.
/// </summary>
internal sealed class PulseFile(string path) : IDisposable
{
    private readonly SafeFileHandle _file = File.OpenHandle(
        path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);

    /// <summary>The number; 0: none was written yet.</summary>
    public long Value
    {
        get
        {
            Span<byte> bytes = stackalloc byte[8];
            return RandomAccess.Read(_file, bytes, 0) < 8 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(bytes);
        }

        set
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            RandomAccess.Write(_file, bytes, 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
