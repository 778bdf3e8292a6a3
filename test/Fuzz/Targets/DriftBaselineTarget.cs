using Umbra.Core.Basics;
using Umbra.Core.Drift;
using Umbra.Core.Sensors;
using Umbra.Fuzz.Harness;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// A stored baseline: whatever is read can be watched by, gives finite scores, and is written as it was read.
/// </summary>
public sealed class DriftBaselineTarget : IFuzzTarget
{
    public string Name => "drift-baseline";

    public IReadOnlyList<byte[]> Seeds { get; } = [Baseline(kpis: 1), Baseline(kpis: 3)];

    public void Run(ReadOnlySpan<byte> input)
    {
        var baseline = PairBaseline.TryDecode(input, out string error);
        if (baseline is null)
        {
            if (error == "") throw new InvalidOperationException("refused without a reason");
            return;
        }

        if (PairBaseline.TryDecode(baseline.Encode(), out error) is null)
            throw new InvalidOperationException("not read back: " + error);
        var detector = new PairDetector(baseline);
        double[] readings = new double[baseline.Kpis.Count];
        for (int i = 0; i < 8; i++)
        {
            Array.Fill(readings, i * 100);
            detector.Observe(readings, readings);
        }

        for (int k = 0; k < readings.Length; k++)
        {
            double score = detector.Evidence(k).Score;
            if (!double.IsFinite(score)) throw new InvalidOperationException($"a score of {score}");
        }
    }

    private static byte[] Baseline(int kpis)
    {
        string[] names = [.. KpiNames.Compared.Take(kpis)];
        var random = new Random(1);
        var learner = new BaselineLearner(names, TimeSpan.FromSeconds(1));
        for (int i = 0; i < 200; i++)
        {
            double[] shadow = [.. names.Select(_ => 100 + (10 * random.NextDouble()))];
            learner.Add([.. shadow.Select(value => value + random.NextDouble())], shadow);
        }

        return (learner.Learn()! with { Pair = new PairKey(new VmId("v"), new HostId("a"), new HostId("b")) }).Encode();
    }
}
