using System.Text.Json;

namespace Umbra.Core.Health;

/// <summary>Fields of foreign JSON: whatever type they have, an answer and no exception.</summary>
internal static class JsonFields
{
    /// <summary>Deepest nesting that is read.</summary>
    public const int DepthMax = 32;

    /// <summary>The document; null with the reason when the bytes are none.</summary>
    public static JsonDocument? TryParse(ReadOnlyMemory<byte> utf8, out string error)
    {
        error = "";
        try
        {
            return JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = DepthMax });
        }
        catch (JsonException exception)
        {
            error = "not JSON: " + exception.Message;
            return null;
        }
    }

    /// <summary>What lies at the path of names; null when something of it is not there or JSON's null.</summary>
    public static JsonElement? At(this JsonElement element, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element)) return null;
        }

        return element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined ? null : element;
    }

    /// <summary>Text at the path; null when there is none.</summary>
    public static string? Text(this JsonElement element, params ReadOnlySpan<string> names)
    {
        if (element.At(names) is not { ValueKind: JsonValueKind.String } found) return null;
        try
        {
            return found.GetString();
        }
        catch (InvalidOperationException)
        {
            return null; // escapes that are half a character
        }
    }

    /// <summary>A finite number at the path, also one that is written as text; null when there is none.</summary>
    public static double? Number(this JsonElement element, params ReadOnlySpan<string> names)
    {
        if (element.At(names) is not { } found) return null;
        if (found.ValueKind == JsonValueKind.String) return HealthText.Number(element.Text(names));
        return found.ValueKind == JsonValueKind.Number && found.TryGetDouble(out double value) && double.IsFinite(value)
            ? value
            : null;
    }

    /// <summary>Truth at the path; null when there is none.</summary>
    public static bool? Flag(this JsonElement element, params ReadOnlySpan<string> names) =>
        element.At(names)?.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        };

    /// <summary>The first elements of the array at the path; none when it is none.</summary>
    public static IEnumerable<JsonElement> Items(
        this JsonElement element, int countMax, params ReadOnlySpan<string> names)
    {
        return element.At(names) is { ValueKind: JsonValueKind.Array } found
            ? found.EnumerateArray().Take(countMax)
            : [];
    }
}
