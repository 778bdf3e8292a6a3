namespace Umbra.Qemu.Disks;

/// <summary>The exports of a server, by name. Thread-safe.</summary>
public sealed class NbdExports
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, INbdExport> _exports = new(StringComparer.Ordinal);

    /// <summary>All names, sorted.</summary>
    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_gate) return [.. _exports.Keys];
        }
    }

    /// <summary>Offers an export to clients that connect from now on; replaces one of the same name.</summary>
    public void Set(string name, INbdExport export)
    {
        lock (_gate) _exports[name] = export;
    }

    /// <summary>Withdraws an export. Clients that use it already keep it until they disconnect.</summary>
    public void Remove(string name)
    {
        lock (_gate) _exports.Remove(name);
    }

    /// <summary>The export of this name, or null.</summary>
    public INbdExport? Find(string name)
    {
        lock (_gate) return _exports.GetValueOrDefault(name);
    }
}
