using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Umbra.Controller;

/// <summary>The controller as a process: everything between its start and its end.</summary>
public static class ControllerProcess
{
    /// <summary>Runs a controller until <paramref name="stop"/>; the process's exit code.</summary>
    /// <param name="options">What it is told.</param>
    /// <param name="output">Where it says how it can be reached.</param>
    /// <param name="errors">Where it says why it cannot start.</param>
    /// <param name="stop">Ends it.</param>
    public static async Task<int> RunAsync(
        ControllerOptions options, TextWriter output, TextWriter errors, CancellationToken stop)
    {
        using var services = CreateServices();
        ControllerHost host;
        try
        {
            var logs = services.GetRequiredService<ILoggerProvider>();
            host = await ControllerHost.StartAsync(options, TimeProvider.System, logs, stop).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SqliteException
            or InvalidDataException or System.Security.Cryptography.CryptographicException)
        {
            await errors.WriteLineAsync($"the controller cannot start in {options.StateDirectory}: {exception.Message}")
                .ConfigureAwait(false);
            return 1;
        }

        await using (host.ConfigureAwait(false))
        {
            await output.WriteLineAsync($"controller: {host.Url}").ConfigureAwait(false);
            await output.WriteLineAsync(
                $"administrator's credential: {host.AdminPath} (umbra --config {host.AdminPath} ...)")
                .ConfigureAwait(false);
            await output.WriteLineAsync(
                "to add a host: 'umbra host token' here, then there 'umbra agent run --join TOKEN --name NAME "
                + "--rack R --feed F --segment S --state DIR'").ConfigureAwait(false);
            await output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return 0;
    }

    private static ServiceProvider CreateServices() =>
        new ServiceCollection().AddLogging(static logging => logging.AddSimpleConsole(static console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
        })).BuildServiceProvider();
}
