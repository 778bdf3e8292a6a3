using System.Diagnostics;
using System.Globalization;
using Umbra.Agent.Guarding;
using Umbra.Core.Basics;
using Umbra.Lab;
using Xunit;

namespace Umbra.System.Tests.Guarding;

/// <summary>The agent's end of its guard, beside guards that fail: scripts that note what they are told.</summary>
public sealed class GuardTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Deadline = TimeSpan.FromDays(1000);

    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-guard-").FullName;
    private readonly List<string> _reports = [];
    private readonly Guard _guard;
    private readonly GuardedVm _vm;

    public GuardTests()
    {
        _guard = new Guard([Script, _directory], Path.Combine(_directory, "pulse"), (kind, text) =>
        {
            lock (_reports) _reports.Add($"{kind} {text}");
        });
        _vm = new GuardedVm(
            new VmId("web"), "/run/web/guard", _directory, Environment.ProcessId, new Generation(1), Disks: 0);
    }

    private string Script => Path.Combine(_directory, "script");

    public void Dispose()
    {
        _guard.Dispose();
        foreach (int process in Guards()) ShellCommand.TryRun("kill", "-KILL", Text(process));
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_guard_that_cannot_be_started_harms_nobody_and_is_there_as_soon_as_it_can()
    {
        _guard.Watch(_vm);
        _guard.SetRunDeadline(_vm.Vm, Deadline);
        Assert.False(_guard.IsAlive);
        lock (_reports) Assert.Contains(_reports, static r => r.StartsWith("guard.failed", StringComparison.Ordinal));
        Install("exec cat > \"$1/told.$$\"");
        await UntilAsync(() => Guards().Length == 1 && KnowsAll(Guards()[0]));
        Assert.True(_guard.IsAlive);
    }

    [Fact]
    public async Task A_guard_that_dies_is_replaced_without_a_word_from_anyone()
    {
        Install("exec cat > \"$1/told.$$\"");
        _guard.Watch(_vm);
        _guard.SetRunDeadline(_vm.Vm, Deadline);
        await UntilAsync(() => Guards().Length == 1 && KnowsAll(Guards()[0]));
        ShellCommand.Run("kill", "-KILL", Text(Guards()[0]));
        await UntilAsync(() => Guards().Length == 2 && KnowsAll(Guards()[1]));
        lock (_reports) Assert.Contains(_reports, static r => r.StartsWith("guard.died", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_guard_that_takes_no_words_is_replaced_and_hangs_nobody()
    {
        Install("exec sleep 1000");
        _guard.Watch(_vm);
        await UntilAsync(() => Guards().Length == 1);
        Install("exec cat > \"$1/told.$$\"");
        long start = Stopwatch.GetTimestamp();
        // A pipe holds 64 KiB.
        for (int i = 0; i < 5000; i++) _guard.SetRunDeadline(_vm.Vm, Deadline - TimeSpan.FromTicks(5000 - i));
        _guard.SetRunDeadline(_vm.Vm, Deadline);
        Assert.True(Stopwatch.GetElapsedTime(start) < Patience / 4, "no word waits for long");
        await UntilAsync(() => Guards().Length == 2 && KnowsAll(Guards()[1]));
        lock (_reports) Assert.Contains(_reports, static r => r.StartsWith("guard.hung", StringComparison.Ordinal));
    }

    // Its process ids are in the order in which they came.
    private int[] Guards()
    {
        string path = Path.Combine(_directory, "guards");
        return File.Exists(path)
            ? [.. File.ReadAllLines(path).Select(static line => int.Parse(line, CultureInfo.InvariantCulture))]
            : [];
    }

    private bool KnowsAll(int guard)
    {
        string path = Path.Combine(_directory, "told." + Text(guard));
        if (!File.Exists(path)) return false;
        string told = File.ReadAllText(path);
        return told.StartsWith("pulse\t", StringComparison.Ordinal)
            && told.Contains(GuardBook.WatchLine(_vm), StringComparison.Ordinal)
            && told.Contains(GuardBook.DeadlineLine(_vm.Vm, Deadline), StringComparison.Ordinal);
    }

    // In one step: the guard may be started at any moment.
    private void Install(string last)
    {
        string made = Script + ".new";
        File.WriteAllText(made, $"#!/bin/sh\necho $$ >> \"$1/guards\"\n{last}\n");
        File.SetUnixFileMode(made, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.Move(made, Script, overwrite: true);
    }

    private static string Text(int process) => process.ToString(CultureInfo.InvariantCulture);

    private static async Task UntilAsync(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "it does not happen");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }
}
