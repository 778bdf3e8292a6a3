using System.Diagnostics;
using Umbra.Core.Basics;

namespace Umbra.Agent.Guarding;

/// <summary>
/// The agent's end of its guard: starts the process, tells it which VMs to look after, starts it anew when it died.
/// Thread-safe. A word to the guard is one line into a pipe; the pulse by which it knows that the agent moves is a
/// file.
/// </summary>
/// <param name="command">How to start a guard: program and arguments.</param>
/// <param name="pulsePath">Where the agent's pulse is written, on a tmpfs.</param>
public sealed class Guard(IReadOnlyList<string> command, string pulsePath) : IDisposable
{
    private readonly Pulse _pulse = new(pulsePath);
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, GuardedVm> _vms = new(StringComparer.Ordinal);
    private Process? _process;
    private bool _closed;

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
        lock (_lock)
        {
            _closed = true;
            _process?.StandardInput.Dispose();
            _process?.Dispose();
            _process = null;
        }

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
        if (!_closed && !TryWrite(lines)) Restart();
    }

    private bool TryWrite(ReadOnlySpan<string> lines)
    {
        if (_process is null or { HasExited: true }) return false;
        try
        {
            foreach (string line in lines) _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>A new guard, told everything from the start.</summary>
    private void Restart()
    {
        _process?.Dispose();
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardInput = true };
        // It holds a few lines of text: the runtime's defaults for servers would be a waste on every host.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        _process = Process.Start(start);
        Invariant.Holds(_process is not null, "a guard that was started");
        TryWrite([GuardBook.PulseLine(pulsePath, Environment.ProcessId)]);
        foreach (GuardedVm vm in _vms.Values) TryWrite(Lines(vm));
    }

    private static string[] Lines(GuardedVm vm) =>
    [
        GuardBook.WatchLine(vm),
        (vm.Held ? "hold\t" : "release\t") + vm.Vm,
        GuardBook.DeadlineLine(vm.Vm, vm.RunDeadline),
    ];
}
