using Umbra.Agent.Shadows;
using Umbra.Agent.State;
using Umbra.Core.Basics;
using Umbra.Core.Deltas;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Linux.Native;

namespace Umbra.Bench.Micro;

/// <summary>
/// The shadow's side of an epoch, with the agent's own store: RAM and staged pages on tmpfs, metadata on disk. Each
/// epoch is made before its time is taken.
/// </summary>
internal sealed class ShadowCases : IPairLink, IDisposable
{
    private const int EpochPages = 2000;
    private const int DeviceStateBytes = 128 * Sizes.KiB;

    private readonly string _directory = $"/var/tmp/umbra-bench-{Environment.ProcessId}";
    private readonly string _memory = $"/dev/shm/umbra-bench-{Environment.ProcessId}";
    private readonly byte[] _state = new byte[DeviceStateBytes];
    private readonly List<PairMessage> _messages = [];
    private readonly ShadowMedia _media;
    private readonly ShadowStore _store;
    private readonly SampleSource _source;
    private long _wire;
    private bool _isStaged;

    public ShadowCases()
    {
        new Random(3).NextBytes(_state);
        var sample = new PageSample(EpochPages, changedOnly: false);
        var paths = new VmPaths(new VmId("bench"), _directory, _memory);
        paths.Create();
        var codecs = new BatchCodecs(new Lz4Compressor(), new ZstdCompressor(), new BatchHistory(new ZstdStream()));
        _media = new ShadowMedia(paths, "bench");
        _store = new ShadowStore(_media, new XxHash3(), codecs, knownGood: 1);
        Require(_store.Recover());
        Require(_store.Promise(new Generation(1)));
        Require(_store.Prepare(sample.Pages, []));
        _source = new SampleSource(sample, this);
        Make();
        Stage();
        Commit();
    }

    public IEnumerable<MicroCase> All()
    {
        yield return new MicroCase("shadow-stage", _source.Bytes, Stage, "decoded, checked, staged: 2,000 pages")
        {
            Prepare = MakeNext,
        };
        yield return new MicroCase("shadow-commit", _source.Bytes, Commit, "verified, undo log, applied, in force")
        {
            Prepare = StageNext,
        };
    }

    bool IPairLink.HasRoom => true;

    void IPairLink.Send(PairMessage message) => _messages.Add(
        message is PageBatch batch ? batch with { Payload = batch.Payload.ToArray() } : message);

    public void Dispose()
    {
        _media.Dispose();
        Directory.Delete(_directory, recursive: true);
        Directory.Delete(_memory, recursive: true);
    }

    // Each case alone, or by turns.
    private void MakeNext()
    {
        if (_isStaged) Commit();
        Make();
    }

    private void StageNext()
    {
        if (_isStaged) return;
        Make();
        Stage();
    }

    private void Make()
    {
        _messages.Clear();
        _wire = _source.SendPages();
        _source.End(_state);
    }

    private long Stage()
    {
        foreach (PairMessage message in _messages)
        {
            Require(message switch
            {
                EpochBegin begin => _store.Begin(begin),
                PageBatch batch => _store.Stage(batch),
                DeviceStatePart part => _store.Stage(part),
                ConfigurationPart part => _store.Stage(part),
                EpochEnd end => _store.End(end),
                _ => throw new NotSupportedException(message.ToString()),
            });
        }

        _isStaged = true;
        return _wire;
    }

    private long Commit()
    {
        _isStaged = false;
        bool done = false;
        while (!done) Require(_store.Verify(SessionLimits.HashesPerStep, out done));
        Require(_store.Commit());
        return 0;
    }

    private static void Require(StoreOutcome outcome) => Invariant.Holds(outcome.Accepted, outcome.Detail);

    private static void Require(CallOutcome outcome) => Invariant.Holds(outcome.Succeeded, outcome.Detail);
}
