using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Drift;
using Umbra.Core.Sensors;

namespace Umbra.Demo;

/// <summary>Score, interval and KPIs of each second, as CSV; an empty cell is "unknown".</summary>
public sealed class DegradeTrace : IDisposable
{
    private readonly StreamWriter? _file;

    /// <summary>Writes to <paramref name="path"/>; null: nowhere.</summary>
    public DegradeTrace(string? path)
    {
        if (path is null) return;
        _file = new StreamWriter(path) { AutoFlush = true };
        IEnumerable<string> kpis = KpiNames.Compared.Select(static kpi => $"{kpi}.primary,{kpi}.shadow,{kpi}.score");
        _file.WriteLine("second,step,primary,shadow,interval_ms," + string.Join(',', kpis));
    }

    /// <summary>Adds a second.</summary>
    /// <param name="second">Since the demo began.</param>
    /// <param name="step">What is degraded.</param>
    /// <param name="vm">The VM with its KPIs.</param>
    /// <param name="decision">What is decided of it.</param>
    public void Add(double second, string step, VmView vm, DecisionView decision)
    {
        if (_file is null) return;
        List<string> cells =
        [
            Number(second), step.Replace(',', ';'), Number(decision.Primary.Suspicion.Weight),
            Number(decision.Shadow?.Suspicion.Weight), Number(decision.Interval.TotalMilliseconds),
        ];
        foreach (string kpi in KpiNames.Compared)
        {
            cells.Add(Number(Find(vm.PrimaryStatus?.Kpis.Here, kpi)));
            cells.Add(Number(Find(vm.ShadowStatus?.Kpis.Here, kpi)));
            cells.Add(Describe(decision.Drift?.Kpis.FirstOrDefault(one => one.Kpi == kpi)));
        }

        _file.WriteLine(string.Join(',', cells));
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private static double? Find(IReadOnlyList<KpiSample>? samples, string kpi) =>
        samples?.FirstOrDefault(sample => sample.Kpi == kpi)?.Value;

    // Whom it speaks against, and whether it is a hint, beside the score.
    private static string Describe(KpiDrift? drift) => drift is null
        ? ""
        : Number(drift.Score) + (drift.Hint ? "h" : "") + (drift.Form is null ? "" : drift.Side.ToString()[0]);

    private static string Number(double? value) => value?.ToString("0.####", CultureInfo.InvariantCulture) ?? "";
}
