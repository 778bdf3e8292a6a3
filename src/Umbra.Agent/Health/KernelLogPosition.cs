using Umbra.Core.Api;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.Health;

/// <summary>
/// Up to where this boot's kernel log was told of, kept for the next agent: JSON of
/// <c>{"bootId":TEXT,"sequence":N}</c>. The numbers are those of <c>/dev/kmsg</c>; a boot begins them anew.
/// </summary>
public sealed class KernelLogPosition
{
    private const int BytesMax = 1024;

    private readonly string _path;
    private readonly string _bootId;

    /// <summary>
    /// The position kept in <paramref name="path"/>. One of another boot, or that cannot be read, is none.
    /// </summary>
    public KernelLogPosition(string path, string bootId)
    {
        (_path, _bootId) = (path, bootId);
        Outcome<byte[]?> file = DurableFile.Read(path, BytesMax);
        Kept? kept = file is { IsOk: true, Value: { } bytes } ? FleetJson.TryDeserialize<Kept>(bytes, out _) : null;
        Told = kept?.BootId == bootId ? kept.Sequence : -1;
    }

    /// <summary>Number of the last record that was told of; -1: none was.</summary>
    public long Told { get; private set; }

    /// <summary>What was found up to <paramref name="sequence"/> has been told of.</summary>
    public SystemError? Keep(long sequence)
    {
        if (sequence <= Told) return null;
        if (DurableFile.Replace(_path, FleetJson.Serialize(new Kept(_bootId, sequence))) is { } error) return error;
        Told = sequence;
        return null;
    }

    private sealed record Kept(string BootId, long Sequence);
}
