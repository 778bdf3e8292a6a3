using Umbra.Core.Api;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.State;

/// <summary>
/// The file of a VM's record, for the one that keeps it. The controller repeats itself, and a record is two flushes of
/// the disk: what is there already is not written again. Used by one thread at a time.
/// </summary>
internal sealed class RecordFile(VmPaths paths)
{
    private byte[] _written = [];

    /// <summary>Keeps <paramref name="record"/>; on disk when this returns without an error.</summary>
    public SystemError? Write(VmRecord record)
    {
        byte[] bytes = FleetJson.Serialize(record);
        if (bytes.AsSpan().SequenceEqual(_written)) return null;
        SystemError? error = DurableFile.Replace(paths.Record, bytes);
        _written = error is null ? bytes : [];
        return error;
    }
}
