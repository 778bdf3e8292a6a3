using System.Text.Json;

namespace Umbra.Qemu.Qmp;

// Small values that QMP commands return; they share this file because each is nothing but its members.

/// <summary>Answer of <c>query-migrate</c>.</summary>
/// <param name="Status">
/// <c>none, setup, active, completed, failed, cancelled, ...</c>; empty before any migration.
/// </param>
/// <param name="Error">Why it failed; else empty.</param>
/// <param name="BlockedReasons">Why this VM cannot be migrated just now; empty when it can.</param>
public sealed record MigrationInfo(string Status, string Error, IReadOnlyList<string> BlockedReasons)
{
    internal static MigrationInfo Parse(JsonElement e) => new(
        e.Text("status"),
        e.Text("error-desc"),
        e.Items("blocked-reasons")
            .Where(r => r.ValueKind == JsonValueKind.String)
            .Select(r => r.GetString()!)
            .ToArray());
}

/// <summary>A block device as the guest sees it.</summary>
/// <param name="Device">Name of the block backend; often empty with <c>-blockdev</c>.</param>
/// <param name="QomPath">Its device: an id, or a path in QEMU's object tree.</param>
/// <param name="NodeName">The node it reads and writes; empty when there is no medium.</param>
/// <param name="File">File behind it; empty when there is no medium.</param>
/// <param name="Driver">Format driver: <c>raw</c>, <c>qcow2</c>, ...</param>
/// <param name="ReadOnly">Whether the guest may only read.</param>
/// <param name="Direct">Whether the host's page cache is bypassed (<c>cache.direct=on</c>).</param>
/// <param name="Bytes">Size that the guest sees.</param>
public sealed record BlockDeviceInfo(
    string Device, string QomPath, string NodeName, string File, string Driver, bool ReadOnly, bool Direct, long Bytes)
{
    internal static BlockDeviceInfo Parse(JsonElement e)
    {
        JsonElement inserted = e.Member("inserted") ?? default;
        return new(
            e.Text("device"),
            e.Text("qdev"),
            inserted.Text("node-name"),
            inserted.Text("file"),
            inserted.Text("drv"),
            inserted.Flag("ro"),
            (inserted.Member("cache") ?? default).Flag("direct"),
            (inserted.Member("image") ?? default).Number("virtual-size"));
    }
}

/// <summary>A named block node.</summary>
/// <param name="NodeName">Its name.</param>
/// <param name="Driver">Its driver.</param>
/// <param name="File">File behind it.</param>
/// <param name="ReadOnly">Whether it may only be read.</param>
/// <param name="Bytes">Its size.</param>
public sealed record BlockNodeInfo(string NodeName, string Driver, string File, bool ReadOnly, long Bytes)
{
    internal static BlockNodeInfo Parse(JsonElement e) => new(
        e.Text("node-name"),
        e.Text("drv"),
        e.Text("file"),
        e.Flag("ro"),
        (e.Member("image") ?? default).Number("virtual-size"));
}

/// <summary>A block job.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Type"><c>mirror</c>, <c>backup</c>, ...</param>
/// <param name="Status"><c>running, paused, ready, standby, ...</c></param>
/// <param name="IoStatus"><c>ok, failed, nospace</c>: an I/O error that paused it.</param>
/// <param name="Offset">Bytes done.</param>
/// <param name="Length">Bytes to do in all; equal to <paramref name="Offset"/> when it is in step.</param>
/// <param name="Ready">Whether a mirror has copied everything once.</param>
/// <param name="Paused">Whether it is paused.</param>
/// <param name="ActivelySynced">Whether an active mirror is in step (QEMU 9 and later; null before).</param>
public sealed record BlockJobInfo(
    string Id,
    string Type,
    string Status,
    string IoStatus,
    long Offset,
    long Length,
    bool Ready,
    bool Paused,
    bool? ActivelySynced)
{
    internal static BlockJobInfo Parse(JsonElement e) => new(
        e.Text("device"),
        e.Text("type"),
        e.Text("status"),
        e.Text("io-status"),
        e.Number("offset"),
        e.Number("len"),
        e.Flag("ready"),
        e.Flag("paused"),
        e.Member("actively-synced") is { } synced ? synced.ValueKind == JsonValueKind.True : null);
}

/// <summary>I/O counters of one block device since QEMU started.</summary>
/// <param name="QomPath">The device.</param>
/// <param name="NodeName">Its node.</param>
/// <param name="ReadBytes">Bytes read.</param>
/// <param name="WriteBytes">Bytes written.</param>
/// <param name="ReadOperations">Reads.</param>
/// <param name="WriteOperations">Writes.</param>
/// <param name="FlushOperations">Flushes.</param>
/// <param name="ReadNanoseconds">Time spent in reads, ns.</param>
/// <param name="WriteNanoseconds">Time spent in writes, ns.</param>
/// <param name="FlushNanoseconds">Time spent in flushes, ns.</param>
public sealed record BlockStats(
    string QomPath,
    string NodeName,
    long ReadBytes,
    long WriteBytes,
    long ReadOperations,
    long WriteOperations,
    long FlushOperations,
    long ReadNanoseconds,
    long WriteNanoseconds,
    long FlushNanoseconds)
{
    internal static BlockStats Parse(JsonElement e)
    {
        JsonElement stats = e.Member("stats") ?? default;
        return new(
            e.Text("qdev"),
            e.Text("node-name"),
            stats.Number("rd_bytes"),
            stats.Number("wr_bytes"),
            stats.Number("rd_operations"),
            stats.Number("wr_operations"),
            stats.Number("flush_operations"),
            stats.Number("rd_total_time_ns"),
            stats.Number("wr_total_time_ns"),
            stats.Number("flush_total_time_ns"));
    }
}

/// <summary>A property in QEMU's object tree; children have a type <c>child&lt;driver&gt;</c>.</summary>
public readonly record struct QomProperty(string Name, string Type);

/// <summary>A memory backend.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="IsShared">Whether other processes can map it.</param>
public readonly record struct MemoryBackend(string Id, long Bytes, bool IsShared);
