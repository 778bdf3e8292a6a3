using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Sensors;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra kpi</c>.</summary>
internal static class KpiCommand
{
    public static Command Create()
    {
        var command = new UmbraCommand(
            "kpi", "What both hosts of a VM measure each second", "kpi web", "kpi web --output json")
        {
            VmArgument.Required,
        };
        CommandRun.SetAction(command, static async (run, parsed, stop) => run.Show(
            KpiView.Of(await run.Client.GetAsync<VmView>($"/vms/{parsed.GetValue(VmArgument.Required)}", stop)
                .ConfigureAwait(false)),
            static view => (IRenderable)Render(view)));
        return command;
    }

    /// <summary>How many KPIs each side knows, in a line.</summary>
    public static string Summary(VmView vm)
    {
        var view = KpiView.Of(vm);
        string primary = $"{Known(view.PrimaryKpis)} on {view.Primary}";
        return view.Shadow is { } shadow
            ? $"{primary}, {Known(view.ShadowKpis)} on {shadow}, {view.ShadowKpis.Pairs} seconds paired"
            : primary;
    }

    private static Rows Render(KpiView view)
    {
        var table = Text.Table(
            "KPI", $"PRIMARY {view.Primary}", $"SHADOW {view.Shadow?.Value ?? "-"}", "PRIMARY'S SENSOR",
            "SHADOW'S SENSOR");
        foreach (string kpi in KpiNames.All)
        {
            var (primary, shadow) = (Find(view.PrimaryKpis, kpi), Find(view.ShadowKpis, kpi));
            table.Row(kpi, Value(primary), Value(shadow), Sensor(primary), Sensor(shadow));
        }

        string ages = $"measured {Age(view.PrimaryKpis)} and {Age(view.ShadowKpis)} before the hosts' last reports, "
            + $"{view.ShadowKpis.Pairs} seconds paired";
        return new Rows(table, new Markup(Markup.Escape(ages)));
    }

    private static KpiSample? Find(KpiStatus status, string kpi) => status.Here.FirstOrDefault(s => s.Kpi == kpi);

    private static string Value(KpiSample? sample) => sample?.Value is { } value
        ? $"{value.ToString(Math.Abs(value) >= 100 ? "0" : "0.###", CultureInfo.InvariantCulture)} "
            + KpiNames.Unit(sample.Kpi)
        : "unknown";

    private static string Sensor(KpiSample? sample) => sample is null
        ? "none"
        : sample.Reason.Length > 0 ? sample.Reason : "ok, " + Text.Time(sample.Took);

    private static string Age(KpiStatus status) => status.Here.Count > 0 ? Text.Time(status.Age) : "(never)";

    private static string Known(KpiStatus status) =>
        $"{status.Here.Count(static s => s.Value is not null)} of {status.Here.Count} known";
}
