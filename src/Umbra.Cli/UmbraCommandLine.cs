using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
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
        if (isUsageError && IsJsonAsked(parsed))
        {
            string message = string.Join("; ", parsed.Errors.Select(static error => error.Message));
            WriteJson(errors, new CliException(ExitCodes.Usage, message, $"see '{HelpOf(parsed)}'"));
            return ExitCodes.Usage;
        }

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
            ProtectCommand.Create(), ProtectCommand.CreateUnprotect(), StatusCommand.Create(), KpiCommand.Create(),
            SyncCommand.Create(),
            SwapCommand.Create(), TakeoverCommand.Create(), EventsCommand.Create(),
            ExplainCommand.Create(), ExplainCommand.CreateApprove(), DriftCommands.Create(), DiagnosisCommands.Create(),
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
        if (Screen.IsJson(parsed))
        {
            WriteJson(errors, exception);
            return;
        }

        errors.WriteLine("umbra: " + exception.Message);
        if (exception.WhatToDo != "") errors.WriteLine("       " + exception.WhatToDo);
    }

    private static void WriteJson(TextWriter errors, CliException exception) =>
        errors.WriteLine(FleetJson.SerializeToText(
            new CliError(exception.ExitCode, exception.Message, exception.WhatToDo), indented: true));

    // The option itself may be what was not understood.
    private static bool IsJsonAsked(ParseResult parsed) =>
        parsed.GetResult(GlobalOptions.Output) is { } output && !output.Errors.Any() && Screen.IsJson(parsed);

    private static string HelpOf(ParseResult parsed)
    {
        var names = new List<string>();
        for (SymbolResult? at = parsed.CommandResult; at is CommandResult command; at = at.Parent)
            names.Insert(0, command.Command is RootCommand ? "umbra" : command.Command.Name);
        return string.Join(' ', names) + " --help";
    }

    private sealed record CliError(int ExitCode, string Error, string WhatToDo);
}
