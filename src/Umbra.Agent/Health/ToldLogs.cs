using Umbra.Core.Api;
using Umbra.Core.Health;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.Health;

/// <summary>
/// Up to where each reader's log was told of, kept for the next agent: JSON of <c>{READER:{"time":T,"ids":[ID]}}</c>.
/// Thread-safe.
/// </summary>
public sealed class ToldLogs
{
    private const int BytesMax = 256 * 1024;

    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly Action<string> _complain;
    private readonly SortedDictionary<string, LogPosition> _positions = new(StringComparer.Ordinal);

    /// <summary>Those kept in <paramref name="path"/>; none where it cannot be read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="complain">Called when it cannot be written; must return soon.</param>
    public ToldLogs(string path, Action<string> complain)
    {
        (_path, _complain) = (path, complain);
        Outcome<byte[]?> file = DurableFile.Read(path, BytesMax);
        if (file is not { IsOk: true, Value: { } bytes }) return;
        foreach (var (reader, kept) in FleetJson.TryDeserialize<Dictionary<string, LogPosition>>(bytes, out _) ?? [])
            if (kept is { Ids: not null }) _positions[reader] = kept;
    }

    /// <summary>A reader's position; null: nothing of its log was told of.</summary>
    public LogPosition? Of(string reader)
    {
        lock (_lock) return _positions.GetValueOrDefault(reader);
    }

    /// <summary>A reader's log has been told of up to <paramref name="position"/>.</summary>
    public void Keep(string reader, LogPosition position)
    {
        lock (_lock)
        {
            if (position.Equals(_positions.GetValueOrDefault(reader))) return;
            _positions[reader] = position;
            if (DurableFile.Replace(_path, FleetJson.Serialize(_positions)) is { } error)
                _complain("where reading logs stopped is not kept: " + error.Message);
        }
    }
}
