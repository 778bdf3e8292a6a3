using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Umbra.Cli;

/// <summary>A command with examples, which its help shows.</summary>
internal sealed class UmbraCommand : Command
{
    /// <summary>A command; every example is a whole line without <c>umbra</c>.</summary>
    public UmbraCommand(string name, string description, params IReadOnlyList<string> examples)
        : base(name, description)
    {
        Examples = examples;
    }

    /// <summary>Lines as one would type them.</summary>
    public IReadOnlyList<string> Examples { get; }
}

/// <summary>The ordinary help, then the command's examples and the exit codes.</summary>
internal sealed class HelpWithExamples(HelpAction ordinary) : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        int result = ordinary.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        if (parseResult.CommandResult.Command is UmbraCommand { Examples.Count: > 0 } command)
        {
            output.WriteLine("Examples:");
            foreach (string example in command.Examples) output.WriteLine("  umbra " + example);
            output.WriteLine();
        }

        output.WriteLine(ExitCodes.Help);
        return result;
    }
}
