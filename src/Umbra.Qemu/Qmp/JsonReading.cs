using System.Text.Json;

namespace Umbra.Qemu.Qmp;

/// <summary>Reads members of QEMU's answers without trusting their shape.</summary>
public static class JsonReading
{
    /// <summary>A string member, or empty.</summary>
    public static string Text(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.String } member ? member.GetString()! : "";

    /// <summary>An integer member, or <paramref name="fallback"/>.</summary>
    public static long Number(this JsonElement element, string name, long fallback = 0) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } member && member.TryGetInt64(out long n)
            ? n
            : fallback;

    /// <summary>A boolean member, or false.</summary>
    public static bool Flag(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.True };

    /// <summary>A member, or null when there is none or <paramref name="element"/> is no object.</summary>
    public static JsonElement? Member(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement member)
            ? member
            : null;

    /// <summary>The elements of an array member; empty when there is none.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];

    /// <summary>The elements of an answer that must be an array.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static IEnumerable<JsonElement> ArrayItems(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Array
            ? element.EnumerateArray()
            : throw new FormatException("answer is no array but " + element.ValueKind);
}
