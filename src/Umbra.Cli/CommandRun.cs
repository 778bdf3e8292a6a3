using System.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>What every command that asks the controller has at hand while it runs.</summary>
internal sealed class CommandRun : IDisposable
{
    // Wide enough that no table is folded when nobody sees it on a screen.
    private const int RedirectedWidth = 400;

    private readonly TextWriter _output;
    private readonly TextWriter _errors;
    private readonly OutputFormat _format;
    private string _lastProgress = "";

    private CommandRun(ParseResult parsed)
    {
        _output = parsed.InvocationConfiguration.Output;
        _errors = parsed.InvocationConfiguration.Error;
        _format = parsed.GetValue(GlobalOptions.Output);
        Client = ControllerClient.Open(parsed.GetValue(GlobalOptions.Config));
    }

    /// <summary>The controller.</summary>
    public ControllerClient Client { get; }

    /// <summary>Whether programs read the output.</summary>
    public bool IsJson => _format == OutputFormat.Json;

    /// <summary>Makes <paramref name="run"/> what <paramref name="command"/> does.</summary>
    public static void SetAction(
        Command command, Func<CommandRun, ParseResult, CancellationToken, Task<int>> run) =>
        command.SetAction(async (parsed, stop) =>
        {
            using var commandRun = new CommandRun(parsed);
            return await run(commandRun, parsed, stop).ConfigureAwait(false);
        });

    /// <summary>Writes the result: JSON for programs, what <paramref name="render"/> makes of it for people.</summary>
    public int Show<T>(T value, Func<T, IRenderable> render)
    {
        if (IsJson) WriteJson(value);
        else Write(render(value));
        return ExitCodes.Ok;
    }

    /// <summary>Writes the result: JSON for programs, one line for people.</summary>
    public int Say<T>(T value, string line)
    {
        if (IsJson) WriteJson(value);
        else _output.WriteLine(line);
        return ExitCodes.Ok;
    }

    /// <summary>Writes one line of JSON: for streams.</summary>
    public void WriteJsonLine<T>(T value)
    {
        _output.WriteLine(FleetJson.SerializeToText(value));
        _output.Flush();
    }

    /// <summary>Writes one line.</summary>
    public void WriteLine(string line)
    {
        _output.WriteLine(line);
        _output.Flush();
    }

    /// <summary>Says how far it has come, beside the result (standard error), when that is something new.</summary>
    public void Progress(string text)
    {
        if (text == _lastProgress) return;
        _lastProgress = text;
        _errors.WriteLine(text);
    }

    /// <inheritdoc/>
    public void Dispose() => Client.Dispose();

    private void WriteJson<T>(T value) => _output.WriteLine(FleetJson.SerializeToText(value, indented: true));

    private void Write(IRenderable renderable)
    {
        bool seen = ReferenceEquals(_output, Console.Out) && !Console.IsOutputRedirected;
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(_output),
            Ansi = seen ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = InteractionSupport.No,
        });
        if (!seen) console.Profile.Width = RedirectedWidth;
        console.Write(renderable);
    }
}
