using Umbra.Core.Epochs;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>Reads a log as a shadow does.</summary>
internal static class LogReplay
{
    internal delegate bool Reader(long number, Span<byte> data, out DiskOperation operation);

    /// <summary>Applies operations <paramref name="from"/> to <paramref name="end"/> - 1 to a disk.</summary>
    public static void Apply(Reader read, long from, long end, byte[] disk)
    {
        byte[] data = new byte[DiskOperation.DataBytesMax];
        for (long n = from; n < end; n++)
        {
            Assert.True(read(n, data, out DiskOperation operation), $"operation {n} is in the log");
            Span<byte> range = disk.AsSpan((int)operation.Offset, (int)operation.Length);
            if (operation.Kind == DiskOperationKind.Zero) range.Clear();
            else data.AsSpan(0, (int)operation.Length).CopyTo(range);
        }
    }
}
