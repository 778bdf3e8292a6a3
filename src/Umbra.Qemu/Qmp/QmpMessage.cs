using System.Text.Json;

namespace Umbra.Qemu.Qmp;

/// <summary>What kind of line QEMU sent.</summary>
public enum QmpMessageKind
{
    /// <summary>No QMP.</summary>
    Corrupt = 0,

    /// <summary>The greeting.</summary>
    Greeting = 1,

    /// <summary>An answer with a value.</summary>
    Return = 2,

    /// <summary>An answer with an error.</summary>
    Error = 3,

    /// <summary>An event.</summary>
    Event = 4,
}

/// <summary>One line from QEMU, taken apart. Whatever the bytes are, parsing gives a value.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Id">Id of the command it answers; -1 when it carries none of ours.</param>
/// <param name="Name">Event's name, or the error's class; else empty.</param>
/// <param name="Description">The error's description, or why the line is corrupt; else empty.</param>
/// <param name="Body">Greeting's, answer's or event's data.</param>
public readonly record struct QmpMessage(
    QmpMessageKind Kind, long Id, string Name, string Description, JsonElement Body)
{
    /// <summary>Parses one line.</summary>
    public static QmpMessage Parse(ReadOnlyMemory<byte> line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return Classify(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Corrupt(e.Message);
        }
    }

    private static QmpMessage Classify(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) return Corrupt("not an object");
        if (root.TryGetProperty("return", out JsonElement value))
            return new(QmpMessageKind.Return, IdOf(root), "", "", value.Clone());
        if (root.TryGetProperty("event", out JsonElement name)) return Event(root, name);
        if (root.TryGetProperty("error", out JsonElement error)) return Error(root, error);
        if (root.TryGetProperty("QMP", out JsonElement greeting) && greeting.ValueKind == JsonValueKind.Object)
            return new(QmpMessageKind.Greeting, -1, "", "", greeting.Clone());
        return Corrupt("neither return, error, event nor greeting");
    }

    private static QmpMessage Event(JsonElement root, JsonElement name)
    {
        if (name.ValueKind != JsonValueKind.String) return Corrupt("event without a name");
        JsonElement data = root.TryGetProperty("data", out JsonElement d) ? d.Clone() : default;
        return new(QmpMessageKind.Event, -1, name.GetString()!, "", data);
    }

    private static QmpMessage Error(JsonElement root, JsonElement error) =>
        new(QmpMessageKind.Error, IdOf(root), error.Text("class"), error.Text("desc"), default);

    private static long IdOf(JsonElement root) =>
        root.TryGetProperty("id", out JsonElement id) && id.ValueKind == JsonValueKind.Number
            && id.TryGetInt64(out long n)
            ? n
            : -1;

    private static QmpMessage Corrupt(string why) => new(QmpMessageKind.Corrupt, -1, "", why, default);
}
