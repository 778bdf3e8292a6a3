using System.Diagnostics;
using Umbra.Agent.Replication;
using Umbra.Agent.Shadows;
using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Vms;

/// <summary>
/// Brings one VM on this host to what the controller wants of it, and keeps it there: the newest word counts, a
/// repeated one changes nothing, and what is in the way is reported and tried again.
/// </summary>
internal sealed partial class VmKeeper : IAsyncDisposable
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>A guest that is asked to switch itself off may take this long.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    /// <summary>For how long a VM is still reported after it has gone from here.</summary>
    private static readonly TimeSpan GoneTold = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A copy that lost its VM hears of it from the winner within this, or from the controller's word alone.
    /// </summary>
    private static readonly TimeSpan SwapNewsPatience = TimeSpan.FromSeconds(3);

    private readonly VmId _vm;
    private readonly AgentServices _services;
    private readonly VmFleet _fleet;
    private readonly VmPaths _paths;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly ActionResults _results = new();
    private Task? _loop;
    private Assignment? _want;
    private bool _wantGone;
    private string _lastPlug = "";
    private Generation _floor;
    private volatile PrimaryVm? _primary;
    private volatile ShadowRunner? _shadow;
    private volatile string _trouble = "";
    private volatile RefusedAttach _refused = new(null, []);
    private volatile bool _removing;
    private volatile bool _destroying;
    private volatile bool _lookedForLeft;
    private GuestState _reported;
    private TimeSpan _goneAt = TimeSpan.MinValue / 2;

    /// <summary>A keeper of a VM of which there may be nothing here yet.</summary>
    public VmKeeper(VmId vm, AgentServices services, VmFleet fleet)
    {
        (_vm, _services, _fleet) = (vm, services, fleet);
        _paths = services.Paths.Vm(vm);
    }

    /// <summary>The VM here, as the controller is to know it.</summary>
    public VmStatus Status
    {
        get
        {
            VmStatus status = KeeperStatus.Of(
                _vm, _primary, _shadow, _left, _dead, _deadState, Failing, _trouble, _refused, _results.All);
            // Nobody's part any more, but not gone either: the controller waits for the last file.
            return _removing && status.Role == VmRole.None
                ? status with { Guest = GuestState.Paused, Reason = "what is left of it is being removed" }
                : status;
        }
    }

    /// <summary>
    /// Whether there is something of the VM here, or was a short while ago: its last results must get through.
    /// </summary>
    public bool IsWorthTelling => _removing || Status.Role != VmRole.None || BootClock.Now < _goneAt + GoneTold;

    /// <summary>
    /// Whether no process of the VM is here, running or ending. False before it was looked what an earlier agent left.
    /// </summary>
    public bool IsGone => _lookedForLeft && !_destroying && !_removing && Status.Role == VmRole.None;

    /// <summary>The word that this host should run the VM, while it cannot.</summary>
    private Assignment? Failing
    {
        get
        {
            if (_trouble.Length == 0) return null;
            lock (_lock)
                return !_wantGone && _want is { Role: VmRole.Primary, Power: DesiredPower.Running } want ? want : null;
        }
    }

    /// <summary>Takes up what an earlier agent left, and begins.</summary>
    public void Start()
    {
        lock (_lock) _loop ??= Task.Run(RunAsync);
    }

    /// <summary>The controller's word about this host's part.</summary>
    /// <param name="assignment">The part.</param>
    /// <param name="sentAt">When the report was sent that it answers.</param>
    public void Want(Assignment assignment, TimeSpan sentAt)
    {
        lock (_lock)
        {
            bool changed = _want != assignment || _wantGone;
            (_want, _wantGone) = (assignment, false);
            if (changed) Wake();
        }

        if (assignment.Role == VmRole.Primary) _primary?.Runner?.ControllerConfirmed(sentAt, assignment.Generation);
        Start();
    }

    /// <summary>Nothing of the VM is to be left here.</summary>
    public void WantGone()
    {
        lock (_lock)
        {
            if (_wantGone) return;
            _wantGone = true;
            Wake();
        }
    }

    /// <summary>A connection about this VM's shadow; owned from here on.</summary>
    public void Accepted(Stream stream, HostId peer, SourceHello hello)
    {
        if (_shadow is { } shadow) shadow.Accepted(stream, peer, hello);
        else stream.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Wake();
        if (_loop is not null) await _loop;
        if (_primary is { } primary) await primary.DisposeAsync();
        if (_shadow is { } shadow) await shadow.DisposeAsync();
    }

    private void Wake() => _wake.Release();

    /// <summary>Something happened that both this keeper and the controller should look at.</summary>
    private void Changed()
    {
        Wake();
        _fleet.UrgentChange();
    }

    private async Task RunAsync()
    {
        try
        {
            FindLeft();
            _lookedForLeft = true;
            while (!_stop.IsCancellationRequested)
            {
                await ReconcileSafelyAsync();
                await _wake.WaitAsync(RetryInterval, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The agent stops.
        }
        catch (Exception e)
        {
            // A keeper that is gone would leave its VM to nobody, and nobody would know.
            Environment.FailFast($"the keeper of {_vm} ended", e);
        }
    }

    private async Task ReconcileSafelyAsync()
    {
        try
        {
            await ReconcileAsync();
        }
        catch (Exception e) when (IsRefusal(e))
        {
            _services.Log.KeeperFailed(_vm.Value, e);
            _trouble = e.Message;
        }

        GuestState state = Status.Guest;
        if (state != _reported) _fleet.UrgentChange();
        _reported = state;
    }

    private bool IsRefusal(Exception e) =>
        Refusals.Is(e) || (e is OperationCanceledException && !_stop.IsCancellationRequested);

    private async Task ReconcileAsync()
    {
        Assignment? want;
        bool gone;
        lock (_lock) (want, gone) = (_want, _wantGone);
        if (_left is { } left && !await TakeUpAsync(left, want, gone)) return;
        if (_shadow is { Promoted: { } promotion } shadow) await PromoteAsync(shadow, promotion);
        if (_primary is { Runner: { IsLost: true } lost })
        {
            _floor = lost.LostTo;
            await DestroyAsync();
        }

        if (_primary is { Qemu.IsAlive: false } dead) await BuryAsync(dead);
        // A word from before the VM went to another host must not start it here again.
        if (want is not null && want.Generation < _floor) want = null;
        // Whatever has the name after this is another VM, whose generations begin anew.
        if (gone) _floor = Generation.None;
        if (gone) await RemoveAsync();
        else if (want?.Role == VmRole.None) _primary?.Runner?.OwnedElsewhere(want);
        else if (want?.Role == VmRole.Primary) await BePrimaryAsync(want);
        else if (want?.Role == VmRole.Shadow) await BeShadowAsync(want);
    }

    private async Task BePrimaryAsync(Assignment want)
    {
        if (_shadow is { } shadow)
        {
            shadow.OwnerHere(want);
            return;
        }

        if (_primary is { } vm)
        {
            if (want.Generation < vm.Record.Assignment.Generation) return;
            if (want.Power == DesiredPower.Stopped) await SwitchOffAsync(vm);
            else await GoOnAsync(vm, want);
            return;
        }

        // A dead VM is started again by a person's word, which switches it off first, and not before: its shadow may be
        // the better copy.
        if (want.Power == DesiredPower.Stopped) ForgetDead(want);
        else if (_dead is not null) RaiseDead(want);
        if (want.Power != DesiredPower.Stopped && _dead is null) await StartAsync(want);
    }

    private async Task GoOnAsync(PrimaryVm vm, Assignment want)
    {
        if (want.Action is { Kind: VmActionKind.Plug } plug && plug.Id != _lastPlug)
        {
            _lastPlug = plug.Id;
            string error = await vm.PlugAsync(want.Vm);
            _results.Add(new VmActionResult
            {
                Id = plug.Id,
                Succeeded = error.Length == 0,
                Detail = error.Length == 0 ? "the guest has its new devices" : error,
            });
            _fleet.UrgentChange();
        }

        SourceRunner? runner = vm.Runner;
        await vm.UpdateAsync(want, Changed);
        if (runner is not null && vm.Runner != runner) Collect(runner.Results);
    }

    private async Task StartAsync(Assignment want)
    {
        PrimaryVm? vm;
        if (want.Attach is null)
        {
            (vm, _trouble) = await PrimaryVm.StartAsync(_services, _paths, want, _stop.Token);
        }
        else
        {
            (vm, IReadOnlyList<string> refusals) = await PrimaryVm.AttachAsync(_services, _paths, want, _stop.Token);
            bool isNews = want.Attach != _refused.Target || !refusals.SequenceEqual(_refused.Reasons);
            _refused = new RefusedAttach(want.Attach, refusals);
            _trouble = refusals.Count > 0 ? "it is refused" : "";
            if (isNews) _fleet.UrgentChange();
        }

        if (vm is null) return;
        _dead = null;
        _services.Report("vm.started", _vm, $"process {vm.Qemu.Identity.Pid}");
        await RunPrimaryAsync(vm, want);
    }

    private async Task RunPrimaryAsync(PrimaryVm vm, Assignment assignment)
    {
        _primary = vm;
        _ = WatchAsync(vm);
        await vm.UpdateAsync(assignment, Changed);
    }

    private async Task WatchAsync(PrimaryVm vm)
    {
        await ((Task)vm.Qemu.Exited).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_stop.IsCancellationRequested) Changed();
    }

    private async Task BeShadowAsync(Assignment want)
    {
        if (_primary is { } fenced)
        {
            if (want.Generation <= fenced.Record.Assignment.Generation) return;
            await WaitForSwapNewsAsync(fenced);
            await DestroyAsync();
        }

        if (_dead is not null) await RemoveDeadAsync();
        if (_shadow is null) OpenShadow(want);
        _shadow?.Update(want);
    }

    private void OpenShadow(Assignment assignment)
    {
        _paths.Create();
        var shadow = new ShadowRunner(_services, _paths, assignment, Changed);
        shadow.Start();
        _shadow = shadow;
        _trouble = "";
    }

    private async Task RemoveAsync()
    {
        _removing = _primary is not null || _shadow is not null || _dead is not null
            || Directory.Exists(_paths.Durable);
        if (!_removing) return;
        if (_primary is { } vm)
        {
            await WaitForSwapNewsAsync(vm);
            await DestroyAsync();
        }

        if (_shadow is { } shadow)
        {
            Collect(shadow.Results);
            _shadow = null;
            _goneAt = BootClock.Now;
            await shadow.DestroyAsync();
            _services.Report("shadow.removed", _vm, "its files are gone from this host");
        }

        if (_dead is not null) await RemoveDeadAsync();
        if (Directory.Exists(_paths.Durable)) _paths.Destroy();
        _removing = false;
        _fleet.UrgentChange();
    }

    /// <summary>The winner of a swap says so itself, with the times: wait for that before the loser's end.</summary>
    private async Task WaitForSwapNewsAsync(PrimaryVm vm)
    {
        TimeSpan deadline = BootClock.Now + SwapNewsPatience;
        while (vm.Runner is { IsLost: false, Status.Protection: ProtectionState.Swapping }
            && BootClock.Now < deadline)
        {
            await _wake.WaitAsync(RetryInterval / 10, _stop.Token);
        }
    }

    private async Task DestroyAsync()
    {
        if (_primary is not { } vm) return;
        long start = Stopwatch.GetTimestamp();
        VmActionResult? moved = vm.Runner?.Moved;
        if (vm.Runner is { } runner) Collect(runner.Results);
        _destroying = true;
        _primary = null;
        _goneAt = BootClock.Now;
        try
        {
            await vm.DestroyAsync();
            moved = moved?.WithPhase(SwapPhases.Isolate, Stopwatch.GetElapsedTime(start));
        }
        finally
        {
            _destroying = false;
            if (moved is not null) _results.Add(moved);
        }

        _services.Report("vm.destroyed", _vm, "the copy that another host has taken over from is gone");
        _fleet.UrgentChange();
    }

    private async Task BuryAsync(PrimaryVm vm)
    {
        bool shutDown = vm.GuestShutDown;
        string words = vm.Qemu.LastWords;
        if (vm.Runner is { } runner) Collect(runner.Results);
        if (vm.Runner?.Moved is { } moved) _results.Add(moved);
        vm.NoteEnd(asked: false);
        _deadState = shutDown ? GuestState.ShutDown : GuestState.Dead;
        _dead = vm.Record;
        _primary = null;
        await vm.DisposeAsync();
        _services.Guard.Forget(_vm);
        _services.Report(
            shutDown ? "vm.shutdown" : "vm.died", _vm,
            shutDown ? "the guest switched itself off" : $"process {_dead.ProcessId} ended by itself. {words}");
        _fleet.UrgentChange();
    }

    private async Task SwitchOffAsync(PrimaryVm vm)
    {
        await vm.StopAsync(StopPatience);
        vm.NoteEnd(asked: true);
        _primary = null;
        await vm.DisposeAsync();
        _services.Guard.Forget(_vm);
        _services.Report("vm.stopped", _vm, "switched off");
        _fleet.UrgentChange();
    }

    /// <summary>The shadow has become the VM.</summary>
    private async Task PromoteAsync(ShadowRunner shadow, Promotion promotion)
    {
        Collect(shadow.Results);
        await shadow.ReleaseAsync();
        _shadow = null;
        PrimaryVm vm = PrimaryVm.Take(
            _services, _paths, promotion.Qemu, new VmRecord { Assignment = promotion.Assignment, OwnImages = true });
        await RunPrimaryAsync(vm, promotion.Assignment);
        _services.Report("vm.promoted", _vm, $"runs here under {promotion.Assignment.Generation}");
        _fleet.UrgentChange();
    }

    private void Collect(IReadOnlyList<VmActionResult> results)
    {
        foreach (VmActionResult result in results) _results.Add(result);
    }
}
