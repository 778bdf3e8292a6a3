using System.Text;
using System.Text.Json;

namespace Umbra.Lab;

/// <summary>The guest's counters (guest/README.md, port 7001, <c>status</c>).</summary>
public sealed record GuestStatus
{
    /// <summary>Random per boot of the guest.</summary>
    public required string BootId { get; init; }

    /// <summary>Page writes and disk operations done.</summary>
    public required long Ops { get; init; }

    /// <summary>Pages checked.</summary>
    public required long RamVerified { get; init; }

    /// <summary>Pages found wrong, ever.</summary>
    public required long RamErrors { get; init; }

    /// <summary>Blocks checked.</summary>
    public required long DiskVerified { get; init; }

    /// <summary>Blocks found wrong, ever.</summary>
    public required long DiskErrors { get; init; }

    /// <summary>Slowest disk operation since the last <c>reset</c>.</summary>
    public required long DiskWriteMaxNs { get; init; }

    /// <summary>Disk logs running.</summary>
    public required int Logs { get; init; }

    /// <summary>Disks present.</summary>
    public required int Disks { get; init; }

    /// <summary>Network interfaces present.</summary>
    public required int Nics { get; init; }

    /// <summary>The first error; empty: none.</summary>
    public required string FirstError { get; init; }
}

/// <summary>Commands to the guest's workload, each on a connection of its own.</summary>
/// <param name="door">The way into the client's namespace.</param>
/// <param name="address">The guest's address.</param>
public sealed class GuestConsole(NamespaceDoor door, string address)
{
    /// <summary>The guest's command port.</summary>
    public const int Port = 7001;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LastAnswerTime = TimeSpan.FromSeconds(5);

    /// <summary>All counters as they are.</summary>
    public async Task<GuestStatus> StatusAsync() => Parse(await SendAsync("status"));

    /// <summary>Has the guest check all of its memory and disks now.</summary>
    public async Task<GuestStatus> VerifyAsync() => Parse(await SendAsync("verify"));

    /// <summary>Sends a command that ends the guest: its answer may be lost with the guest's power.</summary>
    public async Task SendLastAsync(string command)
    {
        try
        {
            await SendAsync(command, LastAnswerTime);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // What became of the guest shows by itself.
        }
    }

    /// <summary>Sends one command; its line of answer.</summary>
    public Task<string> SendAsync(string command) => SendAsync(command, TimeLimit);

    private async Task<string> SendAsync(string command, TimeSpan limit)
    {
        using var late = new CancellationTokenSource(limit);
        await using Stream stream = await door.ConnectAsync(address, Port, late.Token);
        await stream.WriteAsync(Encoding.UTF8.GetBytes(command + "\n"), late.Token);
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync(late.Token)
            ?? throw new IOException($"the guest gave no answer to {command}");
    }

    private static GuestStatus Parse(string line) =>
        JsonSerializer.Deserialize<GuestStatus>(line, JsonSerializerOptions.Web)
        ?? throw new IOException($"not a status: {line}");
}
