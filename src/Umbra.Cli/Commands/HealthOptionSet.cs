using System.CommandLine;
using Umbra.Agent.Health;
using Umbra.Core.Health.Ipmi;

namespace Umbra.Cli.Commands;

/// <summary>The options of <c>umbra agent run</c> that say what is read of the host's hardware.</summary>
internal static class HealthOptionSet
{
    private const string LocalBmc = "local";

    private static readonly Option<bool> NoHealth = new("--no-health")
    {
        Description = "Do not read the host's hardware",
    };

    private static readonly Option<string?> Bmc = new("--bmc")
    {
        Description = "The host's BMC by IPMI: ipmi://USER@HOST[:PORT], or 'local' (default: local where there is one)",
        HelpName = "ADDR",
    };

    private static readonly Option<string?> BmcPasswordFile = new("--bmc-password-file")
    {
        Description = "File with its password", HelpName = "FILE",
    };

    private static readonly Option<string?> Redfish = new("--redfish")
    {
        Description = "The host's BMC by Redfish: https://USER@HOST[:PORT]", HelpName = "URL",
    };

    private static readonly Option<string?> RedfishPasswordFile = new("--redfish-password-file")
    {
        Description = "File with its password", HelpName = "FILE",
    };

    private static readonly Option<string?> RedfishPin = new("--redfish-pin")
    {
        Description = "SHA-256 of its certificate; without it the certificate must be trusted by this machine",
        HelpName = "HEX",
    };

    /// <summary>Adds them to a command.</summary>
    public static void AddTo(Command command)
    {
        Option[] all = [NoHealth, Bmc, BmcPasswordFile, Redfish, RedfishPasswordFile, RedfishPin];
        foreach (Option option in all) command.Options.Add(option);
    }

    /// <summary>What they say.</summary>
    public static HealthOptions Read(ParseResult parsed)
    {
        if (parsed.GetValue(NoHealth)) return new HealthOptions { Enabled = false };
        return new HealthOptions { Bmc = ReadBmc(parsed), Redfish = ReadRedfish(parsed) };
    }

    private static BmcAddress? ReadBmc(ParseResult parsed)
    {
        string? file = ReadFile(parsed, BmcPasswordFile);
        if (parsed.GetValue(Bmc) is not { } text)
            return file is null ? null : throw new CliException(ExitCodes.Usage, "--bmc-password-file needs --bmc");
        if (text == LocalBmc) return new BmcAddress(null, null);
        return IpmiEndpoint.TryParse(text, out string error) is { } endpoint
            ? new BmcAddress(endpoint, file)
            : throw new CliException(ExitCodes.Usage, "--bmc: " + error);
    }

    private static RedfishAddress? ReadRedfish(ParseResult parsed)
    {
        string? file = ReadFile(parsed, RedfishPasswordFile), pin = parsed.GetValue(RedfishPin);
        if (parsed.GetValue(Redfish) is not { } text)
        {
            return file is null && pin is null
                ? null
                : throw new CliException(ExitCodes.Usage, "--redfish-password-file and --redfish-pin need --redfish");
        }

        return RedfishAddress.TryParse(text, file, pin, out string error)
            ?? throw new CliException(ExitCodes.Usage, "--redfish: " + error);
    }

    private static string? ReadFile(ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is not { } file) return null;
        return File.Exists(file)
            ? Path.GetFullPath(file)
            : throw new CliException(ExitCodes.Usage, $"{option.Name}: there is no file {file}");
    }
}
