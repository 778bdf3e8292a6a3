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

        File.Delete(scratchFile);
        Statistics all = Statistics.Of(stops.Zip(saves, conts).Select(r => r.First + r.Second + r.Third))!;
        return new FloorFigures(all, stops.Average(), saves.Average(), conts.Average());
    }

    private static double Timed(QmpSession session, QmpCommand<QmpNothing> command)
    {
        long start = Stopwatch.GetTimestamp();
        Value(session.Execute(command, s_deadline));
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static T Value<T>(QmpOutcome<T> outcome) =>
        outcome.IsOk ? outcome.Value! : throw new IOException(outcome.Description);
}

/// <summary>The floor: whole pauses, and means of the phases, milliseconds.</summary>
public sealed record FloorFigures(Statistics Pause, double StopMs, double SaveMs, double ContMs);
