using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.State;

/// <summary>
/// The durable note that a VM must stay paused: <c>held</c> in the VM's directory, JSON of <see cref="HeldMark"/>. A
/// file of its own, because the guard writes it when the agent no longer can.
/// </summary>
public static class HeldFile
{
    /// <summary>Longest file that is read, bytes.</summary>
    private const int BytesMax = 1024;

    /// <summary>
    /// The note in <paramref name="directory"/>, or null when the VM is not held. A note that cannot be read holds it
    /// in the strictest way: it may be that of a swap.
    /// </summary>
    public static HeldMark? Read(string directory)
    {
        Outcome<byte[]?> file = DurableFile.Read(PathIn(directory), BytesMax);
        if (file is { IsOk: true, Value: null }) return null;
        HeldMark? mark = file.IsOk ? FleetJson.TryDeserialize<HeldMark>(file.Value, out _) : null;
        return mark ?? new HeldMark(HeldReason.Swap, Generation.None, "");
    }

    /// <summary>Writes the note; on disk when this returns without an error.</summary>
    public static SystemError? Write(string directory, HeldMark mark) =>
        DurableFile.Replace(PathIn(directory), FleetJson.Serialize(mark));

    /// <summary>Takes it back; on disk when this returns without an error.</summary>
    public static SystemError? Clear(string directory) => DurableFile.Delete(PathIn(directory));

    private static string PathIn(string directory) => Path.Combine(directory, "held");
}
