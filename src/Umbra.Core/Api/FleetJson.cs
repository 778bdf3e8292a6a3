using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Umbra.Core.Basics;

namespace Umbra.Core.Api;

/// <summary>
/// The one way in which the fleet's types become JSON and back, over HTTP and in the controller's store
/// (docs/formats/http-api.md): camelCase names, identifiers as plain strings, generations and epochs as numbers,
/// enumerations by name, times as milliseconds.
/// </summary>
/// <remarks>
/// The contracts are found by reflection and not by the source generator: generated code sets every <c>init</c>
/// property, also those that the text leaves out, so that a left-out interval would become zero instead of its default
/// and a list null. A peer of another version leaves things out.
/// </remarks>
public static class FleetJson
{
    /// <summary>Largest request or answer body that either side reads, bytes.</summary>
    public const int BodyBytesMax = 8 * Sizes.MiB;

    /// <summary>
    /// The options; read-only. Unknown names are ignored, missing required ones and nulls are errors.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = Create(indented: false);

    /// <summary>The same, for people's eyes.</summary>
    public static JsonSerializerOptions IndentedOptions { get; } = Create(indented: true);

    /// <summary>JSON of <paramref name="value"/>, UTF-8.</summary>
    public static byte[] Serialize<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, Options);

    /// <summary>JSON of <paramref name="value"/>.</summary>
    public static string SerializeToText<T>(T value, bool indented = false) =>
        JsonSerializer.Serialize(value, indented ? IndentedOptions : Options);

    /// <summary>Reads a <typeparamref name="T"/>; null with the reason in <paramref name="error"/>.</summary>
    public static T? TryDeserialize<T>(ReadOnlySpan<byte> utf8, out string error)
        where T : class
    {
        try
        {
            var value = JsonSerializer.Deserialize<T>(utf8, Options);
            error = value is null ? "the JSON is null" : "";
            return value;
        }
        catch (JsonException exception)
        {
            error = exception.Message;
            return null;
        }
    }

    private static JsonSerializerOptions Create(bool indented)
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            WriteIndented = indented,
            MaxDepth = 32,
            TypeInfoResolver = new System.Text.Json.Serialization.Metadata.DefaultJsonTypeInfoResolver(),
            Converters =
            {
                new VmIdConverter(), new HostIdConverter(), new GenerationConverter(), new EpochNumberConverter(),
                new TimeSpanConverter(),
                new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false),
            },
        };
        options.MakeReadOnly();
        return options;
    }

    private sealed class VmIdConverter : JsonConverter<VmId>
    {
        public override VmId Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            new(ReadName(ref reader));

        public override void Write(Utf8JsonWriter writer, VmId value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.Value);
    }

    private sealed class HostIdConverter : JsonConverter<HostId>
    {
        public override HostId Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            new(ReadName(ref reader));

        public override void Write(Utf8JsonWriter writer, HostId value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.Value);
    }

    private sealed class GenerationConverter : JsonConverter<Generation>
    {
        public override Generation Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            new(ReadCount(ref reader));

        public override void Write(Utf8JsonWriter writer, Generation value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(value.Value);
    }

    private sealed class EpochNumberConverter : JsonConverter<EpochNumber>
    {
        public override EpochNumber Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            new(ReadCount(ref reader));

        public override void Write(Utf8JsonWriter writer, EpochNumber value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(value.Value);
    }

    /// <summary>Milliseconds with up to four decimals: exact, as a tick is 0.0001 ms.</summary>
    private sealed class TimeSpanConverter : JsonConverter<TimeSpan>
    {
        private const decimal MillisecondsMax = long.MaxValue / TimeSpan.TicksPerMillisecond;

        public override TimeSpan Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetDecimal(out decimal milliseconds)
                || Math.Abs(milliseconds) > MillisecondsMax)
            {
                throw new JsonException("a time must be a number of milliseconds");
            }

            return TimeSpan.FromTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond));
        }

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options)
        {
            decimal milliseconds = value.Ticks / (decimal)TimeSpan.TicksPerMillisecond;
            writer.WriteRawValue(
                milliseconds.ToString("0.####", CultureInfo.InvariantCulture), skipInputValidation: true);
        }
    }

    private static string ReadName(ref Utf8JsonReader reader)
    {
        string? text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return Names.IsValid(text) ? text! : throw new JsonException("a name must be 1-63 of a-z 0-9 -");
    }

    private static ulong ReadCount(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out ulong value)
            ? value
            : throw new JsonException("a whole number from 0 on is wanted");
}
