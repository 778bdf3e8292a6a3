using System.Diagnostics;
using Umbra.Qemu.Qmp;

namespace Umbra.Bench.Guests;

/// <summary>
/// The least pause that any epoch of a VM can have: QMP <c>stop</c>, device state to a file in memory, <c>cont</c>,
/// with nothing else connected to the VM. The commands and the way of calling them are those of the product.
/// </summary>
public static class PauseFloor
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_gap = TimeSpan.FromMilliseconds(100);

    /// <summary>Pauses of <paramref name="rounds"/> rounds by phase, milliseconds.</summary>
    /// <param name="monitor">A QMP socket that nobody uses.</param>
    /// <param name="scratchFile">A file on tmpfs.</param>
    /// <param name="rounds">How many; the first few are not counted.</param>
    public static async Task<FloorFigures> MeasureAsync(string monitor, string scratchFile, int rounds)
    {
        const int warmUp = 5;
        using QmpSession session = Value(await QmpSession.ConnectAsync(monitor, s_deadline));
        QmpCommand<QmpNothing> save = QmpCommands.XenSaveDevicesState(scratchFile);
        var stops = new List<double>();
        var saves = new List<double>();
        var conts = new List<double>();
        var asked = new List<double>();
        using var timer = new PeriodicTimer(s_gap);
        for (int round = -warmUp; round < rounds; round++)
        {
            await timer.WaitForNextTickAsync();
            double stop = Timed(session, QmpCommands.Stop);
            double saved = Timed(session, save);
            double cont = Timed(session, QmpCommands.Cont);
            if (round < 0) continue;
            stops.Add(stop);
            saves.Add(saved);
            conts.Add(cont);
        }

        for (int round = 0; round < rounds; round++)
        {
            await timer.WaitForNextTickAsync();
            Timed(session, QmpCommands.Stop);
            asked.Add(Timed(session, QmpCommands.QueryBlockJobs));
            Timed(session, QmpCommands.Cont);
        }

        File.Delete(scratchFile);
        Statistics all = Statistics.Of(stops.Zip(saves, conts).Select(r => r.First + r.Second + r.Third))!;
        return new FloorFigures(all, stops.Average(), saves.Average(), conts.Average(), asked.Average());
    }

    private static double Timed<T>(QmpSession session, QmpCommand<T> command)
    {
        long start = Stopwatch.GetTimestamp();
        Value(session.Execute(command, s_deadline));
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static T Value<T>(QmpOutcome<T> outcome) =>
        outcome.IsOk ? outcome.Value! : throw new IOException(outcome.Description);
}

/// <summary>The floor: whole pauses, and means of the phases, milliseconds.</summary>
/// <param name="Pause">Whole pauses.</param>
/// <param name="StopMs">Stop.</param>
/// <param name="SaveMs">Device state.</param>
/// <param name="ContMs">Cont.</param>
/// <param name="AskMs">
/// No part of it: one question about the disks' mirrors (<c>query-block-jobs</c>) while the guest stands still, which
/// the first epoch of each run of the mirrors asks beside its device state, and a swap's last one after it.
/// </param>
public sealed record FloorFigures(Statistics Pause, double StopMs, double SaveMs, double ContMs, double AskMs);
