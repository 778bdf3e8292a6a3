using System.Diagnostics;

namespace Umbra.Bench.Link;

/// <summary>The process of one end, as the benchmark sees it.</summary>
internal sealed class LinkEnd : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly Process _process;

    /// <summary>Starts it, behind <paramref name="prefix"/> (a command that runs others somewhere).</summary>
    public LinkEnd(IReadOnlyList<string> prefix, string address, string self, string peer, string state)
    {
        string[] command =
        [
            .. prefix, "dotnet", Path.Combine(AppContext.BaseDirectory, "Umbra.Bench.Link.dll"), Program.EndWord,
            address, self, peer, state,
        ];
        _process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
    }

    /// <summary>Tells it something.</summary>
    public async Task TellAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Its next line.</summary>
    public async Task<string> HearAsync() => await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience)
        ?? throw new InvalidOperationException("an end of the link ended early");

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(5))) _process.Kill();
        _process.Dispose();
    }
}
