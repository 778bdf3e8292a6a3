using System.CommandLine;
using System.Net;
using Umbra.Agent;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Drift;
using Umbra.Linux.Tracking;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra agent run</c>.</summary>
internal static class AgentCommands
{
    private static readonly Option<string> Name = new("--name")
    {
        Description = "The host's name in the fleet", Required = true, CustomParser = Specs.ParseName,
    };

    private static readonly Option<string> Rack = Domain("--rack", "Rack that it stands in");
    private static readonly Option<string> Feed = Domain("--feed", "Power feed that it hangs on");
    private static readonly Option<string> Segment = Domain("--segment", "Network segment that it is wired to");

    private static readonly Option<string> State = new("--state")
    {
        Description = "Directory of its identity, state and disks", HelpName = "DIR", Required = true,
    };

    private static readonly Option<string?> Join = new("--join")
    {
        Description = "Join token of 'umbra host token'; needed once", HelpName = "TOKEN",
    };

    private static readonly Option<IPEndPoint?> Listen = new("--listen")
    {
        Description = $"Where it takes pair connections (default: 0.0.0.0:{AgentOptions.PairPortDefault})",
        HelpName = "ADDR:PORT",
        CustomParser = Specs.ParseEndpoint,
    };

    private static readonly Option<string?> Advertise = new("--advertise")
    {
        Description = "Where other agents find that (default: the listen address)", HelpName = "ADDR:PORT",
    };

    private static readonly Option<string?> MemoryDirectory = new("--memory-dir")
    {
        Description = "Directory on a tmpfs for guest RAM (default: /dev/shm/umbra-NAME)", HelpName = "DIR",
    };

    private static readonly Option<long> Memory = new("--memory")
    {
        Description = "Memory for VMs and shadows (default: three quarters of the machine's)",
        HelpName = "SIZE",
        CustomParser = Specs.ParseBytes,
    };

    private static readonly Option<TrackerChoice> Tracker = new("--tracker")
    {
        Description = "How VMs' written pages are found (default: auto, the kernel's tracking where there is one)",
        HelpName = "auto|hash-scan",
        CustomParser = static result =>
        {
            string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
            if (text is not ("auto" or "hash-scan")) result.AddError("--tracker is auto or hash-scan");
            return text == "hash-scan" ? TrackerChoice.HashScan : TrackerChoice.Automatic;
        },
    };

    private static readonly Option<int> DriftCalibration = new("--drift-calibration")
    {
        Description = "Seconds from which a pair's baseline is learnt before drift is looked for "
            + $"(default: {LiveDrift.CalibrationDefault})",
        HelpName = "SECONDS",
        DefaultValueFactory = static _ => LiveDrift.CalibrationDefault,
        Validators =
        {
            static result =>
            {
                if (result.GetValueOrDefault<int>() is < LiveDrift.CalibrationMin or > BaselineLearner.SamplesMax)
                    result.AddError(
                        $"--drift-calibration is {LiveDrift.CalibrationMin} to {BaselineLearner.SamplesMax} seconds");
            },
        },
    };

    private static readonly Option<int> Cpus = new("--cpus") { Description = "CPUs offered (default: all)" };

    public static Command Create()
    {
        var command = new UmbraCommand("agent", "The agent of a host", "agent run --help");
        command.Subcommands.Add(CreateRun());
        return command;
    }

    private static UmbraCommand CreateRun()
    {
        var run = new UmbraCommand(
            "run", "Run the host's agent until it is told to stop (SIGTERM); its VMs run on",
            "agent run --join umbra-join-... --name a --rack r1 --feed f1 --segment s1 --state /var/lib/umbra-agent",
            "agent run --name a --rack r1 --feed f1 --segment s1 --state /var/lib/umbra-agent --memory 64G")
        {
            Name, Rack, Feed, Segment, State, Join, Listen, Advertise, MemoryDirectory, Memory, Cpus,
            Tracker, DriftCalibration,
        };
        HealthOptionSet.AddTo(run);
        run.SetAction(static (parsed, stop) => AgentProcess.RunAsync(Read(parsed), stop));
        return run;
    }

    private static AgentOptions Read(ParseResult parsed)
    {
        string? join = parsed.GetValue(Join);
        if (join is not null && JoinToken.TryParse(join, out string error) is null)
            throw new CliException(ExitCodes.Usage, "--join: " + error);
        return new AgentOptions
        {
            Name = new HostId(parsed.GetValue(Name)!),
            Rack = parsed.GetValue(Rack)!,
            PowerFeed = parsed.GetValue(Feed)!,
            NetworkSegment = parsed.GetValue(Segment)!,
            ListenEndpoint = parsed.GetValue(Listen) ?? new IPEndPoint(IPAddress.Any, AgentOptions.PairPortDefault),
            AdvertiseEndpoint = parsed.GetValue(Advertise),
            StateDirectory = Path.GetFullPath(parsed.GetValue(State)!),
            MemoryDirectory = parsed.GetValue(MemoryDirectory) is { } directory ? Path.GetFullPath(directory) : null,
            JoinToken = join,
            MemoryBytes = parsed.GetValue(Memory),
            Cpus = parsed.GetValue(Cpus),
            Health = HealthOptionSet.Read(parsed),
            Tracker = parsed.GetValue(Tracker),
            DriftCalibration = parsed.GetValue(DriftCalibration),
        };
    }

    private static Option<string> Domain(string name, string description) => new(name)
    {
        Description = description + ", a failure domain", Required = true,
    };
}
