using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Spectre.Console;
using Umbra.Lab;

namespace Umbra.Demo;

/// <summary>The demo as a program: set-up, the run, the results, and a clean end however it comes.</summary>
public static class Program
{
    // Log files are as wide as their lines.
    private const int RedirectedWidth = 200;

    private const int ExitFalse = 1;
    private const int ExitUsage = 2;
    private const int ExitInterrupted = 130;

    private static readonly JsonSerializerOptions ReportJson = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Entry point.</summary>
    public static async Task<int> Main(string[] args)
    {
        if (DemoOptions.TryParse(args) is not { } options)
        {
            bool asked = args.Contains("--help");
            (asked ? Console.Out : Console.Error).WriteLine(DemoOptions.Usage);
            return asked ? 0 : ExitUsage;
        }

        IReadOnlyList<string> removed = RunFile.RemoveDead(kept: options.Cleanup);
        if (removed.Count > 0) Console.WriteLine($"removed what earlier runs left: {string.Join(' ', removed)}");
        return options.Cleanup ? 0 : await RunAsync(options);
    }

    private static async Task<int> RunAsync(DemoOptions options)
    {
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = RedirectedWidth;
        var interrupted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onInt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var onTerm = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        var timeline = new Timeline(AnsiConsole.Console);
        var report = new DemoReport();
        await using FleetLab? lab = await TryCreateLabAsync(options);
        if (lab is null) return ExitFalse;
        DemoSteps run = options.Degrade is null
            ? new DemoRun(lab, options, timeline, report)
            : new DegradeRun(lab, options, timeline, report);
        Task steps = TryStepsAsync(run, timeline, report);
        if (await Task.WhenAny(steps, interrupted.Task) != steps) return ExitInterrupted;
        AnsiConsole.Write(ResultTable.Draw(report));
        if (options.ReportPath is { } path) await WriteAsync(path, report);
        if (options.Keep) Keep(lab);
        return report.Ok ? 0 : ExitFalse;

        void Interrupt(PosixSignalContext signal)
        {
            signal.Cancel = true;
            interrupted.TrySetResult();
        }
    }

    private static async Task<FleetLab?> TryCreateLabAsync(DemoOptions options)
    {
        try
        {
            return await FleetLab.CreateAsync(options.Degrade is null ? new LabOptions { Hosts = 3 } : LabOf(options));
        }
        catch (CommandException e)
        {
            await Console.Error.WriteLineAsync(
                $"demo: this machine does not let hosts be simulated (network namespaces, mounts): {e.Message}");
            return null;
        }
    }

    private static LabOptions LabOf(DemoOptions options) => new()
    {
        Hosts = 3,
        Groups = true,
        Bmcs = options.Degrade == DegradeKind.Bmc,
        AgentOptions =
        [
            "--drift-calibration", options.CalibrationSeconds.ToString(CultureInfo.InvariantCulture),
            // The machine's own parts are no part of the hosts that are simulated on it.
            .. options.Degrade == DegradeKind.Bmc ? Array.Empty<string>() : ["--no-health"],
        ],
    };

    private static async Task TryStepsAsync(DemoSteps run, Timeline timeline, DemoReport report)
    {
        try
        {
            await run.RunAsync();
        }
        catch (Exception e) when (e is CommandException or FleetException or TimeoutException or IOException
            or HttpRequestException)
        {
            report.Checks.Add(new Check("the demo ran to its end", false, e.Message.Split('\n')[0]));
            timeline.Say(e.Message);
        }
    }

    private static async Task WriteAsync(string path, DemoReport report)
    {
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(report, ReportJson) + "\n");
        Console.WriteLine($"report: {path}");
    }

    private static void Keep(FleetLab lab)
    {
        lab.Keep();
        string umbra = string.Join(' ', UmbraProgram.Command());
        Console.WriteLine($"""
            It goes on running. To look around:
              alias u='ip netns exec {lab.Center.Name} {umbra} --config {lab.CredentialPath}'
              u status; u vm show demo; u swap demo; u events --follow
              alias c='ip netns exec {lab.Client.Name} busybox nc {GuestImage.AddressDefault}'
              c {GuestClient.Port}                  # the guest's stream
              echo verify | c {GuestConsole.Port}    # have the guest check itself
            Logs: {lab.LogDirectory}
            To end it: ./dev demo --cleanup
            """);
    }
}
