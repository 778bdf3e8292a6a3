using System.Diagnostics;
using Umbra.Agent.Links;
using Umbra.Core.Basics;
using Umbra.Core.Protocol;
using Umbra.Linux.Native;

namespace Umbra.Bench.Link;

/// <summary>
/// Both ends of the pair's protocol as agents have them: one thread writes frames or takes them, each connection has a
/// thread that sends and one that reads. Batches go to the connections by turns, to whichever has room.
/// </summary>
internal sealed class PairEnd : IDisposable
{
    private const int PayloadBytes = 256 * Sizes.KiB;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Mailbox _mailbox = new();
    private readonly PairConnection[] _connections;

    public PairEnd(IEnumerable<Stream> streams, HostId peer)
    {
        var codec = new PairCodec(new XxHash3());
        _connections = [.. streams.Select(stream => new PairConnection(stream, peer, codec, _mailbox))];
        foreach (PairConnection connection in _connections) connection.Start();
    }

    public void Dispose()
    {
        foreach (PairConnection connection in _connections) connection.Dispose();
        _mailbox.Dispose();
    }

    /// <summary>Sends batches for <paramref name="time"/>, then waits until all have arrived; their bytes.</summary>
    public long Send(TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        byte[] payload = new byte[PayloadBytes];
        new Random(1).NextBytes(payload);
        var epoch = new EpochNumber(1);
        uint batches = 0;
        for (int next = 0; Stopwatch.GetElapsedTime(start) < time; next++)
        {
            if (_connections.FirstOrDefault(one => one.HasRoom) is null)
            {
                Take();
                continue;
            }

            PairConnection connection = _connections[next % _connections.Length];
            if (connection.HasRoom) connection.Send(new PageBatch(epoch, batches++, payload));
        }

        foreach (PairConnection connection in _connections) connection.Send(new EpochEnd(epoch, batches, 0, false));
        for (int acknowledged = 0; acknowledged < _connections.Length;)
        {
            if (Take() is EpochAck) acknowledged++;
        }

        return (long)batches * PayloadBytes;
    }

    /// <summary>Takes all batches; their bytes.</summary>
    public long Receive()
    {
        long bytes = 0;
        for (int ended = 0; ended < _connections.Length;)
        {
            switch (Take(batch => bytes += batch.Payload.Length))
            {
                case EpochEnd:
                    ended++;
                    break;
                case null or PageBatch:
                    break;
                case var other:
                    throw new InvalidDataException($"unexpected {other.GetType().Name}");
            }
        }

        // The source ends the connections once it has heard of all of them.
        for (int closed = 0; closed < _connections.Length;)
        {
            if (_mailbox.Take(Patience) is ConnectionClosed) closed++;
        }

        return bytes;
    }

    /// <summary>The next message, which an end of an epoch is answered; null where it was no message.</summary>
    private PairMessage? Take(Action<PageBatch>? onBatch = null)
    {
        object? item = _mailbox.Take(Patience);
        if (item is ConnectionClosed closed) throw new IOException(closed.Reason);
        if (item is null) throw new TimeoutException("the other end is silent");
        if (item is not ReceivedFrame frame) return null;
        using (frame)
        {
            FrameOutcome outcome = frame.Decode();
            Invariant.Holds(outcome.Message is not null, "frames arrive as they were sent");
            if (outcome.Message is PageBatch batch) onBatch?.Invoke(batch);
            if (outcome.Message is EpochEnd end)
            {
                frame.Connection.Send(new EpochAck(end.Epoch, end.Digest));
                frame.Connection.Drain(Patience);
            }

            return outcome.Message;
        }
    }
}
