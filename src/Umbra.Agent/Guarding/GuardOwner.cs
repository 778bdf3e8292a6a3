using System.Globalization;

namespace Umbra.Agent.Guarding;

/// <summary>
/// Which guard is in charge of a VM: the one whose process id is in the file <c>guard</c> of the VM's directory. A new
/// agent's guard writes itself there, and the older one lets go.
/// </summary>
internal sealed class GuardOwner
{
    private readonly string _id = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
    private readonly HashSet<string> _unwritten = new(StringComparer.Ordinal);

    /// <summary>This guard is the one in charge from now on, also where the disk does not take it down.</summary>
    public void Claim(GuardedVm vm)
    {
        try
        {
            File.WriteAllText(FileOf(vm), _id);
            _unwritten.Remove(vm.Vm.Value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full or failing disk is no reason to leave a VM without a guard.
            _unwritten.Add(vm.Vm.Value);
        }
    }

    /// <summary>
    /// Whether this guard is the one in charge. A disk that cannot be read says nothing of another guard, so it is.
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

    private static string FileOf(GuardedVm vm) => Path.Combine(vm.Directory, "guard");
}
