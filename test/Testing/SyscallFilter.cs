using System.Globalization;

namespace Umbra.Testing;

/// <summary>
/// Programs under a seccomp filter (man 2 seccomp) by which the kernel itself refuses them one system call, as in a
/// container or sandbox. Their children inherit it. For x86-64; the launcher is Perl, which every Debian has.
/// </summary>
public static class SyscallFilter
{
    /// <summary>Number of <c>ptrace</c>.</summary>
    public const int Ptrace = 101;

    /// <summary>Number of <c>userfaultfd</c>.</summary>
    public const int UserFaultFd = 323;

    /// <summary>EPERM.</summary>
    public const int NotPermitted = 1;

    /// <summary>ENOSYS.</summary>
    public const int NotThere = 38;

    // Four instructions: load the call's number; if it is the one, return the error, else allow. Before it, as the
    // kernel wants, PR_SET_NO_NEW_PRIVS.
    private const string Script = """
        my ($call, $errno) = splice @ARGV, 0, 2;
        my @code = (0x20, 0, 0, 0, 0x15, 0, 1, $call, 0x06, 0, 0, 0x50000 | $errno, 0x06, 0, 0, 0x7fff0000);
        my $program = pack("Sx6P", 4, pack("SCCL" x 4, @code));
        syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(157, 22, 2, $program) == 0 or die "no seccomp: $!\n";
        exec @ARGV or die "$ARGV[0]: $!\n";
        """;

    /// <summary>What to put before a command so that <paramref name="call"/> fails in it.</summary>
    /// <param name="call">The system call's number.</param>
    /// <param name="errno">The error that it fails with.</param>
    public static IReadOnlyList<string> Launcher(int call, int errno) =>
    [
        "perl", "-e", Script,
        call.ToString(CultureInfo.InvariantCulture), errno.ToString(CultureInfo.InvariantCulture),
    ];
}
