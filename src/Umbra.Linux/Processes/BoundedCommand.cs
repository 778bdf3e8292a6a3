using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Umbra.Linux.Processes;

/// <summary>How a bounded command ended.</summary>
public enum CommandEnd
{
    /// <summary>By itself; there is an exit code.</summary>
    Exited = 0,

    /// <summary>It took too long and was killed.</summary>
    TimedOut = 1,

    /// <summary>It wrote too much and was killed.</summary>
    TooLong = 2,

    /// <summary>It could not be started.</summary>
    NotStarted = 3,

    /// <summary>The last one was killed and is still there (it hangs in the kernel): none was started.</summary>
    Stuck = 4,
}

/// <summary>What a bounded command came to.</summary>
/// <param name="End">How it ended.</param>
/// <param name="ExitCode">Its exit code; -1 where it has none.</param>
/// <param name="Output">Standard output, as far as it was read.</param>
/// <param name="Error">Standard error, or why there is none.</param>
public sealed record BoundedResult(CommandEnd End, int ExitCode, byte[] Output, string Error)
{
    /// <summary>Standard output as text.</summary>
    public string Text => Encoding.UTF8.GetString(Output);
}

/// <summary>
/// Runs one foreign program after another with limits on time and output. One that cannot even be killed is waited for
/// no longer; until it is gone no other is started, so that a device that hangs costs one process and not many.
/// </summary>
public sealed class BoundedCommand : IDisposable
{
    private const int ErrorBytesMax = 64 * 1024;
    private static readonly TimeSpan KillGrace = TimeSpan.FromSeconds(1);

    private Process? _leftOver;

    /// <summary>Runs the program; arguments are passed as they are, no shell is between.</summary>
    /// <param name="program">Its name or path.</param>
    /// <param name="arguments">Its arguments. Secrets have no place here: everybody can read them.</param>
    /// <param name="environment">What is added to the environment; only root and the same user can read it.</param>
    /// <param name="timeMax">Killed after this.</param>
    /// <param name="outputBytesMax">Killed when it writes more than this.</param>
    /// <param name="stop">Killed then too.</param>
    public async Task<BoundedResult> RunAsync(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment,
        TimeSpan timeMax, int outputBytesMax, CancellationToken stop)
    {
        if (_leftOver is { HasExited: false } stuck)
            return new BoundedResult(CommandEnd.Stuck, -1, [], $"{program}: process {stuck.Id} cannot be killed");
        _leftOver?.Dispose();
        _leftOver = null;
        Process? process = Start(program, arguments, environment, out string error);
        if (process is null) return new BoundedResult(CommandEnd.NotStarted, -1, [], error);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(timeMax);
        try
        {
            process.StandardInput.Close();
            Task<(byte[] Bytes, bool IsWhole)> errors =
                ReadAsync(process.StandardError.BaseStream, ErrorBytesMax, deadline.Token);
            var (output, isWhole) = await ReadAsync(process.StandardOutput.BaseStream, outputBytesMax, deadline.Token);
            if (!isWhole)
            {
                await KillAsync(process);
                return new BoundedResult(
                    CommandEnd.TooLong, -1, output, $"{program} wrote more than {outputBytesMax} bytes");
            }

            string told = Encoding.UTF8.GetString((await errors).Bytes);
            await process.WaitForExitAsync(deadline.Token);
            int code = process.ExitCode;
            process.Dispose();
            return new BoundedResult(CommandEnd.Exited, code, output, told);
        }
        catch (OperationCanceledException)
        {
            await KillAsync(process);
            stop.ThrowIfCancellationRequested();
            return new BoundedResult(
                CommandEnd.TimedOut, -1, [], $"{program} took longer than {timeMax.TotalSeconds} s");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _leftOver?.Dispose();

    private static Process? Start(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment,
        out string error)
    {
        ProcessStartInfo info = new(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        info.Environment["LC_ALL"] = "C";
        foreach (var (name, value) in environment) info.Environment[name] = value;
        try
        {
            error = "";
            return Process.Start(info);
        }
        catch (Win32Exception e)
        {
            error = $"{program} could not be started: {e.Message}";
            return null;
        }
    }

    private static async Task<(byte[] Bytes, bool IsWhole)> ReadAsync(
        Stream stream, int bytesMax, CancellationToken deadline)
    {
        using MemoryStream content = new();
        byte[] buffer = new byte[16 * 1024];
        for (int count; (count = await stream.ReadAsync(buffer, deadline)) > 0;)
        {
            if (content.Length + count > bytesMax) return (content.ToArray(), false);
            content.Write(buffer, 0, count);
        }

        return (content.ToArray(), true);
    }

    private async Task KillAsync(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
            using CancellationTokenSource grace = new(KillGrace);
            await process.WaitForExitAsync(grace.Token);
            process.Dispose();
        }
        catch (Exception e) when (e is OperationCanceledException or Win32Exception or InvalidOperationException)
        {
            _leftOver = process;
        }
    }
}
