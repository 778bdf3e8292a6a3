using System.Diagnostics;
using Umbra.Cli;
using Umbra.Core.Api;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>What a command line did.</summary>
internal sealed record CliResult(int Code, string Output, string Errors);

/// <summary>A controller process, fake agents, and command lines run against them.</summary>
internal sealed class CliRun : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-cli-").FullName;
    private Process? _controller;
    private int _starts;

    private CliRun()
    {
    }

    public FakeFleet Fleet { get; } = new();

    private string Config => Path.Combine(_directory, "state", "admin.json");

    /// <summary>No controller runs, and there is no credential for one.</summary>
    public static CliRun WithoutController() => new();

    /// <summary>A controller and agents of these names, all heard.</summary>
    public static async Task<CliRun> StartAsync(params string[] agents)
    {
        var run = new CliRun();
        await run.StartControllerAsync("127.0.0.1:0");
        foreach (string name in agents)
            run.Fleet.Add(await run.JoinAsync(name));

        await run.UntilAsync(async () => (await run.OkAsync("status")).Contains(
            $"{agents.Length} of {agents.Length} hosts alive", StringComparison.Ordinal));
        return run;
    }

    /// <summary>An agent that does nothing by itself.</summary>
    public async Task<FakeAgent> JoinAsync(string name)
    {
        string token = (await OkAsync("host", "token")).Trim();
        return await FakeAgent.JoinAsync(JoinToken.TryParse(token, out _)!, name);
    }

    public async Task<CliResult> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        int code = await UmbraCommandLine.RunAsync([.. arguments, "--config", Config], output, errors);
        return new CliResult(code, output.ToString(), errors.ToString());
    }

    public async Task<string> OkAsync(params string[] arguments)
    {
        var result = await RunAsync(arguments);
        Assert.True(result.Code == 0,
            $"umbra {string.Join(' ', arguments)}: {result.Code} {result.Errors} {result.Output}");
        return result.Output;
    }

    /// <summary>Asks until it is so.</summary>
    public async Task UntilAsync(Func<Task<bool>> holds)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, "it did not come true in time");
            await Task.Delay(50);
        }
    }

    /// <summary>
    /// Starts a command line as a process of its own, with its output in a file: a redirected pipe would hold a thread
    /// of the pool for as long as the process lives.
    /// </summary>
    public Process Start(string outputName, params string[] arguments)
    {
        var start = new ProcessStartInfo("/bin/sh");
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec dotnet \"$@\" > \"$UMBRA_TEST_OUTPUT\" 2>&1");
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "umbra.dll"));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["UMBRA_CONFIG"] = Config;
        start.Environment["UMBRA_TEST_OUTPUT"] = Path.Combine(_directory, outputName);
        return Process.Start(start)!;
    }

    /// <summary>What a process started by <see cref="Start"/> has said so far.</summary>
    public string Said(string outputName)
    {
        string path = Path.Combine(_directory, outputName);
        return File.Exists(path) ? File.ReadAllText(path) : "";
    }

    /// <summary>SIGKILL, then another controller on the same state and port.</summary>
    public async Task KillAndRestartAsync()
    {
        var credential = FleetJson.TryDeserialize<ClientCredential>(await File.ReadAllBytesAsync(Config), out _)!;
        _controller!.Kill();
        await _controller.WaitForExitAsync();
        await StartControllerAsync(new Uri(credential.Url).Authority);
    }

    /// <summary>SIGTERM; the exit code.</summary>
    public async Task<int> StopAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", _controller!.Id.ToString()]);
        using var deadline = new CancellationTokenSource(Patience);
        await _controller.WaitForExitAsync(deadline.Token);
        return _controller.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await Fleet.DisposeAsync();
        if (_controller is { HasExited: false }) _controller.Kill();
        _controller?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task StartControllerAsync(string listen)
    {
        string output = $"controller-{++_starts}.log";
        _controller = Start(
            output, "controller", "run", "--state", Path.Combine(_directory, "state"), "--listen", listen);
        await UntilAsync(() =>
        {
            Assert.False(_controller.HasExited, "the controller ended at once: " + Said(output));
            return Task.FromResult(Said(output).Contains("administrator's credential", StringComparison.Ordinal));
        });
    }
}
