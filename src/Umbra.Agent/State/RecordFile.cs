using Umbra.Core.Api;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.State;

/// <summary>
/// The file of a VM's record, for the one that keeps it. The controller repeats itself, and a record is two flushes of
/// the disk: what is there already is not written again, and one that will be needed in a blackout is staged before.
/// Any number of threads.
/// </summary>
internal sealed class RecordFile(VmPaths paths)
{
    private readonly Lock _lock = new();
    private byte[] _written = [];
    private byte[] _staged = [];

    /// <summary>Keeps <paramref name="record"/>; on disk when this returns without an error.</summary>
    public SystemError? Write(VmRecord record)
    {
        byte[] bytes = FleetJson.Serialize(record);
        lock (_lock)
        {
            if (bytes.AsSpan().SequenceEqual(_written)) return null;
            bool isStaged = bytes.AsSpan().SequenceEqual(_staged);
            _staged = [];
            _written = [];
            SystemError? error = isStaged ? DurableFile.PutStaged(paths.Record) : null;
            if (!isStaged || error is not null) error = DurableFile.Replace(paths.Record, bytes);
            if (error is null) _written = bytes;
            return error;
        }
    }

    /// <summary>
    /// Makes ready what costs half of the time of <see cref="Write"/>, for a record that may be written soon; the file
    /// stays as it is. It is of no matter whether this succeeds.
    /// </summary>
    public void Stage(VmRecord record)
    {
        byte[] bytes = FleetJson.Serialize(record);
        lock (_lock)
        {
            if (bytes.AsSpan().SequenceEqual(_staged) || bytes.AsSpan().SequenceEqual(_written)) return;
            _staged = [];
            if (DurableFile.Stage(paths.Record, bytes) is null) _staged = bytes;
        }
    }
}
