using System.Runtime.InteropServices;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Processes;

/// <summary>Whether a pipe's reader keeps up (man 7 pipe).</summary>
public static unsafe class PipeRoom
{
    /// <summary>What can be written without waiting once there is room, bytes (PIPE_BUF).</summary>
    public const int BytesMin = 4096;

    private const short PollOut = 4;

    /// <summary>
    /// Whether <see cref="BytesMin"/> bytes can be written to <paramref name="pipe"/> without waiting, within
    /// <paramref name="wait"/> from now. Also true when the reader is gone: a write says so.
    /// </summary>
    public static bool Within(SafeHandle pipe, TimeSpan wait)
    {
        bool held = false;
        try
        {
            pipe.DangerousAddRef(ref held);
            Pidfd.PollEntry entry = new() { Descriptor = (int)pipe.DangerousGetHandle(), Events = PollOut };
            long deadline = Environment.TickCount64 + (long)wait.TotalMilliseconds;
            while (true)
            {
                long left = Math.Max(0, deadline - Environment.TickCount64);
                if (Sys.Call(Sys.Poll, (nint)(&entry), 1, (nint)left) > 0) return true;
                if (left == 0) return false;
            }
        }
        finally
        {
            if (held) pipe.DangerousRelease();
        }
    }
}
