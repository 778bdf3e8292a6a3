using Umbra.Qemu.Disks;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>An export in memory that remembers what it was asked; it can be made to fail or to hang.</summary>
internal sealed class MemoryExport(long bytes) : INbdExport
{
    private readonly Lock _gate = new();

    public byte[] Content { get; } = new byte[bytes];

    public List<string> Requests { get; } = [];

    public NbdError Answer { get; set; }

    /// <summary>While it is not set, requests hang.</summary>
    public ManualResetEventSlim Open { get; } = new(true);

    public long Bytes => Content.Length;

    public NbdError Read(long offset, Span<byte> into)
    {
        Note($"read {offset} {into.Length}");
        Content.AsSpan((int)offset, into.Length).CopyTo(into);
        return Answer;
    }

    public NbdError Write(long offset, ReadOnlySpan<byte> data)
    {
        Note($"write {offset} {data.Length}");
        data.CopyTo(Content.AsSpan((int)offset));
        return Answer;
    }

    public NbdError WriteZeroes(long offset, long length, bool mayUnmap)
    {
        Note($"zero {offset} {length}{(mayUnmap ? " unmap" : "")}");
        Content.AsSpan((int)offset, (int)length).Clear();
        return Answer;
    }

    public NbdError Trim(long offset, long length)
    {
        Note($"trim {offset} {length}");
        return Answer;
    }

    public bool CanFlush { get; init; } = true;

    public NbdError Flush()
    {
        Note("flush");
        return Answer;
    }

    private void Note(string request)
    {
        Open.Wait();
        lock (_gate) Requests.Add(request);
    }
}
