using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Simulation;

/// <summary>
/// One stream between two agents: bytes arrive in order, late, or (from some moment on) not at all, in each direction
/// by itself. What was sent on it never reaches another connection.
/// </summary>
internal sealed class SimConnection(SimWorld world, SimHost sourceHost, SimHost shadowHost)
{
    private const int RoomBytes = 64 * 1024;

    private static readonly PairCodec s_codec = new(SimHash.Instance);

    [ThreadStatic]
    private static byte[]? t_scratch;

    private readonly Direction _toShadow = new();
    private readonly Direction _toSource = new();
    private bool _closed;

    private sealed class Direction
    {
        public bool Stalled;
        public int BytesUnderWay;
        public TimeSpan LastArrival;
        public readonly Queue<byte[]> Arrived = new();
    }

    public SimHost Source => sourceHost;

    public SimHost Shadow => shadowHost;

    public bool Dead => _closed;

    public IPairLink EndAt(SimHost host) => new End(this, host);

    /// <summary>From now on nothing arrives in the direction away from <paramref name="host"/>.</summary>
    public void StallFrom(SimHost host) => (host == sourceHost ? _toShadow : _toSource).Stalled = true;

    /// <summary>The connection breaks; each end hears of it in its own time.</summary>
    public void Cut()
    {
        if (_closed) return;
        _closed = true;
        world.Trace($"connection {sourceHost.Name}->{shadowHost.Name} is cut");
        foreach (SimHost host in (SimHost[])[sourceHost, shadowHost])
            world.In(world.Random.Between(0, 400), () => host.Agent?.LinkLost(this));
    }

    /// <summary>Gives the agent on <paramref name="host"/> what has arrived, as far as it wants it.</summary>
    public void Deliver(SimHost host)
    {
        Direction direction = host == shadowHost ? _toShadow : _toSource;
        while (direction.Arrived.Count > 0 && host.Agent is { } agent && agent.Connection == this && agent.WantsInput)
        {
            byte[] frame = direction.Arrived.Dequeue();
            FrameOutcome outcome = s_codec.Decode(frame);
            if (outcome.Message is null)
                throw new SimFailureException("a message did not survive its encoding: " + outcome.Error);
            agent.Receive(this, outcome.Message);
        }
    }

    private void Send(SimHost from, PairMessage message)
    {
        Direction direction = from == sourceHost ? _toShadow : _toSource;
        if (_closed || direction.Stalled) return;
        int room = PairCodec.EncodedBytesMax(message);
        if (t_scratch is null || t_scratch.Length < room) t_scratch = new byte[room];
        int length = s_codec.Encode(message, t_scratch);
        byte[] frame = t_scratch[..length];
        direction.BytesUnderWay += length;
        TimeSpan arrival = world.Now + world.Random.Between(0.3, 1.5) + TimeSpan.FromTicks(length / 20);
        if (arrival < direction.LastArrival) arrival = direction.LastArrival;
        direction.LastArrival = arrival;
        SimHost to = from == sourceHost ? shadowHost : sourceHost;
        world.At(arrival, () =>
        {
            direction.BytesUnderWay -= length;
            if (direction.Stalled || _closed) return;
            direction.Arrived.Enqueue(frame);
            Deliver(to);
            from.Agent?.Wake();
        });
    }

    private sealed class End(SimConnection connection, SimHost host) : IPairLink
    {
        public bool HasRoom =>
            (host == connection.Source ? connection._toShadow : connection._toSource).BytesUnderWay < RoomBytes;

        public void Send(PairMessage message)
        {
            host.Agent?.MayCrash("Send");
            connection.Send(host, message);
        }
    }
}
