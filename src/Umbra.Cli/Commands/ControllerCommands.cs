using System.CommandLine;
using System.Net;
using Umbra.Controller;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra controller run</c>.</summary>
internal static class ControllerCommands
{
    public static Command Create()
    {
        var command = new UmbraCommand(
            "controller", "The fleet's controller", "controller run --state /var/lib/umbra");
        command.Subcommands.Add(CreateRun());
        return command;
    }

    private static UmbraCommand CreateRun()
    {
        var state = new Option<string>("--state")
        {
            Description = "Directory of its CA, database and credential", HelpName = "DIR", Required = true,
        };
        var listen = new Option<IPEndPoint?>("--listen")
        {
            Description = $"Where it listens (default: 0.0.0.0:{ApiPaths.ControllerPortDefault})",
            HelpName = "ADDR:PORT",
            CustomParser = Specs.ParseEndpoint,
        };
        var advertise = new Option<string?>("--advertise")
        {
            Description = "URL under which hosts and people reach it (default: made of the listen address)",
            HelpName = "URL",
        };
        var run = new UmbraCommand(
            "run", "Run the controller until it is told to stop (SIGTERM)",
            "controller run --state /var/lib/umbra",
            "controller run --state /var/lib/umbra --listen 10.0.0.1:7410 --advertise https://umbra.example:7410")
        {
            state, listen, advertise,
        };
        run.SetAction((parsed, stop) =>
        {
            var options = new ControllerOptions { StateDirectory = Path.GetFullPath(parsed.GetValue(state)!) };
            if (parsed.GetValue(listen) is { } endpoint) options = options with { ListenEndpoint = endpoint };
            if (parsed.GetValue(advertise) is { } url) options = options with { AdvertiseUrl = CheckUrl(url) };
            var console = parsed.InvocationConfiguration;
            return ControllerProcess.RunAsync(options, console.Output, console.Error, stop);
        });
        return run;
    }

    private static string CheckUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme == "https"
            ? text.TrimEnd('/')
            : throw new CliException(
                ExitCodes.Usage, $"--advertise {text}: a URL is wanted, as https://umbra.example:7410");
}
