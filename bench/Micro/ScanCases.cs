using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Memory;
using Umbra.Linux.Native;
using Umbra.Linux.Processes;
using Umbra.Linux.Tracking;

namespace Umbra.Bench.Micro;

/// <summary>
/// The scan for written pages, of a real QEMU that never runs its guest: every tenth page is written through
/// <c>/proc/PID/mem</c>, which the kernel tracks as the emulator's own writes.
/// </summary>
internal sealed class ScanCases : IDisposable
{
    private const int DirtyEvery = 10;
    private const string Backing = "memory-backend-memfd";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20), s_patiencePerGiB = TimeSpan.FromSeconds(10);

    private readonly ProcessHandle _qemu;
    private readonly GuestMemory _memory;
    private readonly AddressRange _range;
    private readonly IPageTracker _tracker;
    private readonly SafeFileHandle _process;
    private readonly PageSet _dirty;
    private readonly byte[] _word = new byte[8];

    private ScanCases(
        ProcessHandle qemu, GuestMemory memory, AddressRange range, IPageTracker tracker, SafeFileHandle process)
    {
        (_qemu, _memory, _range, _tracker, _process) = (qemu, memory, range, tracker, process);
        _dirty = new PageSet(memory.PageCount);
        _tracker.TakeDirty(_dirty);
    }

    /// <summary>Why there is no scan.</summary>
    public static string Why { get; private set; } = "";

    /// <summary>Starts a QEMU with that much memory; null where pages cannot be tracked.</summary>
    public static ScanCases? TryStart(long bytes)
    {
        if (!Environment.IsPrivilegedProcess || !File.Exists("/usr/bin/qemu-system-x86_64"))
        {
            Why = "needs root and qemu-system-x86_64";
            return null;
        }

        string size = bytes.ToString(CultureInfo.InvariantCulture);
        string[] arguments =
        [
            "-machine", "pc-q35-7.2,accel=tcg,memory-backend=ram0", "-S", "-nodefaults", "-vga", "none", "-display",
            "none", "-m", (bytes / Sizes.MiB).ToString(CultureInfo.InvariantCulture),
            "-object", $"{Backing},id=ram0,size={size},share=on,prealloc=on",
        ];
        ProcessHandle qemu = DetachedProcess.Start(new DetachedStart("qemu-system-x86_64", arguments, "/dev/null"))
            .OrThrow();
        RamMapping? mapping = WaitForMapping(qemu, bytes);
        Outcome<GuestMemory> memory = mapping is null
            ? new SystemError("start", "QEMU", 0, "its RAM never was there")
            : GuestMemory.Open(mapping.OpenPath, bytes, MemoryAccess.Read);
        if (!memory.IsOk) return GiveUp(qemu, memory.Error.Message);
        TrackerOutcome tracker = PageTracker.Open(qemu.Pid, mapping!.Range, memory.Value, new XxHash3());
        if (tracker.Tracker is null || tracker.Warning is not null)
            return GiveUp(qemu, tracker.Error?.Message ?? tracker.Warning!);
        SafeFileHandle process = File.OpenHandle($"/proc/{qemu.Pid}/mem", FileMode.Open, FileAccess.ReadWrite);
        return new ScanCases(qemu, memory.Value, mapping.Range, tracker.Tracker, process);
    }

    public IEnumerable<MicroCase> All()
    {
        yield return new MicroCase("page-scan-clean", _memory.Bytes, () => Scan(0), "nothing was written");
        yield return new MicroCase(
            "page-scan-dirty", _memory.Bytes, () => Scan(_memory.PageCount / DirtyEvery),
            "every tenth page was written")
        {
            Prepare = Write,
        };
    }

    public void Dispose()
    {
        _process.Dispose();
        _tracker.Dispose();
        _memory.Dispose();
        _qemu.Kill(ProcessHandle.SignalKill);
        _qemu.Dispose();
    }

    private static ScanCases? GiveUp(ProcessHandle qemu, string why)
    {
        Why = why;
        qemu.Kill(ProcessHandle.SignalKill);
        return null;
    }

    private static RamMapping? WaitForMapping(ProcessHandle qemu, long bytes)
    {
        DateTime deadline = DateTime.UtcNow + s_patience + (s_patiencePerGiB * ((double)bytes / Sizes.GiB));
        while (DateTime.UtcNow < deadline && qemu.IsAlive)
        {
            Outcome<RamMapping> mapping = RamMapping.Find(qemu.Pid, Backing, bytes);
            // Set aside before QEMU goes on: the process then sleeps in its main loop.
            if (mapping.IsOk && IsSetAside(qemu.Pid, bytes)) return mapping.Value;
            Thread.Sleep(10);
        }

        return null;
    }

    private static bool IsSetAside(int process, long bytes) =>
        File.ReadLines($"/proc/{process}/status").Any(line =>
            line.StartsWith("RssShmem:", StringComparison.Ordinal)
            && long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)
                >= bytes / Sizes.KiB);

    private void Write()
    {
        MemoryMarshal.Write(_word, DateTime.UtcNow.Ticks);
        for (long page = 0; page < _memory.PageCount; page += DirtyEvery)
            RandomAccess.Write(_process, _word, (long)_range.Start + (page * Sizes.Page));
    }

    private long Scan(long expected)
    {
        _dirty.Clear();
        SystemError? error = _tracker.TakeDirty(_dirty);
        Invariant.Holds(error is null && _dirty.Count >= expected, "the scan finds what was written");
        return 0;
    }
}
