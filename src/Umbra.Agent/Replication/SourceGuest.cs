using System.Buffers;
using System.Diagnostics;
using Umbra.Agent.Guarding;
using Umbra.Agent.State;
using Umbra.Agent.Vms;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Policy;
using Umbra.Core.Protocol;
using Umbra.Linux;
using Umbra.Linux.Machine;
using Umbra.Linux.Memory;
using Umbra.Linux.Native;
using Umbra.Linux.Tracking;
using Umbra.Qemu.DeviceState;
using Umbra.Qemu.Disks;
using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;

namespace Umbra.Agent.Replication;

/// <summary>
/// A running QEMU as its source session drives it. Everything between <see cref="Pause"/> and <see cref="Resume"/> is
/// on
/// the guest's time: no allocation that can be had before, no hand-over between threads, no logging.
/// </summary>
internal sealed class SourceGuest : ISourceGuest, IDisposable
{
    /// <summary>
    /// A guest's answer to stop or cont takes a millisecond; beyond this its emulator hangs, and the brake has not
    /// helped.
    /// </summary>
    private static readonly TimeSpan MonitorDeadline = TimeSpan.FromSeconds(5);

    private readonly VmId _vm;
    private readonly Guard _guard;
    private readonly VmPaths _paths;
    private readonly QmpSession _monitor;
    private readonly GuestMemory _memory;
    private readonly IPageTracker _tracker;
    private readonly DeviceStateSaver _saver;
    private readonly NbdServer _nbd;
    private readonly SourceDisks _disks;
    private readonly LeaseFile _lease;
    private readonly IContentHash _hash;
    private readonly DeviceWatch _devices;
    private readonly Action _changed;
    private ulong _topology;
    private string _whyNoEpoch = "";
    private ArrayBufferWriter<byte>? _compared;
    private bool _isSaved;
    private bool _isLetRun;
    private long _cutsBefore;

    private SourceGuest(
        AgentServices services, VmPaths paths, PrimaryVm vm, Assignment assignment, GuestMemory memory,
        TrackerOutcome tracker, Action changed, Action wake)
    {
        (_devices, _changed) = (vm.Devices, changed);
        (_vm, _guard, _paths, _memory, _tracker) = (paths.Vm, services.Guard, paths, memory, tracker.Tracker!);
        TrackerReason = tracker.Warning ?? "";
        _hash = services.Hash;
        _monitor = vm.Qemu.Monitor;
        _saver = new DeviceStateSaver(
            _monitor, Path.Combine(paths.Volatile, "devices"), Path.Combine(paths.Volatile, "migrate"),
            new Lz4Compressor(), services.Hash)
        {
            IsAlwaysSavable = vm.Qemu.IsOnlyMigratable,
        };
        _lease = new LeaseFile(paths);
        _nbd = NbdServer.Start(paths.NbdSocket);
        var disks = new SourceDisksOptions
        {
            Vm = paths.Vm,
            Disks = [.. assignment.Vm.Disks.Select(d =>
                new SourceDisk(new DiskGeometry(d.Id, d.Bytes), vm.DiskNode(d.Id), vm.RawImage(d.Id)))],
            Monitor = _monitor,
            Brake = vm.Qemu.Brake,
            Server = _nbd,
            // A policy of an earlier release may allow less.
            LogBytesMax = Math.Max(assignment.Policy.DiskLogBytes, PolicyRules.DiskLogBytesMin),
            MayRun = () => !IsLeaseOver,
            CutEnded = wake,
        };
        _disks = SourceDisks.Create(disks, assignment.Policy.DiskMode);
        Configuration = FleetJson.Serialize(assignment.Vm);
    }

    /// <inheritdoc/>
    public long PageCount => _memory.PageCount;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Configuration { get; set; }

    /// <inheritdoc/>
    public ISourceDisks Disks => _disks;

    /// <summary>How dirty pages are found.</summary>
    public string TrackerKind => _tracker.Kind;

    /// <summary>Why they are not found by the kernel's tracking; empty when they are.</summary>
    public string TrackerReason { get; }

    /// <summary>How often the brake let the guest go.</summary>
    public long Brakes => _disks.Brakes;

    /// <summary>Run deadline that an earlier agent left in force.</summary>
    public TimeSpan? LeaseCarriedUntil => _lease.Deadline;

    /// <summary>
    /// Called in the pause just before the vCPUs run again, when set and the epoch was cut whole: a full
    /// comparison of both sides looks at the guest then. Null in ordinary epochs.
    /// </summary>
    public Action? BeforeResume { get; set; }

