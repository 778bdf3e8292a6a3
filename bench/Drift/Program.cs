using System.Diagnostics;
using System.Globalization;
using Umbra.Core.Api;
using Umbra.Core.Drift;

// What the drift engine costs: one detector for each of many pairs, as at an agent with that many shadows, so that
// their
// state does not fit into the processor's caches. Usage: [--pairs N] [--seconds N] [--report FILE]
const int kpis = 12;
const int calibrationSamples = 1000;
int pairs = 10_000;
int rounds = 20;
string report = "";
for (int i = 0; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--pairs": pairs = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--seconds": rounds = int.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--report": report = args[i + 1]; break;
        default: throw new ArgumentException($"unknown option {args[i]}");
    }
}

var random = new Random(1);
string[] names = [.. Enumerable.Range(0, kpis).Select(static k => $"kpi{k}")];
double[][] readings = [.. Enumerable.Range(0, 1000).Select(_ => Readings())];
var learner = new BaselineLearner(names, TimeSpan.FromSeconds(1));
for (int i = 0; i < calibrationSamples; i++) learner.Add(readings[i % 500], readings[500 + (i % 500)]);
long calibrationStarted = Stopwatch.GetTimestamp();
var baseline = learner.Learn()!;
var calibration = Stopwatch.GetElapsedTime(calibrationStarted);
PairDetector[] detectors = [.. Enumerable.Range(0, pairs).Select(_ => new PairDetector(baseline))];
Round(0);
long allocated = GC.GetAllocatedBytesForCurrentThread();
long started = Stopwatch.GetTimestamp();
for (int round = 1; round <= rounds; round++) Round(round);
var took = Stopwatch.GetElapsedTime(started);
allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
var figures = new Figures(
    pairs, kpis, rounds, took.TotalMicroseconds / ((double)pairs * kpis * rounds), took.TotalSeconds / rounds,
    allocated, calibration.TotalMilliseconds);
Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"{figures.Pairs} pairs x {figures.Kpis} KPIs: {figures.MicrosecondsPerSample:0.000} us per KPI sample, "
    + $"{figures.CoreShareAtOneHertz:P1} of one core at 1 Hz, {figures.AllocatedBytes} bytes allocated; "
    + $"learning a baseline from {calibrationSamples} samples {figures.CalibrationMilliseconds:0} ms"));
if (report != "") File.WriteAllText(report, FleetJson.SerializeToText(figures, indented: true) + "\n");
return 0;

void Round(int round)
{
    for (int p = 0; p < detectors.Length; p++)
    {
        int at = ((p * 7) + round) % 500;
        detectors[p].Observe(readings[at], readings[500 + at]);
    }
}

double[] Readings() =>
    [.. Enumerable.Range(0, kpis).Select(
        k => (100 * (k + 1)) + (10 * random.NextDouble()) + (5 * random.NextDouble()))];

internal sealed record Figures(
    int Pairs, int Kpis, int Seconds, double MicrosecondsPerSample, double CoreShareAtOneHertz, long AllocatedBytes,
    double CalibrationMilliseconds);
