using System.CommandLine;
using Umbra.Core.Api;
using Umbra.Core.Health.Ipmi;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra host set-bmc|clear-bmc</c>.</summary>
internal static class HostBmcCommands
{
    private const int PasswordFileBytesMax = 1024;

    private static readonly Argument<string> Host = new("HOST")
    {
        Description = "The host's name", CustomParser = Specs.ParseName,
    };

    public static Command CreateSet()
    {
        var address = new Option<string>("--ipmi")
        {
            Description = "ipmi://USER@HOST[:PORT]; the user needs the privilege OPERATOR",
            HelpName = "ADDR",
            Required = true,
        };
        var passwordFile = new Option<string>("--password-file")
        {
            Description = "File with the user's password", HelpName = "FILE", Required = true,
        };
        var command = new UmbraCommand(
            "set-bmc", "Tell the controller how to turn a host off, for 'umbra takeover --power-off'",
            "host set-bmc a --ipmi ipmi://umbra@10.0.9.1 --password-file /root/bmc-a") { Host, address, passwordFile };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            string text = parsed.GetValue(address)!;
            if (IpmiEndpoint.TryParse(text, out string error) is null)
                throw new CliException(ExitCodes.Usage, "--ipmi: " + error);
            string password = ReadPassword(parsed.GetValue(passwordFile)!);
            var view = await run.Client.PutAsync<BmcRequest, HostHealthView>(
                $"/hosts/{parsed.GetValue(Host)}/bmc", new BmcRequest(text, password), stop).ConfigureAwait(false);
            return run.Say(view, $"{view.Host} can be turned off through {view.Bmc}");
        });
        return command;
    }

    public static Command CreateClear()
    {
        var command = new UmbraCommand(
            "clear-bmc", "Have the controller forget how to turn a host off", "host clear-bmc a") { Host };
        CommandRun.SetAction(command, static async (run, parsed, stop) =>
        {
            var view = await run.Client.DeleteAsync<HostHealthView>($"/hosts/{parsed.GetValue(Host)}/bmc", stop)
                .ConfigureAwait(false);
            return run.Say(view, $"{view.Host} cannot be turned off by the controller");
        });
        return command;
    }

    private static string ReadPassword(string file)
    {
        try
        {
            if (new FileInfo(file).Length > PasswordFileBytesMax)
                throw new CliException(ExitCodes.Usage, $"--password-file: {file} is too long for a password");
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.Usage, "--password-file: " + e.Message);
        }
    }
}
