using System.CommandLine;
using Spectre.Console.Rendering;
using Umbra.Core.Api;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra host list|show|token|cordon|uncordon|forget|health|set-bmc|clear-bmc</c>.</summary>
internal static class HostCommands
{
    private static readonly Argument<string> Host = new("HOST")
    {
        Description = "The host's name", CustomParser = Specs.ParseName,
    };

    public static Command Create()
    {
        var command = new UmbraCommand(
            "host", "Hosts of the fleet", "host list", "host token", "host cordon a --reason fan");
        command.Subcommands.Add(CreateList());
        command.Subcommands.Add(CreateShow());
        command.Subcommands.Add(CreateToken());
        command.Subcommands.Add(CreateCordon());
        command.Subcommands.Add(CreateUncordon());
        command.Subcommands.Add(CreateForget());
        command.Subcommands.Add(HostHealthCommand.Create());
        command.Subcommands.Add(HostBmcCommands.CreateSet());
        command.Subcommands.Add(HostBmcCommands.CreateClear());
        return command;
    }

    private static UmbraCommand CreateList()
    {
        var command = new UmbraCommand("list", "All hosts", "host list", "host list --output json");
        CommandRun.SetAction(command, static async (run, _, stop) =>
            run.Show(await run.Client.GetAsync<HostList>("/hosts", stop).ConfigureAwait(false), RenderList));
        return command;
    }

    private static UmbraCommand CreateShow()
    {
        var command = new UmbraCommand("show", "One host", "host show a") { Host };
        CommandRun.SetAction(command, static async (run, parsed, stop) => run.Show(
            await run.Client.GetAsync<HostView>($"/hosts/{parsed.GetValue(Host)}", stop).ConfigureAwait(false),
            Render));
        return command;
    }

    private static UmbraCommand CreateToken()
    {
        var validFor = new Option<TimeSpan?>("--valid-for")
        {
            Description = "How long it can be used (default: 24h)",
            HelpName = "TIME",
            CustomParser = static result => Specs.ParseTime(result),
        };
        var uses = new Option<int>("--uses")
        {
            Description = "How many hosts can join by it", DefaultValueFactory = static _ => 1,
        };
        var command = new UmbraCommand(
            "token", "Make a join token for 'umbra agent run --join'; it is shown this once",
            "host token", "host token --uses 10 --valid-for 1h") { validFor, uses };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            var request = new TokenRequest { Uses = parsed.GetValue(uses) };
            if (parsed.GetValue(validFor) is { } time) request = request with { ValidFor = time };
            var reply = await run.Client.PostAsync<TokenRequest, TokenReply>("/tokens", request, stop)
                .ConfigureAwait(false);
            return run.Say(reply, reply.Token);
        });
        return command;
    }

    private static UmbraCommand CreateCordon()
    {
        var reason = new Option<string>("--reason")
        {
            Description = "Why", DefaultValueFactory = static _ => new CordonRequest().Reason,
        };
        var command = new UmbraCommand(
            "cordon", "Place nothing new on a host", "host cordon a --reason \"fan 2 is loud\"") { Host, reason };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            var change = await run.Client.PostAsync<CordonRequest, HostChange>(
                $"/hosts/{parsed.GetValue(Host)}/cordon", new CordonRequest { Reason = parsed.GetValue(reason)! }, stop)
                .ConfigureAwait(false);
            return run.Say(change, change.Changed
                ? $"{change.Host.Name} is cordoned"
                : $"{change.Host.Name} was cordoned already ({change.Host.Cordon})");
        });
        return command;
    }

    private static UmbraCommand CreateUncordon()
    {
        var command = new UmbraCommand("uncordon", "Use a host again", "host uncordon a") { Host };
        CommandRun.SetAction(command, static async (run, parsed, stop) =>
        {
            var change = await run.Client.PostAsync<HostChange>($"/hosts/{parsed.GetValue(Host)}/uncordon", stop)
                .ConfigureAwait(false);
            return run.Say(change, $"{change.Host.Name} {(change.Changed ? "may be used again" : "was not cordoned")}");
        });
        return command;
    }

    private static UmbraCommand CreateForget()
    {
        var command = new UmbraCommand(
            "forget", "Strike a host off: its certificate is refused from now on and its name is free", "host forget a")
        {
            Host,
        };
        CommandRun.SetAction(command, static async (run, parsed, stop) =>
        {
            var host = await run.Client.DeleteAsync<HostView>($"/hosts/{parsed.GetValue(Host)}", stop)
                .ConfigureAwait(false);
            return run.Say(host, $"{host.Name} was struck off");
        });
        return command;
    }

    private static IRenderable RenderList(HostList list)
    {
        var table = Text.Table("HOST", "STATE", "RACK", "FEED", "SEGMENT", "MEMORY", "CPUS", "PRIMARIES", "SHADOWS");
        foreach (var host in list.Hosts)
        {
            var description = host.Description;
            table.Row(
                host.Name.Value, StateOf(host), description?.Rack ?? "-", description?.PowerFeed ?? "-",
                description?.NetworkSegment ?? "-", Memory(host), description?.Cpus.ToString() ?? "-",
                Text.Join(host.Primaries), Text.Join(host.Shadows));
        }

        return table;
    }

    private static IRenderable Render(HostView host) => Text.Facts(
        ("host", host.Name.Value),
        ("state", StateOf(host)),
        ("cordon", host.Cordon ?? "no"),
        ("rack", host.Description?.Rack ?? "-"),
        ("power feed", host.Description?.PowerFeed ?? "-"),
        ("network segment", host.Description?.NetworkSegment ?? "-"),
        ("pair endpoint", host.Description?.PairEndpoint ?? "-"),
        ("memory", Memory(host)),
        ("cpus", host.Description?.Cpus.ToString() ?? "-"),
        ("qemu", host.Description?.QemuVersion ?? "-"),
        ("accelerators", Text.Join(host.Description?.Accelerators ?? [])),
        ("joined", host.Joined.ToString("u")),
        ("primaries", Text.Join(host.Primaries)),
        ("shadows", Text.Join(host.Shadows)),
        ("old copies", Text.Join(host.Removing)));

    private static string StateOf(HostView host)
    {
        string state = host.Alive
            ? "alive"
            : host.Silence is { } silence ? $"silent for {Text.Time(silence)}" : "not heard yet";
        return host.Cordon is null ? state : state + ", cordoned";
    }

    private static string Memory(HostView host) => host.Description is { } description
        ? $"{Text.Bytes(host.ReservedBytes)} of {Text.Bytes(description.MemoryBytes)}"
        : "-";
}
