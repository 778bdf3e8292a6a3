using System.Globalization;

namespace Umbra.Agent.Guarding;

/// <summary>
/// Which guard is in charge of a VM: the one whose process id is in the file <c>guard.pid</c> of the VM's directory on
/// the tmpfs. A new agent's guard writes itself there, and the older one lets go. Not on the durable disk: one that
/// stands still would keep the guard from the next lease, and after a reboot there is no older guard to let go.
/// </summary>
internal sealed class GuardOwner
{
    private readonly string _id = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
    private string? _root;
    private readonly HashSet<string> _unwritten = new(StringComparer.Ordinal);

    /// <summary>The directory on the tmpfs with one for each VM; before it is known, those on the disk count.</summary>
    public void SetRoot(string directory) => _root = directory;

    /// <summary>This guard is the one in charge from now on, also where that cannot be written.</summary>
    public void Claim(GuardedVm vm)
    {
        try
        {
            File.WriteAllText(FileOf(vm), _id);
            _unwritten.Remove(vm.Vm.Value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full tmpfs is no reason to leave a VM without a guard.
            _unwritten.Add(vm.Vm.Value);
        }
    }

    /// <summary>
    /// Whether this guard is the one in charge. A file that cannot be read says nothing of another guard, so it is.
    /// </summary>
    public bool IsMine(GuardedVm vm)
    {
        if (_unwritten.Contains(vm.Vm.Value)) return true;
        try
        {
            return File.ReadAllText(FileOf(vm)) == _id;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private string FileOf(GuardedVm vm) =>
        Path.Combine(_root is null ? vm.Directory : Path.Combine(_root, vm.Vm.Value), "guard.pid");
}
