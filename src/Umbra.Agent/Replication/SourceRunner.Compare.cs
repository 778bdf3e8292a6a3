using Umbra.Agent.Links;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Umbra.Core.Protocol;
using Umbra.Linux.Machine;

namespace Umbra.Agent.Replication;

/// <summary>
/// A full comparison: captured in an epoch's pause, and asked of the shadow while that epoch is its newest.
/// </summary>
internal sealed partial class SourceRunner
{
    private FullCompare? _compare;
    private TimeSpan _compareUntil;
    private TimeSpan _capturedAt;

    private void BeginCompare(string action, TimeSpan now)
    {
        if (_vm.ComparedDisks() is not { } disks)
        {
            RefuseCompare(action, "a disk's image is not raw: it cannot be read from outside QEMU");
            return;
        }

        if (_compare is not null || !CompareLimits.Fits(_guest!.PageCount * Sizes.Page, disks))
        {
            RefuseCompare(action, _compare is not null
                ? "another comparison is under way"
                : $"its hashes would take more than {CompareLimits.HashBytesMax / Sizes.MiB} MiB");
            return;
        }

        var compare = _guest!.NewCompare(action, disks);
        _compare = compare;
        _guest.BeforeResume = () => Capture(compare);
        _session!.RequestSync(action, now);
    }

    private void RefuseCompare(string action, string why)
    {
        _results.Add(new VmActionResult { Id = action, Succeeded = false, Detail = why });
        _changed();
    }

    // Within the session's own barrier, so that it cannot be ticked: but both witnesses go on hearing of it.
    private void Capture(FullCompare compare)
    {
        _guest!.BeforeResume = null;
        _capturedAt = _steppedAt;
        TimeSpan until = BootClock.Now + CompareLimits.PauseMax;
        compare.BeginCapture(_guest.SavedStateHash, _services.Hash.Hash(_guest.Configuration.Span));
        while (compare.CaptureSome())
        {
            TimeSpan now = BootClock.Now;
            if (now >= until)
            {
                compare.AbandonCapture(
                    $"the guest would stand still for more than {CompareLimits.PauseMax.TotalSeconds:0} s");
                break;
            }

            KeepAlive(now);
        }

        if (!compare.IsCaptured) _mailbox.Post(() => EndCompare(compare.Trouble));
    }

    private void KeepAlive(TimeSpan now)
    {
        _session!.KeepAlive(now);
        while (_mailbox.Take(TimeSpan.Zero) is { } item)
        {
            bool isWitness = item is ControllerWord || (item is ReceivedFrame frame && frame.Connection == _connection
                && frame.Type == PairMessageType.HeartbeatEcho);
            if (isWitness) Handle(item);
            else _later.Enqueue(item);
        }
    }

    private void OnCompared(FullCompare compare, HashReply reply)
    {
        if (compare.Take(reply) is { } request)
        {
            _connection!.Send(request);
            return;
        }

        _compare = null;
        _session!.IsHeldBack = false;
        _results.Add(compare.Result());
        _changed();
    }

    private void EndCompare(string why)
    {
        if (_compare is not { } compare) return;
        _compare = null;
        _session!.IsHeldBack = false;
        _guest!.BeforeResume = null;
        _results.Add(compare.Failed(why));
        _changed();
    }

    // What was captured is of the epoch that was cut in that very step, and of no other.
    private void CompareAcknowledged(EpochReport report)
    {
        if (_compare is not { IsCaptured: true, IsAsking: false } compare) return;
        if (report.CutAt != _capturedAt)
        {
            EndCompare("the epoch that was to be compared came to nothing");
            return;
        }

        _session!.IsHeldBack = true;
        _compareUntil = BootClock.Now + CompareLimits.AskingMax;
        if (compare.Begin(report.Epoch) is { } request) _connection?.Send(request);
    }
}
