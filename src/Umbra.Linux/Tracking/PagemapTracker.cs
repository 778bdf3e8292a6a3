using System.Runtime.InteropServices;
using Umbra.Core.Basics;
using Umbra.Linux.Interop;

namespace Umbra.Linux.Tracking;

/// <summary>
/// The kernel's own page tracking, from outside: a userfaultfd that lives in the emulator registers guest RAM for
/// asynchronous write protection, and PAGEMAP_SCAN takes and re-arms the written pages (0.6 ms per GiB when clean). The
/// descriptor stays open in the emulator after <see cref="Dispose"/> and after the agent's death, so tracking goes on
/// and the next agent adopts it. Writes made through another process's mapping are not seen: virtual machines with
/// vhost-user back ends cannot be tracked.
/// </summary>
public sealed class PagemapTracker : IPageTracker
{
    private readonly FileDescriptor _fault;
    private readonly FileDescriptor _pagemap;
    private readonly AddressRange _range;
    private readonly string _target;
    private readonly UserFault.Region[] _regions = new UserFault.Region[UserFault.RegionsMax];

    private PagemapTracker(FileDescriptor fault, FileDescriptor pagemap, int pid, AddressRange range, TimeSpan? stop)
    {
        _fault = fault;
        _pagemap = pagemap;
        _range = range;
        _target = $"process {pid}, {range}";
        StopTime = stop;
    }

    /// <inheritdoc/>
    public string Kind => "pagemap";

    /// <summary>How long the emulator's main thread stood still; null when an earlier tracking was adopted.</summary>
    public TimeSpan? StopTime { get; }

    /// <summary>
    /// Whether tracking was already there, from an agent before: the first call also reports writes since.
    /// </summary>
    public bool IsAdopted => StopTime is null;

    /// <summary>
    /// Adopts the tracking that an earlier agent left in process <paramref name="pid"/>, or starts a new one.
    /// ESRCH: the process is gone. EBUSY: another tracker has the range. EPERM: not allowed to trace it, or its
    /// sandbox forbids userfaultfd.
    /// </summary>
    public static Outcome<PagemapTracker> Open(int pid, AddressRange range)
    {
        if (range.Bytes <= 0 || range.Bytes % Sizes.Page != 0 || range.Start % Sizes.Page != 0)
            return new SystemError("track", range.ToString(), Errno.INVAL, "not a range of whole pages");
        Outcome<FileDescriptor> process = Pidfd.Open(pid);
        if (!process.IsOk) return process.Error;
        using FileDescriptor pidfd = process.Value;
        string path = $"/proc/{pid}/pagemap";
        Outcome<FileDescriptor> pagemap = FileDescriptor.Open(path, FileDescriptor.ReadOnly);
        if (!pagemap.IsOk) return Pidfd.HasExited(pidfd) ? Gone(pid) : pagemap.Error;
        Outcome<PagemapTracker> tracker = Start(pid, pidfd, pagemap.Value, range);
        if (tracker.IsOk) return tracker;
        pagemap.Value.Dispose();
        return Pidfd.HasExited(pidfd) ? Gone(pid) : tracker;
    }

    /// <inheritdoc/>
    public SystemError? TakeDirty(PageSet into)
    {
        Invariant.Holds(into.Capacity == _range.Bytes / Sizes.Page);
        SystemError? error = Scan(into);
        // The scan of an address space that is gone finds nothing and says nothing; a read of it returns no bytes.
        if (error is null && !IsMapped())
            error = new SystemError("PAGEMAP_SCAN", _target, Errno.SRCH, "the process is gone");
        if (error is not null) into.AddRange(0, into.Capacity);
        return error;
    }

    /// <inheritdoc/>
    public void NoteCopied(ReadOnlySpan<long> pages, ReadOnlySpan<byte> content)
    {
        // The kernel notes writes, whatever they leave.
    }

    /// <summary>
    /// Ends the tracking in the emulator itself, so that its writes cost nothing extra any more. Then dispose.
    /// </summary>
    public SystemError? Remove() => UserFault.Unregister(_fault, _range);

    /// <summary>Lets go of the tracking, which goes on in the emulator.</summary>
    public void Dispose()
    {
        _fault.Dispose();
        _pagemap.Dispose();
    }

    private static SystemError Gone(int pid) => new("track", $"process {pid}", Errno.SRCH, "the process is gone");

    private static Outcome<PagemapTracker> Start(
        int pid, FileDescriptor pidfd, FileDescriptor pagemap, AddressRange range)
    {
        Outcome<FileDescriptor> adopted = UserFaultAdoption.Find(pid, pidfd, range);
        if (adopted.IsOk) return new PagemapTracker(adopted.Value, pagemap, pid, range, stop: null);
        if (adopted.Error.Errno != Errno.NOENT) return adopted.Error;
        Outcome<InjectedUserFault> injected = UserFaultInjection.Run(pid, pidfd);
        if (!injected.IsOk) return injected.Error;
        FileDescriptor fault = injected.Value.Descriptor;
        PagemapTracker tracker = new(fault, pagemap, pid, range, injected.Value.StopTime);
        SystemError? error = UserFault.Enable(fault) ?? UserFault.Register(fault, range)
            ?? tracker.Scan(into: null);
        if (error is null) return tracker;
        fault.Dispose();
        return error;
    }

    /// <summary>Takes and re-arms; a fresh registration is armed this way too, and its result dropped.</summary>
    private SystemError? Scan(PageSet? into)
    {
        ulong next = _range.Start;
        while (next < _range.End)
        {
            long bytes = Math.Min(UserFault.ScanBytesMax, (long)(_range.End - next));
            int count = UserFault.Scan(_pagemap, new AddressRange(next, bytes), _regions, out ulong walked);
            if (count < 0) return SystemError.Last("ioctl(PAGEMAP_SCAN)", _target, ScanHint());
            if (walked <= next) return new SystemError("ioctl(PAGEMAP_SCAN)", _target, 0, "no progress");
            if (into is not null) Add(into, _regions.AsSpan(0, count));
            next = walked;
        }

        return null;
    }

    private void Add(PageSet into, ReadOnlySpan<UserFault.Region> regions)
    {
        foreach (UserFault.Region region in regions)
        {
            long first = (long)(region.Start - _range.Start) / Sizes.Page;
            into.AddRange(first, (long)(region.End - region.Start) / Sizes.Page);
        }
    }

    private static string ScanHint() => Marshal.GetLastPInvokeError() switch
    {
        Errno.PERM => "the range is not tracked any more",
        Errno.NOTTY => "needs Linux 6.7 or newer",
        _ => "",
    };

    private unsafe bool IsMapped()
    {
        ulong entry;
        nint offset = (nint)(_range.Start / Sizes.Page * sizeof(ulong));
        nint count = Sys.CallUninterrupted(Sys.Pread, _pagemap.Number, (nint)(&entry), sizeof(ulong), offset);
        return count == sizeof(ulong);
    }
}
