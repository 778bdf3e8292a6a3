using System.Buffers.Text;
using System.Text;

namespace Umbra.Core.Api;

/// <summary>
/// What a new host is given, as one word: where the controller is, how to recognise it before there is any trust, and
/// the secret that lets the host in. Text: <c>umbra-join-</c> + base64url of the JSON of this record.
/// </summary>
/// <param name="Url">The controller's URL, <c>https://address:port</c>.</param>
/// <param name="CaFingerprint">SHA-256 of the fleet CA's certificate (DER), 64 lower-case hex digits.</param>
/// <param name="Secret">Shown to the controller once, in <see cref="JoinRequest.Token"/>.</param>
public sealed record JoinToken(string Url, string CaFingerprint, string Secret)
{
    /// <summary>What every token starts with.</summary>
    public const string Prefix = "umbra-join-";

    /// <summary>Longest token that is read, characters.</summary>
    public const int LengthMax = 2048;

    /// <summary>The token as one word.</summary>
    public string Format() => Prefix + Base64Url.EncodeToString(FleetJson.Serialize(this));

    /// <summary>
    /// Reads a token; null with the reason in <paramref name="error"/>, which never repeats the secret.
    /// </summary>
    public static JoinToken? TryParse(string text, out string error)
    {
        text = text.Trim();
        error = "";
        if (!text.StartsWith(Prefix, StringComparison.Ordinal)) error = $"a join token starts with {Prefix}";
        else if (text.Length > LengthMax) error = "it is too long to be a join token";
        if (error != "") return null;
        byte[]? json = TryDecode(text[Prefix.Length..]);
        var token = json is null ? null : FleetJson.TryDeserialize<JoinToken>(json, out _);
        if (token is null || !token.IsWellFormed())
        {
            error = "the join token is cut or damaged: copy it whole, or make a new one with 'umbra host token'";
            return null;
        }

        return token;
    }

    private static byte[]? TryDecode(string text)
    {
        byte[] bytes = new byte[Base64Url.GetMaxDecodedLength(Encoding.UTF8.GetByteCount(text))];
        return Base64Url.IsValid(text) && Base64Url.TryDecodeFromChars(text, bytes, out int written)
            ? bytes[..written]
            : null;
    }

    private bool IsWellFormed() =>
        Uri.TryCreate(Url, UriKind.Absolute, out var uri) && uri.Scheme == "https"
        && CaFingerprint.Length == 64 && CaFingerprint.All(char.IsAsciiHexDigitLower) && Secret.Length >= 16;

    private bool PrintMembers(StringBuilder builder)
    {
        // The secret stays out of logs.
        builder.Append("Url = ").Append(Url).Append(", CaFingerprint = ").Append(CaFingerprint);
        return true;
    }
}