    /// <summary>Hash of the device state saved last while <see cref="BeforeResume"/> was set.</summary>
    public ulong SavedStateHash { get; private set; }

    /// <summary>A comparison of this guest with its shadow.</summary>
    public FullCompare NewCompare(string action, IReadOnlyList<ComparedDisk> disks) =>
        new(action, _memory, disks, _hash);

    /// <summary>Everything that replication needs of a running VM, or why it is not to be had.</summary>
    /// <param name="services">What the agent shares.</param>
    /// <param name="paths">The VM's files.</param>
    /// <param name="vm">The VM.</param>
    /// <param name="assignment">With the definition that it has.</param>
    /// <param name="changed">Called when its devices are not those of the definition any more.</param>
    /// <param name="wake">Called, from any thread, when the session has to be called.</param>
    public static (SourceGuest? Guest, string Error) Open(
        AgentServices services, VmPaths paths, PrimaryVm vm, Assignment assignment, Action changed, Action wake)
    {
        int process = vm.Qemu.Identity.Pid;
        Outcome<RamMapping> mapping = RamMapping.Find(process, vm.RamBacking, assignment.Vm.MemoryBytes);
        if (!mapping.IsOk) return (null, mapping.Error.Message);
        Outcome<GuestMemory> memory = GuestMemory.Open(
            mapping.Value.OpenPath, assignment.Vm.MemoryBytes, MemoryAccess.Read);
        if (!memory.IsOk) return (null, memory.Error.Message);
        TrackerOutcome tracker = PageTracker.Open(
            process, mapping.Value.Range, memory.Value, services.Hash, services.Tracker);
        if (tracker.Tracker is null)
        {
            memory.Value.Dispose();
            return (null, tracker.Error?.Message ?? "pages cannot be tracked");
        }

        if (tracker.Warning is { } warning) services.Warn("tracker.slow", paths.Vm, warning);
        var guest = new SourceGuest(services, paths, vm, assignment, memory.Value, tracker, changed, wake);
        QmpOutcome<QmpNothing> prepared = guest._saver.PrepareAsync(MonitorDeadline).GetAwaiter().GetResult();
        if (prepared.IsOk) return (guest, "");
        guest.Dispose();
        return (null, prepared.Description);
    }

    /// <inheritdoc/>
    public CallOutcome TakeDirty(PageSet into)
    {
        long start = Stopwatch.GetTimestamp();
        SystemError? error = _tracker.TakeDirty(into);
        return error is null ? Done(start) : CallOutcome.Failed(error.Message);
    }

    /// <inheritdoc/>
    public CallOutcome CopyPages(ReadOnlySpan<long> pages, Span<byte> destination)
    {
        long start = Stopwatch.GetTimestamp();
        _memory.CopyPages(pages, destination);
        _tracker.NoteCopied(pages, destination);
        return Done(start);
    }

    /// <inheritdoc/>
    public CallOutcome Pause()
    {
        if (CompareDevices() is { Length: > 0 } why) return CallOutcome.Failed(why);
        QmpOutcome<QmpNothing> savable = _saver.CheckSavable(MonitorDeadline);
        if (!savable.IsOk) return CallOutcome.Failed(savable.Description);
        _saver.Abandon(MonitorDeadline);
        (_compared, _isSaved, _cutsBefore) = (null, false, _disks.Cuts);
        // Nothing that comes later may fail an epoch that is compared.
        _disks.AsksBeforeCut = BeforeResume is not null;
        _isLetRun = false;
        CallOutcome stopped = Stop();
        // QEMU writes its devices' state while this side scans and copies memory.
        QmpOutcome<QmpNothing> begun = stopped.Succeeded ? _saver.Begin(MonitorDeadline) : savable;
        return begun.IsOk ? stopped : CallOutcome.Failed(begun.Description);
    }

    /// <inheritdoc/>
    public CallOutcome Stop()
    {
        long start = Stopwatch.GetTimestamp();
        QmpOutcome<QmpNothing> stopped = _disks.StopGuest();
        return stopped.IsOk ? Done(start) : CallOutcome.Failed(stopped.Description);
    }

