namespace Umbra.Linux.Interop;

/// <summary>Waits for a descriptor to become readable without blocking a pool thread.</summary>
internal static unsafe class Waiting
{
    private const short PollIn = 1;
    private const int EventFd = 290, EventFdFlags = 0x80800;

    /// <summary>
    /// Whether <paramref name="descriptor"/> became readable (for a pidfd: the process has exited) within
    /// <paramref name="timeout"/>; <see cref="Timeout.InfiniteTimeSpan"/> waits without end.
    /// </summary>
    internal static Task<bool> UntilReadable(FileDescriptor descriptor, TimeSpan timeout, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        TaskCompletionSource<bool> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        FileDescriptor wake = new(Sys.Call(EventFd, 0, EventFdFlags));
        Thread thread = new(() => Wait(descriptor, wake, timeout, done, cancel), maxStackSize: 128 * 1024)
        {
            IsBackground = true,
            Name = "waiting for a process",
        };
        thread.Start();
        return done.Task;
    }

    private static void Wait(
        FileDescriptor descriptor, FileDescriptor wake, TimeSpan timeout, TaskCompletionSource<bool> done,
        CancellationToken cancel)
    {
        bool held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            using CancellationTokenRegistration registration = cancel.Register(() => Signal(wake));
            bool readable = PollBoth((int)descriptor.Number, (int)wake.Number, timeout);
            if (readable) done.SetResult(true);
            else if (cancel.IsCancellationRequested) done.SetCanceled(cancel);
            else done.SetResult(false);
        }
        catch (ObjectDisposedException e)
        {
            done.SetException(e);
        }
        finally
        {
            if (held) descriptor.DangerousRelease();
            wake.Dispose();
        }
    }

    private static bool PollBoth(int descriptor, int wake, TimeSpan timeout)
    {
        Pidfd.PollEntry* entries = stackalloc Pidfd.PollEntry[2];
        entries[0] = new Pidfd.PollEntry { Descriptor = descriptor, Events = PollIn };
        entries[1] = new Pidfd.PollEntry { Descriptor = wake, Events = PollIn };
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (true)
        {
            long left = timeout < TimeSpan.Zero ? -1 : Math.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue);
            nint ready = Sys.Call(Sys.Poll, (nint)entries, 2, (nint)left);
            if (ready > 0) return entries[0].Returned != 0;
            if (ready == 0 && (left == 0 || Environment.TickCount64 >= deadline)) return false;
        }
    }

    private static void Signal(FileDescriptor wake)
    {
        ulong one = 1;
        _ = Sys.Call(Sys.Write, wake.Number, (nint)(&one), sizeof(ulong));
    }
}
