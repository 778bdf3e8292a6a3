namespace Umbra.Core.Health.Smart;

/// <summary>A drive as smartctl names it.</summary>
/// <param name="Name">Its device: <c>/dev/sda</c>.</param>
/// <param name="Type">How it is spoken to: <c>nvme</c>, <c>megaraid,0</c>; null: smartctl finds out.</param>
public sealed record SmartDevice(string Name, string? Type)
{
    private const int CharsMax = 64;

    /// <summary>Its name for people: without the directory, with the type where that tells drives apart.</summary>
    public string Label => Name[(Name.LastIndexOf('/') + 1)..] + (Type?.Contains(',') == true ? " " + Type : "");

    /// <summary>Whether <paramref name="name"/> is a device's path, and not an option in disguise.</summary>
    public static bool IsName(string? name) =>
        name is { Length: > 5 and <= CharsMax } && name.StartsWith("/dev/", StringComparison.Ordinal)
        && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.' or ':')
        && !name.Contains("..", StringComparison.Ordinal);

    /// <summary>Whether <paramref name="type"/> is a type as smartctl writes it.</summary>
    public static bool IsType(string? type) =>
        type is { Length: > 0 and <= CharsMax }
        && type.All(static c => char.IsAsciiLetterOrDigit(c) || c is ',' or '/' or '+' or '_');
}
