using System.ComponentModel;
using System.Diagnostics;

namespace Umbra.Linux.Processes;

/// <summary>What a command came to.</summary>
/// <param name="ExitCode">Its exit code; null when it could not be started or took too long.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error, or why there is no exit code.</param>
public sealed record CommandResult(int? ExitCode, string Output, string Error);

/// <summary>Runs a short command to its end. Arguments are passed as they are: no shell is between.</summary>
public static class Command
{
    /// <summary>Runs it; killed after <paramref name="timeMax"/>.</summary>
    public static CommandResult Run(string program, IReadOnlyList<string> arguments, TimeSpan timeMax)
    {
        ProcessStartInfo info = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(info)!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            if (process.WaitForExit(timeMax) && Task.WaitAll([output, error], timeMax))
                return new CommandResult(process.ExitCode, output.Result, error.Result);
            process.Kill();
            return new CommandResult(null, "", $"{program} took longer than {timeMax.TotalSeconds} s");
        }
        catch (Win32Exception e)
        {
            return new CommandResult(null, "", $"{program} could not be started: {e.Message}");
        }
    }
}