    /// <inheritdoc/>
    public CallOutcome Resume()
    {
        // Only of an epoch that is whole: disks that were not cut after the state was saved make it fail.
        if (_isSaved && _disks.Cuts != _cutsBefore) BeforeResume?.Invoke();
        _isSaved = false;
        _saver.Abandon(MonitorDeadline);
        if (IsLeaseOver) return CallOutcome.Failed("its lease is over");
        _isLetRun = true;
        long start = Stopwatch.GetTimestamp();
        QmpOutcome<QmpNothing> resumed = RunControl.Resume(_monitor, MonitorDeadline);
        if (IsLeaseOver)
        {
            // It ended meanwhile, and the guard's stop may have come before this resume.
            Stop();
            return CallOutcome.Failed("its lease ended as it was let run");
        }

        return resumed.IsOk ? Done(start) : CallOutcome.Failed(resumed.Description);
    }

    /// <inheritdoc/>
    public CallOutcome SaveDeviceState()
    {
        long start = Stopwatch.GetTimestamp();
        QmpOutcome<QmpNothing> saved = _saver.Finish(MonitorDeadline);
        if (!saved.IsOk) return CallOutcome.Failed(saved.Description);
        return BeforeResume is null ? Done(start) : SaveForComparison(start);
    }

    /// <inheritdoc/>
    public CallOutcome TakeDeviceState(IBufferWriter<byte> destination)
    {
        long start = Stopwatch.GetTimestamp();
        if (_compared is { } read)
        {
            _compared = null;
            destination.Write(read.WrittenSpan);
            return Done(start);
        }

        _disks.AskAgain();
        CallOutcome taken = ReadDeviceState(destination);
        CallOutcome confirmed = _disks.Confirm(isStopped: !_isLetRun);
        if (!taken.Succeeded) return taken;
        return confirmed.Succeeded ? Done(start) : confirmed;
    }

    /// <inheritdoc/>
    public CallOutcome MarkHeld(HeldMark mark)
    {
        if (HeldFile.Write(_paths.Durable, mark) is { } error) return CallOutcome.Failed(error.Message);
        _guard.Hold(_vm);
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public CallOutcome ClearHeld()
    {
        if (HeldFile.Clear(_paths.Durable) is { } error) return CallOutcome.Failed(error.Message);
        _guard.Release(_vm);
        return CallOutcome.Done;
    }

    /// <inheritdoc/>
    public void SetRunDeadline(TimeSpan? deadline)
    {
        if (_lease.Deadline == deadline) return;
        _lease.Deadline = deadline;
        _guard.SetRunDeadline(_vm, deadline);
    }

    /// <summary>Lets go of the guest, which runs on; its pages stay tracked for the next agent.</summary>
    public void Dispose()
    {
        _disks.Dispose();
        _nbd.Dispose();
        _tracker.Dispose();
        _memory.Dispose();
        _lease.Dispose();
    }

    // A comparison needs it before the guest runs, and takes its time anyway. Nothing that comes later may fail an
    // epoch that was compared.
    private CallOutcome SaveForComparison(long start)
    {
        var state = new ArrayBufferWriter<byte>();
        CallOutcome read = ReadDeviceState(state);
        if (!read.Succeeded) return read;
        (_compared, _isSaved, SavedStateHash) = (state, true, _hash.Hash(state.WrittenSpan));
        return Done(start);
    }

    private CallOutcome ReadDeviceState(IBufferWriter<byte> destination)
    {
        QmpOutcome<QmpNothing> taken = _saver.Take(destination);
        // Also where it could not be taken: its devices may be why.
        if (CompareTopology() is { Length: > 0 } why) return CallOutcome.Failed(why);
        return taken.IsOk ? CallOutcome.Done : CallOutcome.Failed(taken.Description);
    }

    // Before each pause, on nobody's time.
    private string CompareDevices()
    {
        QmpOutcome<DeviceList> now = DeviceList.Read(_monitor, MonitorDeadline);
        if (!now.IsOk) return now.Description;
        _devices.Compare(now.Value);
        return WhyNoEpoch();
    }

    // What was plugged in the moment before the pause shows in the saved state itself; the first one has nothing to be
    // compared with, so the question is asked again.
    private string CompareTopology()
    {
        if (_topology == _saver.Fingerprint) return WhyNoEpoch();
        bool isFirst = _topology == 0;
        _topology = _saver.Fingerprint;
        if (isFirst) return CompareDevices();
        _devices.Ask();
        return WhyNoEpoch();
    }

    private string WhyNoEpoch()
    {
        string why = _devices.WhyNoEpoch;
        if (why.Length > 0 && why != _whyNoEpoch) _changed();
        return _whyNoEpoch = why;
    }

    private bool IsLeaseOver => _lease.Deadline is { } deadline && BootClock.Now >= deadline;

    private static CallOutcome Done(long start) => CallOutcome.DoneIn(Stopwatch.GetElapsedTime(start));
}
