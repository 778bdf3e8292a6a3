using System.CommandLine;
using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Cli.Commands;

/// <summary>The options <c>--disk</c> and <c>--nic</c>.</summary>
internal static class DeviceOptions
{
    /// <summary><c>--disk</c>, any number of times.</summary>
    public static Option<string[]> Disks() => new("--disk")
    {
        Description = "A disk", HelpName = "size=64M[,id=disk0][,path=/file][,format=raw|qcow2]",
        DefaultValueFactory = static _ => [],
    };

    /// <summary><c>--nic</c>, any number of times.</summary>
    public static Option<string[]> Nics() => new("--nic")
    {
        Description = "An interface", HelpName = "bridge=br0[,mac=52:54:00:..][,id=net0]",
        DefaultValueFactory = static _ => [],
    };

    /// <summary>The disks; those without a name get the first free <c>diskN</c>.</summary>
    public static IReadOnlyList<DiskDefinition> ReadDisks(
        ParseResult parsed, Option<string[]> option, IEnumerable<string> taken)
    {
        var names = new HashSet<string>(taken, StringComparer.Ordinal);
        return [.. parsed.GetValue(option)!.Select(text => Specs.Disk(text, Next("disk", names, text)))];
    }

    /// <summary>The interfaces; those without a name get the first free <c>netN</c>.</summary>
    public static IReadOnlyList<NicDefinition> ReadNics(
        ParseResult parsed, Option<string[]> option, VmId vm, IEnumerable<string> taken)
    {
        var names = new HashSet<string>(taken, StringComparer.Ordinal);
        return [.. parsed.GetValue(option)!.Select(text => Specs.Nic(text, vm, Next("net", names, text)))];
    }

    private static string Next(string prefix, HashSet<string> taken, string text)
    {
        if (text.Split(',').Any(static part => part.StartsWith("id=", StringComparison.Ordinal))) return "";
        int number = 0;
        while (!taken.Add(prefix + number)) number++;
        return prefix + number;
    }
}

/// <summary>Options that name a host.</summary>
internal static class HostName
{
    /// <summary>The host; null when none was named.</summary>
    public static HostId? Read(string? text)
    {
        if (text is null) return null;
        return Names.IsValid(text)
            ? new HostId(text)
            : throw new CliException(ExitCodes.Usage, $"'{text}' is no name of a host: 1-63 of a-z 0-9 -");
    }
}
