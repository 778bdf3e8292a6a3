using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Umbra.Lab.Tests;

/// <summary>The demo itself, as a process with a real guest, brought to an early end.</summary>
public sealed partial class DemoEndTests
{
    private const int ExitInterrupted = 130;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_demo_is_removed_by_the_next_one_and_an_interrupted_one_removes_itself()
    {
        Root.Require();
        using Process first = Start();
        string killed = LabOf(await ReadUntilAsync(first, "guest of"));
        first.Kill();
        await first.WaitForExitAsync(Cancel);
        Assert.NotEmpty(FleetLabTests.Traces(killed));

        using Process second = Start();
        string output = await ReadUntilAsync(second, "guest of");
        Assert.Contains("removed what earlier runs left", output);
        Assert.Contains(killed, output);
        Assert.Empty(FleetLabTests.Traces(killed));

        ShellCommand.Run("kill", "-TERM", second.Id.ToString(CultureInfo.InvariantCulture));
        await second.WaitForExitAsync(Cancel);
        Assert.Equal(ExitInterrupted, second.ExitCode);
        Assert.Empty(FleetLabTests.Traces(LabOf(output)));
    }

    private static Process Start()
    {
        string program = typeof(Umbra.Demo.Program).Assembly.Location;
        return Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList = { program }, RedirectStandardOutput = true, RedirectStandardInput = true,
        })!;
    }

    private static async Task<string> ReadUntilAsync(Process process, string text)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        late.CancelAfter(Patience);
        string all = "";
        while (!all.Contains(text, StringComparison.Ordinal))
        {
            string? line = await process.StandardOutput.ReadLineAsync(late.Token);
            Assert.True(line is not null, $"the demo ended before it said '{text}': {all}");
            all += line + "\n";
        }

        return all;
    }

    private static string LabOf(string output) => LabName().Match(output).Groups[1].Value;

    [GeneratedRegex(@"lab (\w+)\)")]
    private static partial Regex LabName();
}
