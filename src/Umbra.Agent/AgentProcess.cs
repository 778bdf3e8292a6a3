using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Umbra.Agent.Examining;
using Umbra.Agent.Guarding;
using Umbra.Agent.Health;
using Umbra.Agent.Links;
using Umbra.Agent.State;
using Umbra.Agent.Vms;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Files;
using Umbra.Linux.Machine;
using Umbra.Linux.Processes;
using Umbra.Linux.ProcFs;
using Umbra.Qemu.Machines;

namespace Umbra.Agent;

/// <summary>The agent as a process: everything between its start and its end.</summary>
public static class AgentProcess
{
    private static readonly TimeSpan VersionDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan JoinRetry = TimeSpan.FromSeconds(1);

    /// <summary>Runs an agent until <paramref name="stop"/>; the process's exit code.</summary>
    public static async Task<int> RunAsync(AgentOptions options, CancellationToken stop)
    {
        using ILoggerFactory logging = LoggerFactory.Create(static b => b.AddSimpleConsole(static o =>
        {
            o.SingleLine = true;
            o.TimestampFormat = "HH:mm:ss.fff ";
        }));
        ILogger log = logging.CreateLogger("agent");
        try
        {
            await RunAsync(options, log, stop);
            return 0;
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or UnauthorizedAccessException
            or System.Net.Sockets.SocketException or HttpRequestException)
        {
            log.CannotStart(e.Message);
            return 1;
        }
    }

    private static async Task RunAsync(AgentOptions options, ILogger log, CancellationToken stop)
    {
        var paths = new AgentPaths(options.StateDirectory, options.MemoryDirectory ?? "/dev/shm/umbra-" + options.Name);
        Directory.CreateDirectory(paths.State,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(paths.Memory,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using LockFile owner = LockFile.TryAcquire(paths.LockFile) is { IsOk: true } taken
            ? taken.Value
            : throw new InvalidOperationException($"another agent runs on {paths.State}");
        KernelRequirements machine = KernelRequirements.Check();
        if (machine.Errors.Count > 0) throw new InvalidOperationException(string.Join("; ", machine.Errors));
        foreach (string warning in machine.Warnings) log.MachineLacks(warning);
        HostIdentity identity = await IdentifyAsync(options, paths, log, stop);
        string bootId = KernelText.BootId()?.ToString()
            ?? throw new InvalidOperationException("/proc/sys/kernel/random/boot_id cannot be read: is /proc mounted?");
        using var controller = new ControllerClient(identity);
        var events = new EventLog(TimeProvider.System, options.Name);
        using var guard = new Guard(Guard.OwnCommand, Path.Combine(paths.Memory, "pulse"), (kind, text) =>
        {
            if (events.Add(kind, null, text)) log.Warned(kind, "-", text);
        });
        var services = new AgentServices(
            options.Name, paths, bootId, controller, new PairTransport(identity), guard,
            events, log)
        { Tracker = options.Tracker, DriftCalibration = options.DriftCalibration };
        await using var fleet = new VmFleet((vm, all) => new VmKeeper(vm, services, all));
        await using var listener = new PairListener(
            options.ListenEndpoint, services.Transport, services.Codec, fleet.Accepted, log);
        foreach (VmPaths vm in paths.Vms()) fleet.Adopt(vm.Vm);
        log.AgentRuns(options.Name.Value, listener.Endpoint.ToString(), paths.State, paths.Memory);
        HostDescription host = Describe(options, listener.Endpoint);
        await using var health = new HealthMonitor(
            options.Name, options.Health.Readers(new KernelLogPosition(paths.KernelLog, bootId)), TimeProvider.System,
            services.ReportHealth,
            new ToldLogs(paths.ToldLogs, text => services.Warn("agent.log-position", null, text)));
        health.Start();
        var post = new HealthPost(health, TimeProvider.System);
        await using var examiner = new Examiner(new ExaminedHost(options.Name, paths, services.Canaries)
        {
            Root = options.Health.Root,
            IsGone = fleet.IsGone,
            CountHere = fleet.CountHere,
            Changed = fleet.UrgentChange,
            Complain = text => services.Report("agent.examination-trouble", null, text),
        });
        await new HeartbeatLoop(controller, host, fleet, post, examiner, services.Events, log).RunAsync(stop);
    }

    private static async Task<HostIdentity> IdentifyAsync(
        AgentOptions options, AgentPaths paths, ILogger log, CancellationToken stop)
    {
        if (HostIdentity.Load(paths, options.Name) is { } known) return known;
        if (options.JoinToken is null)
        {
            throw new InvalidOperationException(
                "this host has not joined a fleet: make a token with 'umbra host token' "
                + "and start the agent with --join TOKEN");
        }

        JoinToken token = JoinToken.TryParse(options.JoinToken, out string error)
            ?? throw new InvalidOperationException(error);
        while (true)
        {
            try
            {
                return await HostIdentity.JoinAsync(paths, options.Name, token, stop);
            }
            catch (HttpRequestException e)
            {
                log.ControllerAway(e.Message);
                await Task.Delay(JoinRetry, stop);
            }
        }
    }

    private static HostDescription Describe(AgentOptions options, IPEndPoint listens) => new()
    {
        Name = options.Name,
        Rack = options.Rack,
        PowerFeed = options.PowerFeed,
        NetworkSegment = options.NetworkSegment,
        PairEndpoint = options.AdvertiseEndpoint ?? listens.ToString(),
        MemoryBytes = options.MemoryBytes > 0
            ? options.MemoryBytes
            : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 * 3,
        Cpus = options.Cpus > 0 ? options.Cpus : Environment.ProcessorCount,
        QemuVersion = Command.Run(QemuVm.Program, ["--version"], VersionDeadline).Output.Split('\n')[0],
        MachineTypes = QemuMachineTypes.Parse(
            Command.Run(QemuVm.Program, ["-machine", "help"], VersionDeadline).Output),
        Accelerators = KernelRequirements.Accelerators(),
    };
}
