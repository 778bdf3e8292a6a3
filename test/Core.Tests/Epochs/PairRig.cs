using System.Buffers;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Core.Swap;
using Umbra.Testing;
using Umbra.Testing.Replication;
using Xunit;

namespace Umbra.Core.Tests.Epochs;

/// <summary>
/// A source and a shadow session joined by queues in one thread, with a clock that the test moves: the real sessions
/// and store over model guest and media.
/// </summary>
internal sealed class PairRig
{
    public const int Pages = 600;

    public static readonly VmId Vm = new("vm");

    private readonly Queue<Action> _messages = new();
    private readonly PairCodec _codec = new(TestContentHash.Instance);
    private long _cuts;
    private int _sessions;
    private int _link;

    public PairRig(ProtectionPolicy? policy = null, long diskLogBytes = Sizes.MiB)
    {
        Policy = policy ?? new ProtectionPolicy { Interval = TimeSpan.FromMilliseconds(100) };
        Disks = new SortedDictionary<string, ModelDisk>(StringComparer.Ordinal)
        {
            ["disk0"] = new ModelDisk(3 * Sizes.Block), ["disk1"] = new ModelDisk(8192),
        };
        Guest = new ModelGuest(new byte[Pages * Sizes.Page], Disks, diskLogBytes, Policy.DiskMode)
        {
            NextCut = () => _cuts++,
            Configuration = ModelGuest.ConfigurationOf(1, Disks.Keys),
        };
        Guest.Snapshot = snapshot => Snapshots[snapshot.Cut] = snapshot;
        Source = NewSource();
        Shadow = NewShadow();
    }

    public ProtectionPolicy Policy { get; }

    public ModelGuest Guest { get; }

    public SortedDictionary<string, ModelDisk> Disks { get; }

    public ModelMedia Media { get; set; } = new();

    public Dictionary<long, ModelSnapshot> Snapshots { get; } = [];

    public SourceSession Source { get; private set; }

    public ShadowSession Shadow { get; private set; }

    public SourceSink SourceSaid { get; private set; } = new();

    public ShadowSink ShadowSaid { get; private set; } = new();

    public List<PairMessage> ToShadow { get; } = [];

    public List<PairMessage> ToSource { get; } = [];

    /// <summary>Drops messages on their way; true: it is lost, and all after it on this connection.</summary>
    public Func<PairMessage, bool> Loses { get; set; } = _ => false;

    /// <summary>Changes what a message to the shadow arrives as: nothing, another one, or several.</summary>
    public Func<PairMessage, PairMessage[]> Alters { get; set; } = message => [message];

    public TimeSpan Now { get; set; } = TimeSpan.FromSeconds(100);

    /// <summary>What the emulator copies of the disks in a millisecond.</summary>
    public int CopyBytes { get; init; } = Sizes.Block;

    public SourceSession NewSource(HeldMark? held = null, Generation? generation = null, TimeSpan? leaseCarried = null)
    {
        SourceSaid = new SourceSink();
        return Source = new SourceSession(
            new SourceOptions
            {
                Vm = Vm, Host = new HostId("a"), Generation = generation ?? new Generation(1),
                Session = (ulong)++_sessions, Policy = Policy, Hash = TestContentHash.Instance, Held = held,
                LeaseCarriedUntil = leaseCarried, Codecs = NewCodecs(), Compression = BatchCompression.Stream,
            },
            Guest, SourceSaid, Now);
    }

    // Every batch against those before it: a session that forgets to begin anew, or one time too many, is found out.
    private static BatchCodecs NewCodecs() => new(null, null, new BatchHistory(new RememberingCompressor()));

    public ShadowSession NewShadow()
    {
        ShadowStore store = new(Media, TestContentHash.Instance, NewCodecs(), 2);
        Assert.Equal(CallOutcome.Done, store.Recover());
        ShadowSaid = new ShadowSink();
        Shadow = new ShadowSession(
            new ShadowOptions { Vm = Vm, Host = new HostId("b"), Session = 99, Hash = TestContentHash.Instance },
            store, ShadowSaid, Now);
        ShadowSaid.Session = Shadow;
        return Shadow;
    }

    public void Connect()
    {
        int link = ++_link;
        _messages.Clear();
        Shadow.LinkUp(new Link(this, link, toShadow: false), Now);
        Source.LinkUp(new Link(this, link, toShadow: true), Now);
    }

    public void Disconnect()
    {
        _link++;
        _messages.Clear();
        Source.LinkDown("cut by the test", Now);
        Shadow.LinkDown();
    }

    /// <summary>Lets everything happen for this long.</summary>
    public void Run(TimeSpan time, Action? between = null)
    {
        for (TimeSpan end = Now + time; Now < end; Now += TimeSpan.FromMilliseconds(1))
        {
            between?.Invoke();
            Settle();
        }
    }

