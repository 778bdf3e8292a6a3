using System.ComponentModel;
using System.Diagnostics;
using System.IO.Pipes;
using System.Text;
using Umbra.Core.Basics;
using Umbra.Linux.Machine;
using Umbra.Linux.Processes;

namespace Umbra.Agent.Guarding;

/// <summary>
/// The agent's end of its guard: starts the process, tells it which VMs to look after, starts it anew when it died,
/// could not be started or stands still. Thread-safe, and no fault of the guard's is one of its caller's: an agent
/// without a guard goes on, says so, and tries again. A word to it is one line into a pipe; the pulse by which it
/// knows that the agent moves is a file.
/// </summary>
public sealed class Guard : IDisposable
{
    /// <summary>How often it is looked whether the guard lives.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>A guard that could not be started is tried again after this.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    /// <summary>
    /// A guard that does not take its lines for this long stands still, and another one takes its place: the caller may
    /// be on its guest's time.
    /// </summary>
    private static readonly TimeSpan TakeMax = TimeSpan.FromMilliseconds(200);

    private readonly IReadOnlyList<string> _command;
    private readonly string _pulsePath;
    private readonly Action<string, string> _report;
    private readonly Pulse _pulse;
    private readonly Lock _lock = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _watch;
    private readonly SortedDictionary<string, GuardedVm> _vms = new(StringComparer.Ordinal);
    private Process? _process;
    private TimeSpan _tryAgainAt;
    private bool _closed;

    /// <summary>A guard that is started once there is something to look after.</summary>
    /// <param name="command">How to start one: program and arguments.</param>
    /// <param name="pulsePath">Where the agent's pulse is written, on a tmpfs.</param>
    /// <param name="report">Told of the guard's troubles, by kind and text; called with a lock held.</param>
    public Guard(IReadOnlyList<string> command, string pulsePath, Action<string, string> report)
    {
        (_command, _pulsePath, _report) = (command, pulsePath, report);
        _pulse = new Pulse(pulsePath);
        _watch = new Thread(KeepAlive) { IsBackground = true, Name = "guard watch" };
        _watch.Start();
    }

    /// <summary>Whether there is a guard at this moment, which knows all that was said.</summary>
    public bool IsAlive
    {
        get
        {
            lock (_lock) return _process is { HasExited: false };
        }
    }

    /// <summary>How this very program is started as a guard.</summary>
    public static IReadOnlyList<string> OwnCommand
    {
        get
        {
            string program = Environment.ProcessPath!;
            return Path.GetFileNameWithoutExtension(program) == "dotnet"
                ? [program, Environment.GetCommandLineArgs()[0], "guard"]
                : [program, "guard"];
        }
    }

    /// <summary>From now on the guard looks after <paramref name="vm"/>.</summary>
    public void Watch(GuardedVm vm)
    {
        lock (_lock)
        {
            _vms[vm.Vm.Value] = vm;
            Tell(Lines(vm));
        }
    }

    /// <summary>From now on nobody resumes the VM but an agent that may.</summary>
    public void Hold(VmId vm) => Change(vm, static v => v with { Held = true }, "hold\t" + vm);

    /// <summary>Ends <see cref="Hold"/>.</summary>
    public void Release(VmId vm) => Change(vm, static v => v with { Held = false }, "release\t" + vm);

    /// <summary>
    /// The VM must be paused at <paramref name="deadline"/> (<see cref="Umbra.Linux.Machine.BootClock"/>); null: never.
    /// </summary>
    public void SetRunDeadline(VmId vm, TimeSpan? deadline) =>
        Change(vm, v => v with { RunDeadline = deadline }, GuardBook.DeadlineLine(vm, deadline));

    /// <summary>The VM is gone from this host.</summary>
    public void Forget(VmId vm)
    {
        lock (_lock)
        {
            if (_vms.Remove(vm.Value)) Tell(["forget\t" + vm]);
        }
    }

    /// <summary>The agent stops in good order: the guard does its last round and ends.</summary>
    public void Dispose()
    {
        _stop.Set();
        _watch.Join();
        lock (_lock)
        {
            _closed = true;
            Drop();
        }

        _stop.Dispose();
        _pulse.Dispose();
    }

    private void Change(VmId vm, Func<GuardedVm, GuardedVm> change, string line)
    {
        lock (_lock)
        {
            if (!_vms.TryGetValue(vm.Value, out GuardedVm? known)) return;
            _vms[vm.Value] = change(known);
            Tell([line]);
        }
    }

    private void Tell(ReadOnlySpan<string> lines)
    {
        if (_closed || TryWrite(lines)) return;
        // Told everything anew by the next one, so nothing is lost with the line.
        if (BootClock.Now >= _tryAgainAt) Restart();
    }

    private bool TryWrite(ReadOnlySpan<string> lines)
    {
        if (_process is null or { HasExited: true }) return false;
        try
        {
            var pipe = (PipeStream)_process.StandardInput.BaseStream;
            foreach (string line in lines)
            {
                if (!PipeRoom.Within(pipe.SafePipeHandle, TakeMax)) return EndHung();
                pipe.Write(Encoding.UTF8.GetBytes(line + "\n"));
            }

            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private bool EndHung()
    {
        _report("guard.hung", $"the guard, process {_process!.Id}, takes no words any more and is ended");
        _process.Kill();
        return false;
    }

    // A guard is needed most when nobody has a word for it.
    private void KeepAlive()
    {
        while (!_stop.Wait(LookInterval))
        {
            lock (_lock)
            {
                if (_vms.Count == 0 || _process is { HasExited: false } || BootClock.Now < _tryAgainAt) continue;
                Restart();
            }
        }
    }

    /// <summary>A new guard, told everything from the start; or none, and another try later.</summary>
    private void Restart()
    {
        if (_process is { HasExited: true } dead)
            _report("guard.died", $"the guard, process {dead.Id}, has ended ({dead.ExitCode}); another one is started");
        Drop();
        _tryAgainAt = BootClock.Now + RetryPause;
        var start = new ProcessStartInfo(_command[0], _command.Skip(1)) { RedirectStandardInput = true };
        // It holds a few lines of text: the runtime's defaults for servers would be a waste on every host.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        try
        {
            _process = Process.Start(start);
        }
        catch (Exception e) when (e is Win32Exception or IOException or InvalidOperationException)
        {
            // No process to be had, no memory, no descriptor: no reason to leave a VM that has just begun to run.
            _report("guard.failed", "no guard can be started, and no lease counts until there is one: " + e.Message);
            return;
        }

        Invariant.Holds(_process is not null, "a guard that was started");
        TryWrite([GuardBook.PulseLine(_pulsePath, Environment.ProcessId)]);
        foreach (GuardedVm vm in _vms.Values) TryWrite(Lines(vm));
    }

    private void Drop()
    {
        try
        {
            _process?.StandardInput.Dispose();
        }
        catch (IOException)
        {
            // Its other end is gone.
        }

        _process?.Dispose();
        _process = null;
    }

    private static string[] Lines(GuardedVm vm) =>
    [
        GuardBook.WatchLine(vm),
        (vm.Held ? "hold\t" : "release\t") + vm.Vm,
        GuardBook.DeadlineLine(vm.Vm, vm.RunDeadline),
    ];
}
