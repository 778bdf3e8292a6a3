using System.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>Where results go: JSON for programs, tables for people.</summary>
internal static class Screen
{
    // Wide enough that no table is folded when nobody sees it on a screen.
    private const int RedirectedWidth = 400;

    /// <summary>Whether programs read the output.</summary>
    public static bool IsJson(ParseResult parsed) => parsed.GetValue(GlobalOptions.Output) == OutputFormat.Json;

    /// <summary>Writes the value, or what <paramref name="render"/> makes of it.</summary>
    public static void Show<T>(ParseResult parsed, T value, Func<T, IRenderable> render)
    {
        var output = parsed.InvocationConfiguration.Output;
        if (IsJson(parsed)) output.WriteLine(FleetJson.SerializeToText(value, indented: true));
        else Render(output, render(value));
    }

    private static void Render(TextWriter output, IRenderable renderable)
    {
        bool seen = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = seen ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = InteractionSupport.No,
        });
        if (!seen) console.Profile.Width = RedirectedWidth;
        console.Write(renderable);
    }
}
