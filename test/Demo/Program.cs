using System.Diagnostics;
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
        await using FleetLab? lab = await TryCreateLabAsync();
        if (lab is null) return ExitFalse;
        Task steps = TryStepsAsync(new DemoRun(lab, options, timeline, report), lab, timeline, report);
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

    private static async Task<FleetLab?> TryCreateLabAsync()
    {
        try
        {
            return await FleetLab.CreateAsync(new LabOptions { Hosts = 3 });
        }
        catch (CommandException e)
        {
            await Console.Error.WriteLineAsync(
                $"demo: this machine does not let hosts be simulated (network namespaces, mounts): {e.Message}");
            return null;
        }
    }

    private static async Task TryStepsAsync(DemoRun run, FleetLab lab, Timeline timeline, DemoReport report)
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