    /// <summary>Runs until <paramref name="done"/>, for ten seconds of the rig's clock at most.</summary>
    public void RunUntil(Func<bool> done)
    {
        TimeSpan end = Now + TimeSpan.FromSeconds(10);
        while (!done())
        {
            Assert.True(Now < end, "it does not happen: " + Source.Status(Now).Reason);
            Settle();
            Now += TimeSpan.FromMilliseconds(1);
        }
    }

    /// <summary>A seeded pair whose guest runs under a lease that a witness has confirmed.</summary>
    public static PairRig Leased(TimeSpan lease)
    {
        PairRig rig = new(new ProtectionPolicy
        {
            Interval = TimeSpan.FromMilliseconds(100), Takeover = TakeoverMode.Automatic, Lease = lease,
        });
        rig.Source.ControllerConfirmed(rig.Now);
        rig.Seed();
        rig.Run(TimeSpan.FromMilliseconds(300));
        Assert.True(rig.Guest.Running);
        return rig;
    }

    /// <summary>
    /// Lets time pass within a call of the guest's: the source's shell does no more than show that it lives.
    /// </summary>
    public void PassInCall(TimeSpan time, bool keepsAlive)
    {
        for (TimeSpan end = Now + time; Now < end; Now += TimeSpan.FromMilliseconds(50))
        {
            if (keepsAlive) Source.KeepAlive(Now);
            while (keepsAlive && _messages.Count > 0 && Shadow.WantsInput) _messages.Dequeue()();
            Shadow.Tick(Now);
        }
    }

    /// <summary>Connects and runs until the first epoch of this source is acknowledged.</summary>
    public void Seed()
    {
        Connect();
        RunUntil(() => SourceSaid.Epochs.Count > 0);
    }

    /// <summary>Cuts an epoch and runs until the shadow has it.</summary>
    public void Sync()
    {
        string id = "sync-" + Now.Ticks;
        Source.RequestSync(id, Now);
        RunUntil(() => SourceSaid.Results.ContainsKey(id));
    }

    /// <summary>Bytes of disk blocks on their way to the shadow, or arrived there.</summary>
    public long SentBlockBytes => ToShadow.OfType<BlockBatch>().Sum(static batch => (long)batch.Payload.Length);

    /// <summary>The guest writes its first disk from the beginning on.</summary>
    public void FillDisk(int bytes, byte value)
    {
        byte[] data = new byte[Sizes.Page];
        for (int at = 0; at < bytes; at += data.Length)
        {
            // No two blocks alike, and none that shrinks.
            new Random((value * 1000) + at).NextBytes(data);
            Guest.ModelDisks.Write(0, at, data);
        }
    }

    /// <summary>The guest writes some sectors of its first disk and clears one of its second.</summary>
    public void ScatterDisks(int seed)
    {
        var random = new Random(seed);
        byte[] data = new byte[512 * random.Next(1, 30)];
        random.NextBytes(data);
        Guest.ModelDisks.Write(0, 512 * random.Next(((3 * Sizes.Block) - data.Length) / 512), data);
        Guest.ModelDisks.Zero(1, 512 * random.Next(16), 512);
    }

    public void AssertShadowIsACut()
    {
        ArrayBufferWriter<byte> state = new();
        Assert.Equal(CallOutcome.Done, Shadow.Store.ReadDeviceState(Shadow.Store.Committed, state));
        ModelSnapshot snapshot = Snapshots[ModelGuest.ReadDeviceState(state.WrittenSpan).Cut];
        Assert.True(Media.Memory.AsSpan().SequenceEqual(snapshot.Memory), "RAM is that of the cut");
        foreach ((string id, byte[] content) in snapshot.Disks)
            Assert.True(Media.Disks[id].Content.AsSpan().SequenceEqual(content), id + " is that of the cut");
        ArrayBufferWriter<byte> configuration = new();
        Assert.Equal(CallOutcome.Done, Shadow.Store.ReadConfiguration(Shadow.Store.Committed, configuration));
        Assert.Equal(snapshot.Configuration, configuration.WrittenSpan.ToArray());
    }

    private void Settle()
    {
        Guest.ModelDisks.CopyStep(CopyBytes);
        for (int step = 0; step < 50; step++)
        {
            TimeSpan next = Source.Tick(Now);
            while (_messages.Count > 0 && Shadow.WantsInput) _messages.Dequeue()();
            TimeSpan shadowNext = Shadow.Tick(Now);
            ShadowSaid.Answer(Now);
            if (next > Now && shadowNext > Now && (_messages.Count == 0 || !Shadow.WantsInput)) return;
        }
    }

    private sealed class Link(PairRig rig, int number, bool toShadow) : IPairLink
    {
        private bool _lost;

        public bool HasRoom => true;

