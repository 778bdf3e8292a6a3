using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Linux;
using Umbra.Linux.Files;

namespace Umbra.Agent.Examining;

/// <summary>
/// Makes the examinations that the controller asks for, each once, when the VM has gone from here, and has their
/// results told until they are asked for no more. They are kept on disk, so that the next agent tells them and makes
/// none again. Thread-safe.
/// </summary>
internal sealed class Examiner : IAsyncDisposable
{
    /// <summary>Largest file of results that is read, bytes.</summary>
    public const int FileBytesMax = 256 * Sizes.KiB;

    private readonly ExaminedHost _host;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Dictionary<string, Run> _runs = new(StringComparer.Ordinal);
    private readonly Task _loop;
    private volatile IReadOnlyList<ExaminationRequest> _asked = [];
    private volatile IReadOnlyList<Examination> _results;

    /// <summary>Takes up what an earlier agent found.</summary>
    public Examiner(ExaminedHost host)
    {
        _host = host;
        _results = Read();
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>What the next heartbeat tells.</summary>
    public IReadOnlyList<Examination> Results => _results;

    /// <summary>The controller's newest word: all that it wants. Returns at once.</summary>
    public void Asked(IReadOnlyList<ExaminationRequest> requests)
    {
        _asked =
        [
            .. requests.Where(static one =>
                    one is { Id.Length: > 0 and <= ExaminationRequest.IdLengthMax } && one.Place.IsWithinLimits())
                .DistinctBy(static one => one.Id).Take(ExaminationRequest.AtOnceMax),
        ];
        // Also when nothing new is asked: the VM may have gone meanwhile.
        Wake();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        foreach (Run run in _runs.Values)
        {
            await run.Stop.CancelAsync();
            await ((Task)run.Work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Wake()
    {
        if (_wake.CurrentCount == 0) _wake.Release();
    }

    private async Task LoopAsync()
    {
        try
        {
            // Results that nobody asks for any more are let go of by the first word of the controller, not before it.
            while (true)
            {
                await _wake.WaitAsync(_stop.Token);
                Reconcile(_asked);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The agent stops.
        }
        catch (Exception e)
        {
            // Not one of the failures that an examination may have: a bug. Guests outlive the agent.
            Environment.FailFast("the examiner ended", e);
        }
    }

    private void Reconcile(IReadOnlyList<ExaminationRequest> asked)
    {
        var wanted = asked.Select(static one => one.Id).ToHashSet(StringComparer.Ordinal);
        foreach ((string id, Run run) in _runs.Where(one => !wanted.Contains(one.Key)).ToList())
        {
            run.Stop.Cancel();
            _runs.Remove(id);
        }

        List<Run> ended = [.. _runs.Values.Where(static run => run.Work.IsCompleted)];
        foreach (Run run in ended) _runs.Remove(run.Id);
        IReadOnlyList<Examination> results =
        [
            .. _results.Where(one => wanted.Contains(one.Id)),
            .. ended.Select(static run => run.Work.GetAwaiter().GetResult()),
        ];
        if (ended.Count > 0 || results.Count != _results.Count) Keep(results);
        foreach (ExaminationRequest request in asked)
        {
            bool isKnown = _runs.ContainsKey(request.Id) || results.Any(one => one.Id == request.Id);
            if (!isKnown && _host.IsGone(request.Vm)) Begin(request);
        }

        if (ended.Count > 0) _host.Changed();
    }

    private void Begin(ExaminationRequest request)
    {
        var stop = new CancellationTokenSource();
        var run = new Run(request.Id, Task.Run(() => ExaminationRun.MakeAsync(_host, request, stop.Token)), stop);
        _runs.Add(request.Id, run);
        _ = run.Work.ContinueWith(_ => Wake(), TaskScheduler.Default);
    }

    // Told first, as the disk may be what is sick; an agent that ends between the two makes it once more.
    private void Keep(IReadOnlyList<Examination> results)
    {
        _results = results;
        SystemError? error = results.Count == 0
            ? DurableFile.Delete(_host.Paths.Examinations)
            : DurableFile.Replace(_host.Paths.Examinations, FleetJson.Serialize(results));
        if (error is not null) _host.Complain($"results of examinations are not kept: {error.Message}");
    }

    private IReadOnlyList<Examination> Read()
    {
        Outcome<byte[]?> file = DurableFile.Read(_host.Paths.Examinations, FileBytesMax);
        string error = file.Error?.Message ?? "";
        var kept = file.Value is { } bytes
            ? FleetJson.TryDeserialize<IReadOnlyList<Examination>>(bytes, out error)
            : null;
        if (error.Length > 0) _host.Complain($"results of examinations are not read, and made again: {error}");
        return [.. (kept ?? []).Where(static one => one is not null).Take(ExaminationRequest.AtOnceMax)];
    }

    private sealed record Run(string Id, Task<Examination> Work, CancellationTokenSource Stop);
}
