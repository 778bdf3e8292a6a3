using System.Text;
using Umbra.Fuzz.Harness;
using Umbra.Qemu.Disks;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// What a client may send to the NBD server: it ends with a reason, and never touches the export outside its range.
/// </summary>
public sealed class NbdServerTarget : IFuzzTarget
{
    private const int DiskBytes = 1 << 20;

    private static readonly NbdExports s_exports = MakeExports();

    public string Name => "nbd-server";

    public IReadOnlyList<byte[]> Seeds { get; } =
    [
        [.. U32(3), .. Option(3, []), .. Option(8, []), .. Option(7, Go("disk")), .. Requests()],
        [.. U32(1), .. Option(6, Go("disk")), .. Option(1, "disk"u8), .. Requests()],
        [.. U32(3), .. Option(7, Go("nothing")), .. Option(2, [])],
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        using var stream = new OneWayStream(input.ToArray());
        NbdEnd end = new NbdConversation(s_exports, stream).Run();
        if (end.Description.Length == 0) throw new InvalidOperationException("an end without a reason");
    }

    private static byte[] Requests() =>
    [
        .. Request(1, 1, 4096, 512), .. new byte[512],
        .. Request(2, 6, 8192, 4096),
        .. Request(0, 4, 0, DiskBytes),
        .. Request(0, 3, 0, 0),
        .. Request(0, 0, 100, 200),
        .. Request(0, 2, 0, 0),
    ];

    private static byte[] U32(uint value) =>
        [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Go(string name) => [.. U32((uint)name.Length), .. Encoding.ASCII.GetBytes(name), 0, 0];

    private static byte[] Option(uint option, ReadOnlySpan<byte> data) =>
        [.. "IHAVEOPT"u8, .. U32(option), .. U32((uint)data.Length), .. data];

    private static byte[] Request(byte flags, byte command, uint offset, uint length) =>
    [
        .. U32(0x25609513), 0, flags, 0, command, 1, 2, 3, 4, 5, 6, 7, 8,
        .. U32(0), .. U32(offset), .. U32(length),
    ];

    private static NbdExports MakeExports()
    {
        var exports = new NbdExports();
        exports.Set("disk", new BoundedExport());
        return exports;
    }

    /// <summary>Throws when it is called outside its range.</summary>
    private sealed class BoundedExport : INbdExport
    {
        public long Bytes => DiskBytes;

        public NbdError Read(long offset, Span<byte> into) => Check(offset, into.Length);

        public NbdError Write(long offset, ReadOnlySpan<byte> data) => Check(offset, data.Length);

        public NbdError WriteZeroes(long offset, long length, bool mayUnmap) => Check(offset, length);

        public NbdError Trim(long offset, long length) => Check(offset, length);

        public bool CanFlush => true;

        public NbdError Flush() => NbdError.None;

        private static NbdError Check(long offset, long length) =>
            offset >= 0 && length >= 0 && offset <= DiskBytes - length
                ? NbdError.None
                : throw new InvalidOperationException($"{length} bytes at {offset} reached the export");
    }

    /// <summary>A peer that has said everything beforehand and listens to nothing.</summary>
    private sealed class OneWayStream(byte[] input) : MemoryStream(input, writable: false)
    {
        public override bool CanWrite => true;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
        }
    }
}
