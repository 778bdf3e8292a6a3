using Spectre.Console;

namespace Umbra.Demo;

/// <summary>The report for people.</summary>
public static class ResultTable
{
    /// <summary>Draws it.</summary>
    public static Table Draw(DemoReport report)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("result").AddColumn("value");
        void Row(string name, string? value) =>
            table.AddRow(new Text(name), value is null ? new Text("not measured", "yellow") : new Text(value));
        Row("guest", $"{report.QemuVersion ?? "QEMU"}, {report.Accelerator}, {report.MachineCpus} CPUs for all hosts");
        string crowded = report.MachineLoadBefore > report.MachineCpus ? ": crowded, no measure of times" : "";
        Row("machine's load before", $"{report.MachineLoadBefore:0.0}{crowded}");
        Row("epochs", report.Epochs is null ? null : $"{report.Epochs} every {report.IntervalMs:0} ms");
        Row("pause", report.PauseMs is not { } pause
            ? null
            : $"mean {pause.Mean:0.00} ms, median {pause.P50:0.00}, 99th percentile {pause.P99:0.00}, "
                + $"of {pause.Epochs} epochs");
        Row("  of which", report.PausePhasesMs is not { } phases
            ? null
            : $"stop {phases.Stop:0.00}, scan and copy {phases.ScanCopy:0.00}, "
                + $"device state {phases.DeviceState:0.00}, cont {phases.Cont:0.00} ms");
        Row("dirty pages and disk writes", Bytes(report.RawBytes));
        Row("sent for them", report.WireBytes is > 0 && report.RawBytes is { } raw
            ? $"{Bytes(report.WireBytes)}, 1/{raw / (double)report.WireBytes:0.0}"
            : Bytes(report.WireBytes));
        Row("seed", report.SeedSeconds is null ? null : $"{report.SeedSeconds:0.0} s");
        Row("blackout", Milliseconds(report.BlackoutMs));
        Row("  phases of the swap", report.SwapPhasesMs.Count == 0
            ? null
            : string.Join(", ", report.SwapPhasesMs.Select(phase => $"{phase.Name} {phase.Ms:0.0}")) + " ms");
        Row("decision to running", Milliseconds(report.DecisionToRunningMs));
        Row("gap that the client saw", Milliseconds(report.ClientGapMs));
        Row("the whole demo", report.ElapsedSeconds is null ? null : $"{report.ElapsedSeconds:0} s");
        foreach (Check check in report.Checks)
        {
            string verdict = check.Holds switch { true => "true", false => "FALSE", null => "not measured" };
            table.AddRow(
                new Text(check.Name),
                new Text($"{verdict}: {check.Detail}", check.Holds == true ? "green" : "red"));
        }

        return table;
    }

    private static string? Milliseconds(double? value) => value is null ? null : $"{value:0.0} ms";

    private static string? Bytes(long? value) => value is null ? null : $"{value / 1e6:0.0} MB";
}
