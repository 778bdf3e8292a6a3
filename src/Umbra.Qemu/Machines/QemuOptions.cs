using System.Text;
using System.Text.Json;

namespace Umbra.Qemu.Machines;

/// <summary>
/// The value of one QEMU argument, taken apart: <c>first,a=b,c=d,,e</c> or a JSON object. Members of nested JSON
/// objects get dotted names. The word without a key, if any, is the member "".
/// </summary>
internal sealed class QemuOptions
{
    private readonly List<KeyValuePair<string, string>> _members = [];
    private bool _isMalformed;

    /// <summary>Null when it is neither, or has a name that could not be written as a list again.</summary>
    public static QemuOptions? Parse(string text)
    {
        var options = new QemuOptions();
        try
        {
            if (text.StartsWith('{')) options.ParseJson(text);
            else options.ParseList(text);
            return options._isMalformed ? null : options;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The first word: a driver's, back end's or machine's name, with or without its key.</summary>
    public string Kind => this[""] ?? this["driver"] ?? this["qom-type"] ?? this["type"] ?? "";

    public string? this[string name]
    {
        get
        {
            foreach ((string key, string value) in _members)
            {
                if (key == name) return value;
            }

            return null;
        }
    }

    /// <summary>Whether a switch is on: <c>share=on</c>, <c>share</c>, JSON true.</summary>
    public bool IsOn(string name) => this[name] is "on" or "yes" or "true" or "y";

    public void Set(string name, string value)
    {
        int at = _members.FindIndex(m => m.Key == name);
        if (at >= 0) _members[at] = new(name, value);
        else _members.Add(new(name, value));
    }

    public void Remove(params ReadOnlySpan<string> names)
    {
        foreach (string name in names) _members.RemoveAll(m => m.Key == name);
    }

    public bool IsEmpty => _members.Count == 0;

    /// <summary>As QEMU's list.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach ((string name, string value) in _members)
        {
            if (text.Length > 0) text.Append(',');
            if (name.Length > 0) text.Append(name).Append('=');
            text.Append(QemuCommandLine.Escape(value));
        }

        return text.ToString();
    }

    private void ParseJson(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        AddMembers("", document.RootElement);
        _isMalformed = _members.Exists(static m => m.Key.AsSpan().ContainsAny(",=") || m.Key.Length == 0);
    }

    private void ParseList(string text)
    {
        bool isFirst = true;
        foreach (string part in Split(text))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            bool isWord = isFirst && equals < 0;
            if (equals >= 0) Set(part[..equals], part[(equals + 1)..]);
            else if (isFirst) Set("", part);
            else Set(part, "on");
            isFirst = false;
            // In names QEMU knows no doubled commas: it reads something else there.
            _isMalformed |= equals == 0 || (equals >= 0 ? part[..equals] : isWord ? "" : part).Contains(',');
        }
    }

    private static List<string> Split(string text)
    {
        var parts = new List<string>();
        var part = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != ',')
                part.Append(text[i]);
            else if (i + 1 < text.Length && text[i + 1] == ',')
                part.Append(text[i++]);
            else
            {
                parts.Add(part.ToString());
                part.Clear();
            }
        }

        if (part.Length > 0) parts.Add(part.ToString());
        return parts;
    }

    private void AddMembers(string prefix, JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object) return;
        foreach (JsonProperty member in element.EnumerateObject())
        {
            string name = prefix + member.Name;
            if (member.Value.ValueKind == JsonValueKind.Object) AddMembers(name + ".", member.Value);
            else if (member.Value.ValueKind is JsonValueKind.True or JsonValueKind.False)
                Set(name, member.Value.ValueKind == JsonValueKind.True ? "on" : "off");
            else Set(name, member.Value.ToString());
        }
    }
}
