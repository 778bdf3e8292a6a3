using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Policy;

namespace Umbra.Cli;

/// <summary>Readers of the little languages of the command line: sizes, times, endpoints, disks, interfaces.</summary>
internal static class Specs
{
    /// <summary>A size: <c>256M</c>.</summary>
    public static long ParseBytes(ArgumentResult result)
    {
        string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (ByteText.TryParse(text, out long bytes)) return bytes;
        result.AddError($"'{text}' is no size: write 64K, 256M, 8G");
        return 0;
    }

    /// <summary>A time: <c>100ms</c>.</summary>
    public static TimeSpan ParseTime(ArgumentResult result)
    {
        string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (TimeOf(text) is { } time) return time;
        result.AddError($"'{text}' is no time: write 100ms, 5s, 2m, 24h");
        return default;
    }

    /// <summary>A name of a VM or host.</summary>
    public static string ParseName(ArgumentResult result)
    {
        string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (!Names.IsValid(text))
            result.AddError($"'{text}' is no name: 1-63 of a-z 0-9 -, starting with a letter or digit");
        return text;
    }

    /// <summary>An endpoint: <c>0.0.0.0:7410</c>.</summary>
    public static IPEndPoint? ParseEndpoint(ArgumentResult result)
    {
        string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        if (text.Contains(':') && IPEndPoint.TryParse(text, out var endpoint)) return endpoint;
        result.AddError($"'{text}' is no address and port: write 0.0.0.0:7410 or [::]:7410");
        return null;
    }

    /// <summary>Reads <c>100ms</c>, <c>5s</c>, <c>2m</c>, <c>24h</c>, <c>7d</c>; null: it is none of these.</summary>
    public static TimeSpan? TimeOf(string text)
    {
        int digits = 0;
        while (digits < text.Length && (char.IsAsciiDigit(text[digits]) || text[digits] == '.')) digits++;
        if (!double.TryParse(
            text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
        {
            return null;
        }

        double? milliseconds = text[digits..] switch
        {
            "ms" => number,
            "s" => number * 1000,
            "m" => number * 60_000,
            "h" => number * 3_600_000,
            "d" => number * 86_400_000,
            _ => null,
        };
        return milliseconds is <= 1e12 ? TimeSpan.FromMilliseconds(milliseconds.Value) : null;
    }

    /// <summary>A disk: <c>size=64M[,id=disk0][,path=/file][,format=raw|qcow2]</c>.</summary>
    public static DiskDefinition Disk(string text, string defaultId)
    {
        var parts = Split("--disk", text, "size", "id", "path", "format");
        if (!parts.TryGetValue("size", out string? size) || !ByteText.TryParse(size, out long bytes))
            throw Usage($"--disk {text}: a size is needed, as size=64M");
        return new DiskDefinition
        {
            Id = parts.GetValueOrDefault("id", defaultId),
            Bytes = bytes,
            SourcePath = parts.GetValueOrDefault("path"),
            Format = parts.GetValueOrDefault("format", "raw"),
        };
    }

    /// <summary>An interface: <c>bridge=br0[,mac=52:54:00:..][,id=net0]</c>.</summary>
    public static NicDefinition Nic(string text, VmId vm, string defaultId)
    {
        var parts = Split("--nic", text, "bridge", "mac", "id");
        if (!parts.TryGetValue("bridge", out string? bridge))
            throw Usage($"--nic {text}: a bridge is needed, as bridge=br0");
        string id = parts.GetValueOrDefault("id", defaultId);
        return new NicDefinition
        {
            Id = id, Bridge = bridge, Mac = parts.GetValueOrDefault("mac", VmRules.DefaultMac(vm, id)),
        };
    }

    private static Dictionary<string, string> Split(string option, string text, params ReadOnlySpan<string> known)
    {
        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string part in text.Split(','))
        {
            int equals = part.IndexOf('=');
            string key = equals < 0 ? part : part[..equals];
            if (equals < 0 || !known.Contains(key))
            {
                string all = string.Join(", ", known.ToArray());
                throw Usage($"{option} {text}: '{part}' is not understood; {all} are known");
            }

            if (!parts.TryAdd(key, part[(equals + 1)..])) throw Usage($"{option} {text}: {key} is there twice");
        }

        return parts;
    }

    private static CliException Usage(string message) => new(ExitCodes.Usage, message);
}
