using System.CommandLine;
using Spectre.Console.Rendering;
using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>What every command that asks the controller has at hand while it runs.</summary>
internal sealed class CommandRun : IDisposable
{
    private readonly ParseResult _parsed;
    private string _lastProgress = "";

    private CommandRun(ParseResult parsed)
    {
        _parsed = parsed;
        Client = ControllerClient.Open(parsed.GetValue(GlobalOptions.Config));
    }

    /// <summary>The controller.</summary>
    public ControllerClient Client { get; }

    /// <summary>Whether programs read the output.</summary>
    public bool IsJson => Screen.IsJson(_parsed);

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
        Screen.Show(_parsed, value, render);
        return ExitCodes.Ok;
    }

    /// <summary>Writes the result: JSON for programs, one line for people.</summary>
    public int Say<T>(T value, string line)
    {
        WriteLine(IsJson ? FleetJson.SerializeToText(value, indented: true) : line);
        return ExitCodes.Ok;
    }

    /// <summary>Writes one line of JSON: for streams.</summary>
    public void WriteJsonLine<T>(T value) => WriteLine(FleetJson.SerializeToText(value));

    /// <summary>Writes one line.</summary>
    public void WriteLine(string line)
    {
        _parsed.InvocationConfiguration.Output.WriteLine(line);
        _parsed.InvocationConfiguration.Output.Flush();
    }

    /// <summary>Says how far it has come, beside the result (standard error), when that is something new.</summary>
    public void Progress(string text)
    {
        if (text == _lastProgress) return;
        _lastProgress = text;
        _parsed.InvocationConfiguration.Error.WriteLine(text);
    }

    /// <inheritdoc/>
    public void Dispose() => Client.Dispose();
}
