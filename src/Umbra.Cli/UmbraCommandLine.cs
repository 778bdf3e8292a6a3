using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Umbra.Cli.Commands;
using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>
/// The whole command line of <c>umbra</c>: its commands, and one place where failures become exit codes.
/// </summary>
public static class UmbraCommandLine
{
    // How long a running controller or agent has to stop cleanly after SIGTERM before the process ends anyway.
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(15);

    /// <summary>Runs one command line; the process's exit code.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter errors)
    {
        var parsed = Create().Parse(arguments);
        bool isUsageError = parsed.Action is ParseErrorAction;
        var configuration = new InvocationConfiguration
        {
            Output = isUsageError ? errors : output,
            Error = errors,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = StopGrace,
        };
        try
        {
            int code = await parsed.InvokeAsync(configuration).ConfigureAwait(false);
            return isUsageError ? ExitCodes.Usage : code;
        }
        catch (CliException exception)
        {
            WriteError(parsed, errors, exception);
            return exception.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Failed;
        }
    }

    /// <summary>All commands.</summary>
    public static RootCommand Create()
    {
        var root = new RootCommand(
            "Umbra keeps a shadow of each critical VM on other hardware, ready to go on in milliseconds.");
        foreach (var option in GlobalOptions.All) root.Options.Add(option);
        IReadOnlyList<Command> commands =
        [
            ControllerCommands.Create(), AgentCommands.Create(), HostCommands.Create(), VmCommands.Create(),
            ProtectCommand.Create(), ProtectCommand.CreateUnprotect(), StatusCommand.Create(), SyncCommand.Create(),
            SwapCommand.Create(), TakeoverCommand.Create(), EventsCommand.Create(),
            EnvCommand.Create(),
        ];
        foreach (var command in commands) root.Subcommands.Add(command);
        foreach (var help in root.Options.OfType<HelpOption>())
        {
            if (help.Action is HelpAction ordinary) help.Action = new HelpWithExamples(ordinary);
        }

        return root;
    }

    private static void WriteError(ParseResult parsed, TextWriter errors, CliException exception)
    {
        if (parsed.GetValue(GlobalOptions.Output) == OutputFormat.Json)
        {
            errors.WriteLine(FleetJson.SerializeToText(
                new CliError(exception.ExitCode, exception.Message, exception.WhatToDo), indented: true));
            return;
        }

        errors.WriteLine("umbra: " + exception.Message);
        if (exception.WhatToDo != "") errors.WriteLine("       " + exception.WhatToDo);
    }

    private sealed record CliError(int ExitCode, string Error, string WhatToDo);
}
