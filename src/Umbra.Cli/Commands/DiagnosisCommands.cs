using System.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;
using Umbra.Core.Diagnosis;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra diagnosis</c>.</summary>
internal static class DiagnosisCommands
{
    public static Command Create() => new UmbraCommand(
        "diagnosis", "What became known of hosts that VMs left on suspicion", "diagnosis list",
        "diagnosis show suspect-1-1790000000000")
    {
        CreateList(), CreateShow(),
    };

    private static UmbraCommand CreateList()
    {
        var command = new UmbraCommand(
            "list", "The diagnoses that are kept, newest first", "diagnosis list", "diagnosis list --output json");
        CommandRun.SetAction(command, static async (run, _, stop) => run.Show(
            await run.Client.GetAsync<DiagnosisList>("/diagnoses", stop).ConfigureAwait(false), Render));
        return command;
    }

    private static UmbraCommand CreateShow()
    {
        var id = new Argument<string>("ID") { Description = "The diagnosis, as 'umbra diagnosis list' names it" };
        var markdown = new Option<bool>("--markdown") { Description = "The whole report as Markdown" };
        var command = new UmbraCommand(
            "show", "The report: suspect, confidence, evidence, next step",
            "diagnosis show suspect-1-1790000000000", "diagnosis show suspect-1-1790000000000 --markdown",
            "diagnosis show suspect-1-1790000000000 --output json")
        {
            id, markdown,
        };
        CommandRun.SetAction(command, async (run, parsed, stop) =>
        {
            string path = $"/diagnoses/{Uri.EscapeDataString(parsed.GetValue(id)!)}";
            var record = await run.Client.GetAsync<DiagnosisRecord>(path, stop).ConfigureAwait(false);
            return parsed.GetValue(markdown)
                ? run.Say(record, DiagnosisMarkdown.Of(record).TrimEnd())
                : run.Show(record, Render);
        });
        return command;
    }

    private static Table Render(DiagnosisList list)
    {
        var table = Text.Table("ID", "VM", "HOST", "DECIDED", "STATE", "SUSPECT", "CONFIDENCE");
        foreach (var diagnosis in list.Diagnoses)
        {
            table.Row(
                diagnosis.Id, diagnosis.Vm.Value, diagnosis.OldHost.Value, diagnosis.Decided.ToString("u"),
                Text.Word(diagnosis.State), diagnosis.Suspect?.Component ?? "-",
                diagnosis.Suspect is { } suspect ? Text.Percent(suspect.Confidence) : "-");
        }

        return table;
    }

    private static Rows Render(DiagnosisRecord record)
    {
        var facts = new List<(string, string)>
        {
            ("host", record.OldHost.Value), ("vm", record.Vm.Value), ("went to", record.NewHost?.Value ?? "-"),
            ("state", Text.Word(record.State)), ("onset", record.Onset?.ToString("u") ?? "-"),
            ("decided", record.Decided.ToString("u")), ("swap ended", record.SwapEnded?.ToString("u") ?? "-"),
            ("reason", record.Reason),
            ("suspect", record.Suspect is { } suspect
                ? $"{suspect.Component} ({Text.Word(suspect.Family)}), confidence {Text.Percent(suspect.Confidence)}"
                : "none"),
            ("without the VM", Examined(record)), ("memory scrub", record.MemoryScrub), ("next step", record.NextStep),
        };
        var candidates = Text.Table("PART", "FAMILY", "CONFIDENCE", "REASON");
        foreach (var candidate in record.Candidates)
        {
            candidates.Row(
                candidate.Component, Text.Word(candidate.Family), Text.Percent(candidate.Confidence),
                candidate.Reason);
        }

        var compared = Text.Table("KPI", "USUAL", "IN THE DRIFT", "WITHOUT THE VM", "READING");
        foreach (var kpi in record.Comparisons)
        {
            compared.Row(
                kpi.Kpi, EmptyHostRule.Text(kpi.Usual, kpi.Kpi), EmptyHostRule.Text(kpi.During, kpi.Kpi),
                EmptyHostRule.Text(kpi.After, kpi.Kpi), kpi.Reading);
        }

        var evidence = Text.Table("TIME", "SOURCE", "EVIDENCE");
        foreach (var seen in record.Evidence) evidence.Row(seen.Time.ToString("u"), seen.Source, seen.Text);
        return new Rows(new List<IRenderable> { Text.Facts(facts), candidates, compared, evidence });
    }

    private static string Examined(DiagnosisRecord record) => record.State switch
    {
        DiagnosisState.Swapping => "the VM has not left yet",
        DiagnosisState.Examining when record.Examination is null => "the host is being examined",
        _ => DiagnosisMarkdown.Examined(record) is { Length: > 0 } told ? told : "not examined",
    };
}
