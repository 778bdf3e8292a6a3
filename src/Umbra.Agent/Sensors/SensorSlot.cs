using System.Net.NetworkInformation;
using System.Net.Sockets;
using Umbra.Core.Sensors;

namespace Umbra.Agent.Sensors;

/// <summary>
/// One sensor with its deadline: always an answer for each of its KPIs, in time. A sensor that hangs is left to hang,
/// is unknown meanwhile, and is not asked again before it comes back.
/// </summary>
internal sealed class SensorSlot(ISensor sensor, TimeSpan deadline, TimeProvider time)
{
    private Task<IReadOnlyList<KpiSample>>? _running;
    private long _startedAt;

    /// <summary>A sample for each KPI.</summary>
    public async Task<IReadOnlyList<KpiSample>> ReadAsync(TimeSpan now, CancellationToken stop)
    {
        if (_running is { IsCompleted: false })
            return Unknown($"its sensor hangs for {time.GetElapsedTime(_startedAt).TotalSeconds:0.0} s");
        _startedAt = time.GetTimestamp();
        try
        {
            // On a thread of its own: reading a file or a lock may block.
            _running = Task.Run(() => sensor.ReadAsync(now), CancellationToken.None);
            return Complete(await _running.WaitAsync(deadline, time, stop));
        }
        catch (TimeoutException)
        {
            return Unknown($"its sensor gave no answer within {deadline.TotalMilliseconds:0} ms");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException
            or InvalidOperationException or NetworkInformationException)
        {
            return Unknown("its sensor failed: " + e.Message);
        }
    }

    private KpiSample[] Complete(IReadOnlyList<KpiSample> samples)
    {
        TimeSpan took = time.GetElapsedTime(_startedAt);
        return
        [
            .. sensor.Kpis.Select(kpi => (samples.FirstOrDefault(s => s.Kpi == kpi)
                ?? KpiSample.Unknown(kpi, "its sensor said nothing of it")) with { Took = took }),
        ];
    }

    private IReadOnlyList<KpiSample> Unknown(string reason) =>
        Complete([.. sensor.Kpis.Select(kpi => KpiSample.Unknown(kpi, reason))]);
}
