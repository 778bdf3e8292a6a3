using Umbra.Core.Basics;

namespace Umbra.Bench.Micro;

/// <summary>
/// The engine's inner parts against a plain copy. No BenchmarkDotNet: what counts is the ratio between cases of one
/// process whose rounds take turns, so that a machine that others load too slows all of them alike.
/// </summary>
internal static class Program
{
    private const int PagesDefault = 16_384;
    private const int RoundsDefault = 30;

    private static readonly BenchProgram s_program = new(
        "micro",
        """
        Parts of the sync engine on one core, by CPU time, each as speed of the bytes that go in and as time against a
        plain copy of as many bytes in the same run: zero test, hash, delta,
        compression, the whole encode path as the agent runs it, the shadow's staging and commit, the disk log,
        and the scan for written pages of a real QEMU.
        """,
        [
            new BenchOption("--pages", "N", $"pages of each sample (default {PagesDefault}, beyond the caches)"),
            new BenchOption("--rounds", "N", $"measured rounds (default {RoundsDefault})"),
            new BenchOption("--only", "NAME,...", "these cases alone"),
            new BenchOption("--scan", "MIB", "memory of the QEMU whose written pages are looked for (default 1024)"),
        ],
        [
            "./dev bench micro --report micro.json", "./dev bench micro --only engine-encode --rounds 100",
            "./dev bench micro --only page-scan-clean,page-scan-dirty --scan 4096",
        ]);

    private static Task<int> Main(string[] arguments) => s_program.RunAsync(arguments, (parsed, report) =>
    {
        Measure(parsed, report);
        return Task.CompletedTask;
    });

    private static void Measure(BenchArguments arguments, BenchReport report)
    {
        int pages = arguments.Number("--pages", arguments.Quick ? 1024 : PagesDefault);
        int rounds = arguments.Number("--rounds", arguments.Quick ? 3 : RoundsDefault);
        string[] only = arguments.List("--only", "");
        var mixed = new PageSample(pages, changedOnly: false);
        var changed = new PageSample(pages, changedOnly: true);
        using var parts = new BatchCases(mixed);
        List<MicroCase> cases = [.. parts.All()];
        cases.Add(Engine("engine-encode", mixed, "the agent's whole path, mixed pages"));
        cases.Add(Engine("engine-encode-changed", changed, "the same, every page changed in some words"));
        using var shadow = new ShadowCases();
        cases.AddRange(shadow.All());
        cases.AddRange(new LogCases().All());
        using var stream = new StreamCases();
        cases.AddRange(stream.All());
        using ScanCases? scan = ScanCases.TryStart(
            arguments.Number("--scan", arguments.Quick ? 64 : 1024) * (long)Sizes.MiB);
        if (scan is not null) cases.AddRange(scan.All());
        if (only.Length > 0) cases.RemoveAll(one => !only.Contains(one.Name));
        if (scan is null)
            report.Add("page-scan", new Dictionary<string, double?> { ["speedGBs"] = null }, ScanCases.Why);
        if (cases.Count == 0) return;
        Progress.Say($"{cases.Count} cases, {rounds} rounds of {pages * Sizes.Page / Sizes.MiB} MiB");
        double copy = RunRounds(mixed, cases, rounds);
        report.Add("copy", new Dictionary<string, double?> { ["speedGBs"] = Statistics.Round(copy / 1e9) },
            "plain copy, page by page: the measure of all others");
        foreach (MicroCase one in cases) report.Add(one.Name, one.Figures(), one.Note);
    }

    private static MicroCase Engine(string name, PageSample sample, string note)
    {
        var source = new SampleSource(sample, new NoLink());
        source.SendPages();
        return new MicroCase(name, source.Bytes, source.SendPages, note);
    }

    private static double RunRounds(PageSample sample, List<MicroCase> cases, int rounds)
    {
        const int warmUp = 2;
        byte[] target = new byte[sample.Bytes];
        var copies = new List<double>();
        for (int round = -warmUp; round < rounds; round++)
        {
            foreach (MicroCase one in cases)
            {
                double speed = CopyAll(sample, target);
                if (round >= 0) copies.Add(speed);
                one.Round(speed, round >= 0);
            }

            if (round % 10 == 0) Progress.Say($"round {Math.Max(0, round)} of {rounds}");
        }

        return Statistics.Median(copies);
    }

    private static double CopyAll(PageSample sample, byte[] target)
    {
        TimeSpan start = MicroCase.CpuTime;
        for (int page = 0; page < sample.Pages; page++)
            sample.NowPage(page).CopyTo(target.AsSpan(page * Sizes.Page));
        return sample.Bytes / Math.Max(1e-6, (MicroCase.CpuTime - start).TotalSeconds);
    }
}
