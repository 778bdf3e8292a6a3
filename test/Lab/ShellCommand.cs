using System.Diagnostics;
using System.Text;

namespace Umbra.Lab;

/// <summary>What a command that ran to its end left.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
public sealed record CommandResult(int ExitCode, string Output, string Error);

/// <summary>A command of the lab failed.</summary>
public sealed class CommandException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Runs short commands to their end.</summary>
public static class ShellCommand
{
    /// <summary>A command that takes longer is killed and counts as failed.</summary>
    public static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(5);

    /// <summary>Runs a program; <see cref="CommandException"/> unless it ends with 0.</summary>
    public static string Run(string program, params string[] arguments)
    {
        CommandResult result = TryRun(program, arguments);
        if (result.ExitCode == 0) return result.Output;
        string said = $"exit code {result.ExitCode}: {result.Error}{result.Output}".Trim();
        throw new CommandException($"{program} {string.Join(' ', arguments)}: {said}");
    }

    /// <summary>Runs <c>ip</c> with words separated by blanks.</summary>
    public static string Ip(string words) => Run("ip", words.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Runs a program to its end, whatever that is.</summary>
    public static CommandResult TryRun(string program, params string[] arguments) =>
        TryRunAsync(program, arguments, TimeLimit).GetAwaiter().GetResult();

    /// <summary>Runs a program to its end, or kills it after <paramref name="limit"/>.</summary>
    public static async Task<CommandResult> TryRunAsync(string program, IEnumerable<string> arguments, TimeSpan limit)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = Collect(process.StandardOutput);
        var error = Collect(process.StandardError);
        using var late = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(late.Token).ConfigureAwait(false);
            string outputText = await output.ConfigureAwait(false);
            return new CommandResult(process.ExitCode, outputText, await error.ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return new CommandResult(-1, "", $"killed after {limit.TotalSeconds:0} s");
        }
    }

    private static async Task<string> Collect(StreamReader reader)
    {
        var text = new StringBuilder();
        char[] buffer = new char[4096];
        int count;
        while ((count = await reader.ReadAsync(buffer).ConfigureAwait(false)) > 0) text.Append(buffer, 0, count);
        return text.ToString();
    }
}
