using Umbra.Qemu.Machines;

namespace Umbra.Agent.Replication;

/// <summary>
/// Whether a running VM still has the devices of its definition. Between the one who replicates it, who notices and
/// cuts no epoch meanwhile, and its keeper, who looks and follows: a device state must never be committed together with
/// another configuration. Thread-safe.
/// </summary>
internal sealed class DeviceWatch
{
    /// <summary>Deleted devices that are remembered; beyond it everything is taken for replaced.</summary>
    private const int DeletedMax = 64;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _deleted = new(StringComparer.Ordinal);
    private DeviceList? _known;
    private bool _isLookWanted = true;
    private long _asked;
    private string _refusal = "";

    /// <summary>
    /// Whether somebody is to look at the devices. At first always: nobody knows what happened before.
    /// </summary>
    public bool IsLookWanted
    {
        get
        {
            // What cannot be protected is looked at again and again: it may be taken out.
            lock (_lock) return _isLookWanted || _refusal.Length > 0;
        }
    }

    /// <summary>Why no epoch may be cut, for people; empty when one may.</summary>
    public string WhyNoEpoch
    {
        get
        {
            lock (_lock)
            {
                if (_refusal.Length > 0) return _refusal;
                return _isLookWanted ? "the VM's devices have changed; they are being looked at" : "";
            }
        }
    }

    /// <summary>Something may have changed.</summary>
    public void Ask()
    {
        lock (_lock) (_isLookWanted, _asked) = (true, _asked + 1);
    }

    /// <summary>A device has gone: what has its id from now on is another one.</summary>
    public void NoteDeleted(string id)
    {
        lock (_lock)
        {
            if (_deleted.Count < DeletedMax) _deleted.Add(id);
            (_isLookWanted, _asked) = (true, _asked + 1);
        }
    }

    /// <summary>Compares with what was found by the last look; a difference asks for another one.</summary>
    public void Compare(DeviceList now)
    {
        lock (_lock)
        {
            if (!_isLookWanted && !now.Equals(_known)) (_isLookWanted, _asked) = (true, _asked + 1);
        }
    }

    /// <summary>A look begins.</summary>
    /// <returns>Which it is, for <see cref="EndLook"/>, and the devices that have gone since the last one.</returns>
    public (long Look, IReadOnlyCollection<string> Deleted) BeginLook()
    {
        lock (_lock) return (_asked, [.. _deleted]);
    }

    /// <summary>
    /// A look has ended: the definition is right, or <paramref name="refusal"/> says why it cannot be.
    /// </summary>
    public void EndLook(long look, DeviceList? found, string refusal)
    {
        lock (_lock)
        {
            _refusal = refusal;
            if (found is null) return;
            _known = found;
            if (look != _asked) return;
            _isLookWanted = false;
            if (refusal.Length == 0) _deleted.Clear();
        }
    }
}
