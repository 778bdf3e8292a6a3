using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Drift;
using Umbra.Core.Health;
using Umbra.Core.Sensors;
using Xunit;

namespace Umbra.Core.Tests.Diagnosis;

public sealed class DiagnosisMarkdownTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 1, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_report_names_suspect_confidence_evidence_and_next_step()
    {
        string text = DiagnosisMarkdown.Of(Record());
        Assert.StartsWith("# Diagnosis of a\n", text, StringComparison.Ordinal);
        Assert.Contains("**Suspect:** sda (Drive), confidence 0.83 of 1", text);
        Assert.Contains("**Next step:** Look at the SMART report of sda", text);
        Assert.Contains("umbra host uncordon a", text);
        Assert.Contains("| 2026-11-01 09:59:00Z | drift | disk.latency is up |", text);
        Assert.Contains("| disk.latency | 1.00 | Primary | - | 2026-11-01 09:59:00Z | 0 % |", text);
        Assert.Contains("Memory scrub: not available.", text);
    }

    [Fact]
    public void The_host_without_the_VM_is_told_of_in_numbers_or_with_the_reason_why_not()
    {
        Assert.Contains("## The host after the VM had left\n\nNone.\n", DiagnosisMarkdown.Of(Record()));
        var record = Record() with
        {
            Examination = new Examination
            {
                Id = "suspect-1-1", Began = Now, Ended = Now.AddSeconds(9), OthersThere = 2,
                Kpis = [new ExaminedKpi { Kpi = KpiNames.CpuWork, Looks = 10, Median = 1234.5 }],
            },
            Comparisons =
            [
                new KpiComparison
                {
                    Kpi = KpiNames.CpuWork, Usual = new UsualRange(99.25, 100, 120.6), After = 1234.5,
                    Finding = EmptyHostFinding.StillWorse, Reading = "worse | so",
                },
            ],
        };
        string text = DiagnosisMarkdown.Of(record);
        Assert.Contains("| cpu.work | 99.25 to 121 ns | - | 1234 ns | 10 | worse \\| so |", text);
        Assert.Contains("to 2026-11-01 10:00:09Z; other VMs and shadows on a then: 2.", text);
        record = Record() with { ExaminationReason = "a is silent" };
        Assert.Contains("\n\nThe canaries were not run again: a is silent.\n", DiagnosisMarkdown.Of(record));
    }

    [Fact]
    public void What_sensors_say_neither_ends_the_table_nor_becomes_markup()
    {
        var record = Record() with { Reason = "a | b\n# c <img> `d`" };
        Assert.Contains("| reason | a \\| b # c \\<img> \\`d\\` |", DiagnosisMarkdown.Of(record));
    }

    [Fact]
    public void Nothing_known_is_said_to_be_nothing()
    {
        var record = Record() with { Candidates = [], Evidence = [], Drift = null, NextStep = "look" };
        string text = DiagnosisMarkdown.Of(record);
        Assert.Contains("**Suspect:** none", text);
        Assert.Contains("## Evidence\n\nNone.\n", text);
    }

    private static DiagnosisRecord Record()
    {
        var drift = SuspectRankingTests.Drift((KpiNames.DiskLatency, 1, 60));
        var candidates = SuspectRanking.Rank(
            drift, [SuspectRankingTests.Event("sda", ComponentKind.Drive)], Now);
        return new DiagnosisRecord
        {
            Id = "suspect-1-1", Vm = new VmId("v"), OldHost = new HostId("a"), NewHost = new HostId("b"),
            State = DiagnosisState.Completed, Decided = Now, Reason = "it drifts", Candidates = candidates,
            Evidence = [new DiagnosisEvidence(Now.AddMinutes(-1), "drift", "disk.latency is up")], Drift = drift,
            NextStep = NextSteps.For(candidates[0], new HostId("a"), []),
        };
    }
}
