using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Simulation;

/// <summary>
/// One stream between two agents: bytes arrive in order, late, or (from some moment on) not at all, in each direction
/// by itself. What is under way when it ends may still arrive. On a few connections the stream itself is broken as no
/// TLS stream can be: frames come twice, or overtake others.
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
        public bool Lost;
        public int BytesUnderWay;
        public TimeSpan LastArrival;
        public readonly Queue<byte[]> Arrived = new();
    }

    public SimHost Source => sourceHost;

    public SimHost Shadow => shadowHost;

    public bool Dead => _closed;

    /// <summary>Whether frames may come twice or in another order.</summary>
    public bool Disorderly { get; } = world.Faulty && world.Random.OneIn(6);

    public IPairLink EndAt(SimHost host) => new End(this, host);

    /// <summary>From now on nothing arrives in the direction away from <paramref name="host"/>.</summary>
    public void StallFrom(SimHost host) => From(host).Stalled = true;

    /// <summary>The connection ends; each side hears of it in its own time.</summary>
    public void Cut()
    {
        if (_closed) return;
        _closed = true;
        _toShadow.Lost = world.Random.OneIn(2);
        _toSource.Lost = world.Random.OneIn(2);
        world.Trace($"connection {sourceHost.Name}->{shadowHost.Name} is cut");
        foreach (SimHost host in (SimHost[])[sourceHost, shadowHost])
            world.In(world.Random.Between(0, 400), () => host.Agent?.LinkLost(this));
    }

    /// <summary>Gives the agent on <paramref name="host"/> what has arrived, as far as it wants it.</summary>
    public void Deliver(SimHost host)
    {
        Queue<byte[]> arrived = (host == shadowHost ? _toShadow : _toSource).Arrived;
        while (arrived.Count > 0 && host.Agent is { TakesFrames: true } agent)
        {
            FrameOutcome outcome = s_codec.Decode(arrived.Dequeue());
            if (outcome.Message is null)
                throw new SimFailureException("a message did not survive its encoding: " + outcome.Error);
            agent.Receive(this, outcome.Message);
        }
    }

    private Direction From(SimHost host) => host == sourceHost ? _toShadow : _toSource;

    private void Send(SimHost from, PairMessage message)
    {
        Direction direction = From(from);
        if (_closed || direction.Stalled) return;
        int room = PairCodec.EncodedBytesMax(message);
        if (t_scratch is null || t_scratch.Length < room) t_scratch = new byte[room];
        byte[] frame = t_scratch[..s_codec.Encode(message, t_scratch)];
        TimeSpan arrival = world.Now + world.Random.Between(0.3, 1.5) + TimeSpan.FromTicks(frame.Length / 20);
        bool disorder = Disorderly && world.Faulty && SimWorld.MayBeDisordered(message);
        if (disorder && world.Random.OneIn(40))
        {
            // Later ones overtake it.
            Carry(from, direction, frame, arrival + world.Random.Between(0, 30));
            return;
        }

        if (arrival < direction.LastArrival) arrival = direction.LastArrival;
        direction.LastArrival = arrival;
        Carry(from, direction, frame, arrival);
        if (disorder && world.Random.OneIn(20)) Carry(from, direction, frame, arrival + world.Random.Between(0, 300));
    }

    private void Carry(SimHost from, Direction direction, byte[] frame, TimeSpan arrival)
    {
        direction.BytesUnderWay += frame.Length;
        SimHost to = from == sourceHost ? shadowHost : sourceHost;
        world.At(arrival, () =>
        {
            direction.BytesUnderWay -= frame.Length;
            if (direction.Stalled || direction.Lost) return;
            direction.Arrived.Enqueue(frame);
            Deliver(to);
            from.Agent?.Wake();
        });
    }

    private sealed class End(SimConnection connection, SimHost host) : IPairLink
    {
        public bool HasRoom => connection.From(host).BytesUnderWay < RoomBytes;

        public void Send(PairMessage message)
        {
            host.Agent?.MayCrash("Send");
            connection.Send(host, message);
        }
    }
}
