namespace Umbra.Agent.Sensors;

/// <summary>
/// Things that several VMs of a host share: made for the first that wants one, let go of with the last.
/// </summary>
/// <param name="make">Makes the thing of a key.</param>
/// <param name="countMax">Things at a time; beyond there are none.</param>
public sealed class SharedPool<T>(Func<string, T> make, int countMax)
    where T : class, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (T Thing, int Users)> _things = new(StringComparer.Ordinal);

    /// <summary>The thing of <paramref name="key"/> until the answer is disposed; null: there are too many.</summary>
    public Share? TryShare(string key)
    {
        lock (_lock)
        {
            bool known = _things.TryGetValue(key, out (T Thing, int Users) entry);
            if (!known && _things.Count >= countMax) return null;
            if (!known) entry = (make(key), 0);
            _things[key] = entry with { Users = entry.Users + 1 };
            return new Share(this, key, entry.Thing);
        }
    }

    private void Return(string key)
    {
        lock (_lock)
        {
            (T thing, int users) = _things[key];
            if (users > 1)
            {
                _things[key] = (thing, users - 1);
                return;
            }

            _things.Remove(key);
            thing.Dispose();
        }
    }

    /// <summary>One user's hold on a thing.</summary>
    public sealed class Share(SharedPool<T> pool, string key, T thing) : IDisposable
    {
        private bool _isReturned;

        /// <summary>Which one.</summary>
        public string Key => key;

        /// <summary>The thing.</summary>
        public T Thing => thing;

        /// <inheritdoc/>
        public void Dispose()
        {
            if (_isReturned) return;
            _isReturned = true;
            pool.Return(key);
        }
    }
}
