using System.Globalization;
using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>Names of a shadow's files. They are part of the format (docs/formats/shadow-store.md).</summary>
internal static class StoreFiles
{
    public const string Metadata = "shadow.meta";
    public const string StagedPages = "stage.pages";
    public const string StagedBlocks = "stage.blocks";

    /// <summary>What the names of all undo logs begin with.</summary>
    public const string UndoPrefix = "undo-";

    private const string UndoSlotPrefix = "undo-slot.";

    /// <summary>Old pages that lead from <paramref name="epoch"/> back to its base; memory volume.</summary>
    public static string UndoPages(EpochNumber epoch) => "undo-pages." + Number(epoch);

    /// <summary>Old disk contents that lead from a held epoch back to its base; disk volume.</summary>
    public static string UndoBlocks(in HeldEpoch held) =>
        held.UndoSlot > 0 ? UndoSlot(held.UndoSlot) : "undo-blocks." + Number(held.Epoch);

    /// <summary>File for old disk contents that is overwritten by one commit after another; disk volume.</summary>
    public static string UndoSlot(int slot) => UndoSlotPrefix + slot.ToString("D3", CultureInfo.InvariantCulture);

    /// <summary>Whether the file is one of those, and which.</summary>
    public static bool TryUndoSlot(string name, out int slot)
    {
        slot = 0;
        return name.StartsWith(UndoSlotPrefix, StringComparison.Ordinal)
            && int.TryParse(
                name.AsSpan(UndoSlotPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out slot);
    }

    /// <summary>Device state of <paramref name="epoch"/>; memory volume.</summary>
    public static string DeviceState(EpochNumber epoch) => "state." + Number(epoch);

    /// <summary>Configuration first seen in <paramref name="epoch"/>; disk volume.</summary>
    public static string Configuration(EpochNumber epoch) => "config." + Number(epoch);

    private static string Number(EpochNumber epoch) => epoch.Value.ToString("D20", CultureInfo.InvariantCulture);
}