        public void Send(PairMessage message)
        {
            if (number != rig._link) return;
            byte[] frame = new byte[PairCodec.EncodedBytesMax(message)];
            int length = rig._codec.Encode(message, frame);
            PairMessage copy = rig._codec.Decode(frame.AsMemory(0, length)).Message!;
            (toShadow ? rig.ToShadow : rig.ToSource).Add(copy);
            _lost = _lost || rig.Loses(copy);
            if (_lost) return;
            rig._messages.Enqueue(() =>
            {
                if (number != rig._link) return;
                if (!toShadow) rig.Source.On(copy, rig.Now);
                foreach (PairMessage arrived in toShadow ? rig.Alters(copy) : []) rig.Shadow.On(arrived, rig.Now);
            });
        }
    }
}

/// <summary>Remembers what a source session asked for.</summary>
internal sealed class SourceSink : ISourceEffects
{
    public List<string> Closed { get; } = [];

    public List<FenceClaim> Claims { get; } = [];

    public List<Generation> Raised { get; } = [];

    public List<Generation> Lost { get; } = [];

    public List<EpochReport> Epochs { get; } = [];

    public Dictionary<string, VmActionResult> Results { get; } = [];

    public List<(string Kind, string Text)> Reports { get; } = [];

    public void CloseLink(string reason) => Closed.Add(reason);

    public void ClaimFence(FenceClaim claim, string cause) => Claims.Add(claim);

    public void GenerationRaised(Generation generation) => Raised.Add(generation);

    public void OwnershipLost(Generation generation, string reason) => Lost.Add(generation);

    public void EpochAcknowledged(EpochReport report) => Epochs.Add(report);

    public void ActionFinished(VmActionResult result) => Results.Add(result.Id, result);

    public void Report(string kind, string text) => Reports.Add((kind, text));
}

/// <summary>
/// Remembers what a shadow session asked for, and answers for a standby that works unless told otherwise.
/// </summary>
internal sealed class ShadowSink : IShadowEffects
{
    private readonly Queue<Action<TimeSpan>> _answers = new();
    private readonly Queue<Action<TimeSpan>> _later = new();

    public ShadowSession? Session { get; set; }

    public List<string> Configurations { get; } = [];

    public List<EpochNumber> Loaded { get; } = [];

    public List<FenceClaim> Claims { get; } = [];

    public List<Generation> Ran { get; } = [];

    public Dictionary<string, VmActionResult> Results { get; } = [];

    public List<string> Closed { get; } = [];

    public List<(string Kind, string Text)> Reports { get; } = [];

    public Func<CallOutcome> Prepares { get; set; } = () => CallOutcome.Done;

    public Func<CallOutcome> Loads { get; set; } = () => CallOutcome.Done;

    /// <summary>Whether everything that was asked for goes on and on.</summary>
    public bool HoldsAnswers { get; set; }

    /// <summary>How long a load takes.</summary>
    public TimeSpan TakesLoad { get; set; }

    public List<FenceClaim> Rehearsed { get; } = [];

    public Func<CallOutcome> Rehearses { get; set; } = () => CallOutcome.Done;

    /// <summary>How the controller would answer a claim; null: not at all.</summary>
    public Func<FenceClaim, FenceAnswer?> Answers { get; set; } = static claim =>
        Fencing.Decide(new Ownership(claim.Expected, new HostId("a"), ""), claim);

    public Func<CallOutcome> Runs { get; set; } = () => CallOutcome.Done;

    public void CloseLink(string reason) => Closed.Add(reason);

    public void PrepareStandby(long ticket, ReadOnlyMemory<byte> configuration)
    {
        Configurations.Add(System.Text.Encoding.UTF8.GetString(configuration.Span));
        _answers.Enqueue(now => Session!.OnStandbyReady(ticket, Prepares(), now));
    }

    public void LoadDeviceState(long ticket, EpochNumber epoch, ReadOnlyMemory<byte> deviceState)
    {
        Loaded.Add(epoch);
        TimeSpan? loadedAt = null;
        void Answer(TimeSpan now)
        {
            loadedAt ??= now + TakesLoad;
            if (now < loadedAt) _later.Enqueue(Answer);
            else Session!.OnLoaded(ticket, Loads(), now);
        }

        _answers.Enqueue(Answer);
    }

    public void ClaimFence(FenceClaim claim, string cause) => Claims.Add(claim);

    public void Rehearse(string swap, FenceClaim claim, ReadOnlyMemory<byte> deviceState)
    {
        Rehearsed.Add(claim);
        _answers.Enqueue(now => Session!.OnRehearsed(swap, Rehearses(), Answers(claim), now));
    }

    public void Run(long ticket, Generation generation)
    {
        Ran.Add(generation);
        _answers.Enqueue(now => Session!.OnRunning(ticket, Runs(), now));
    }

    public void ActionFinished(VmActionResult result) => Results[result.Id] = result;

    public void Report(string kind, string text) => Reports.Add((kind, text));

    public void Answer(TimeSpan now)
    {
        if (HoldsAnswers) return;
        while (_answers.TryDequeue(out Action<TimeSpan>? answer)) answer(now);
        while (_later.TryDequeue(out Action<TimeSpan>? later)) _answers.Enqueue(later);
    }
}
