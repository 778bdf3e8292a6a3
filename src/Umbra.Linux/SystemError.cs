using System.Runtime.InteropServices;
using Umbra.Linux.Interop;

namespace Umbra.Linux;

/// <summary>
/// A failed system call as a value: which call, on what, and the kernel's reason. Expected failures (full disk, process
/// gone, no permission) travel as this and not as exceptions.
/// </summary>
/// <param name="Call">Name of the call, as in its man page.</param>
/// <param name="Argument">What it was called on: a path, a pid, an address range.</param>
/// <param name="Errno">The kernel's error number; 0 when the cause is not one of the kernel's.</param>
/// <param name="Hint">What it means here or what to do; empty when there is nothing to add.</param>
public sealed record SystemError(string Call, string Argument, int Errno, string Hint = "")
{
    /// <summary>Symbol of the error number, as <c>ENOSPC</c>; its digits when it has no well-known one.</summary>
    public string Name => ErrnoNames.Of(Errno);

    /// <summary>Whether storage or a quota is full (ENOSPC, EDQUOT).</summary>
    public bool IsFull => Errno is Interop.Errno.NOSPC or Interop.Errno.DQUOT;

    /// <summary>Whether the thing it was called on is not there (ENOENT, ESRCH).</summary>
    public bool IsGone => Errno is Interop.Errno.NOENT or Interop.Errno.SRCH;

    /// <summary>For people: call, argument, reason, hint.</summary>
    public string Message
    {
        get
        {
            string reason = Errno == 0 ? "" : $": {Name} ({Marshal.GetPInvokeErrorMessage(Errno)})";
            return $"{Call}({Argument}){reason}" + (Hint.Length == 0 ? "" : "; " + Hint);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Message;

    /// <summary>The same as an exception, for callers to whom it is fatal.</summary>
    public IOException ToException() => new(Message);

    /// <summary>The error that the last call of this thread left.</summary>
    internal static SystemError Last(string call, string argument, string hint = "") =>
        new(call, argument, Marshal.GetLastPInvokeError(), hint);
}
