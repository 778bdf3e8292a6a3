using System.Globalization;
using Umbra.Core.Basics;

namespace Umbra.Core.Epochs;

/// <summary>Names of a shadow's files. They are part of the format (docs/formats/shadow-store.md).</summary>
internal static class StoreFiles
{
    public const string Metadata = "shadow.meta";
    public const string StagedPages = "stage.pages";
    public const string StagedBlocks = "stage.blocks";

    /// <summary>Old pages that lead from <paramref name="epoch"/> back to its base; memory volume.</summary>
    public static string UndoPages(EpochNumber epoch) => "undo-pages." + Number(epoch);

    /// <summary>Old disk contents that lead from <paramref name="epoch"/> back to its base; disk volume.</summary>
    public static string UndoBlocks(EpochNumber epoch) => "undo-blocks." + Number(epoch);

    /// <summary>Device state of <paramref name="epoch"/>; memory volume.</summary>
    public static string DeviceState(EpochNumber epoch) => "state." + Number(epoch);

    /// <summary>Configuration first seen in <paramref name="epoch"/>; disk volume.</summary>
    public static string Configuration(EpochNumber epoch) => "config." + Number(epoch);

    /// <summary>Whether the file belongs to one epoch, and to which.</summary>
    public static bool TryEpoch(string name, out EpochNumber epoch)
    {
        int dot = name.LastIndexOf('.');
        epoch = default;
        ReadOnlySpan<char> digits = name.AsSpan(dot + 1);
        if (dot < 0 || !ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong n))
            return false;
        epoch = new EpochNumber(n);
        return true;
    }

    private static string Number(EpochNumber epoch) => epoch.Value.ToString("D20", CultureInfo.InvariantCulture);
}
