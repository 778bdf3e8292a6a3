using System.Text;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Drift;
using Umbra.Core.Placement;
using Umbra.Fuzz.Harness;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// What an agent says that its canaries found: within the limits it is compared, ranked, kept and shown whatever it is,
/// and the confidences stay shares of one.
/// </summary>
public sealed class ExaminationTarget : IFuzzTarget
{
    private static readonly DiagnosisRecord Open = new()
    {
        Id = "d1",
        Vm = new VmId("v"),
        OldHost = new HostId("a"),
        State = DiagnosisState.Examining,
        Decided = DateTimeOffset.UnixEpoch,
        Reason = "it drifts",
        NextStep = "wait",
        Drift = new DriftStatus
        {
            Kpis =
            [
                new KpiDrift
                {
                    Kpi = "disk.latency", Score = 1, Side = DriftSide.Primary, Form = DriftForm.LevelUp,
                    PrimaryUsual = new UsualRange(0.2, 0.3, 0.9),
                },
                new KpiDrift { Kpi = "cpu.work", Score = 1, Side = DriftSide.Primary, Form = DriftForm.Spikes },
            ],
        },
    };

    public string Name => "examination";

    public IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. new[]
        {
            """
            {"id":"d1","began":"2026-01-02T03:04:05+00:00","ended":"2026-01-02T03:04:14+00:00","othersThere":1,"kpis":[
            {"kpi":"disk.latency","looks":10,"low":0.25,"median":0.3,"high":0.4},
            {"kpi":"cpu.work","looks":0,"reason":"it hangs"}],"memory":"not available"}
            """,
            """
            {"id":"d1","began":"0001-01-01T00:00:00Z","ended":"9999-12-31T23:59:59Z","othersThere":-1,"kpis":[
            {"kpi":"disk.latency","looks":9,"median":1e308},{"kpi":"disk.latency","looks":9},null]}
            """,
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (FleetJson.TryDeserialize<Examination>(input, out _) is not { } told || !told.IsWithinLimits()) return;
        if (DiagnosisPlanner.Examine(new FleetState(), Open, TimeSpan.Zero, [told], Open.Decided) is not { } change)
            return;
        var record = change.Record;
        Invariant.Holds(record.Candidates.All(static one => one.Confidence is > 0 and < 1));
        Invariant.Holds(record.Candidates.Sum(static one => one.Confidence) < 1);
        Invariant.Holds(DiagnosisMarkdown.Of(record).Length > 0);
        byte[] kept = FleetJson.Serialize(record);
        Invariant.Holds(FleetJson.TryDeserialize<DiagnosisRecord>(kept, out _)?.Comparisons.Count >= 2);
    }
}
