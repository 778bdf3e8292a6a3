using Umbra.Linux.Machine;
using Umbra.Linux.Processes;

namespace Umbra.Linux.Tests.Machine;

public sealed class KernelLogTests
{
    [Fact]
    public void Records_come_one_by_one_and_reading_never_waits()
    {
        if (!File.Exists("/dev/kmsg") || Environment.UserName != "root") Assert.Skip("needs root and /dev/kmsg");
        using KernelLog log = KernelLog.Open().OrThrow();
        string mark = "a test of umbra " + Guid.NewGuid();
        string[] old = log.Read(100_000, out _).OrThrow();
        Assert.DoesNotContain(old, record => record.Contains(mark, StringComparison.Ordinal));
        Assert.Equal(0, Command.Run("/bin/sh", ["-c", $"echo '{mark}' >/dev/kmsg"], TimeSpan.FromSeconds(10)).ExitCode);
        string[] news = log.Read(100_000, out _).OrThrow();
        Assert.Single(news, record => record.EndsWith($";{mark}\n", StringComparison.Ordinal));
        Assert.Empty(log.Read(100_000, out _).OrThrow());
    }

    [Fact]
    public void A_log_that_is_not_there_is_an_error() =>
        Assert.True(KernelLog.Open("/no/such/kmsg").Error is { IsGone: true });
}
