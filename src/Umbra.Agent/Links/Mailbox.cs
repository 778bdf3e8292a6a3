using System.Collections.Concurrent;

namespace Umbra.Agent.Links;

/// <summary>
/// What a session's thread waits on: frames, closed connections, and work that other threads hand to it. Frames are
/// bounded by their connections, work by the few things that happen to a VM at a time.
/// </summary>
public sealed class Mailbox : IDisposable
{
    private readonly ConcurrentQueue<object> _items = new();
    private readonly SemaphoreSlim _count = new(0);
    private volatile bool _closed;

    /// <summary>Hands in an item; after <see cref="Dispose"/> it is dropped.</summary>
    public void Post(object item)
    {
        if (_closed)
        {
            (item as IDisposable)?.Dispose();
            return;
        }

        _items.Enqueue(item);
        _count.Release();
    }

    /// <summary>Runs <paramref name="work"/> on the session's thread.</summary>
    public void Post(Action work) => Post((object)work);

    /// <summary>The next item, waiting for it at most <paramref name="wait"/>; null when there was none.</summary>
    public object? Take(TimeSpan wait)
    {
        if (wait < TimeSpan.Zero) wait = TimeSpan.Zero;
        if (!_count.Wait(wait)) return null;
        return _items.TryDequeue(out object? item) ? item : null;
    }

    /// <summary>Takes no more, and gives back what is there.</summary>
    public void Dispose()
    {
        _closed = true;
        while (_items.TryDequeue(out object? item)) (item as IDisposable)?.Dispose();
    }
}
