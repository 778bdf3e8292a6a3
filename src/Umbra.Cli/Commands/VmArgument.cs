using System.CommandLine;

namespace Umbra.Cli.Commands;

/// <summary>The argument that names a VM.</summary>
internal static class VmArgument
{
    /// <summary>For every command about one VM.</summary>
    public static Argument<string> Required { get; } = new("VM")
    {
        Description = "The VM's name", CustomParser = Specs.ParseName,
    };
}
