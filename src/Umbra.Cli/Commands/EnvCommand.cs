using System.CommandLine;
using Spectre.Console.Rendering;
using Umbra.Linux.Machine;

namespace Umbra.Cli.Commands;

/// <summary><c>umbra env</c>: what this machine allows. Needs no controller.</summary>
internal static class EnvCommand
{
    public static Command Create()
    {
        var command = new UmbraCommand(
            "env", "What this machine allows, and why not; fails when an agent could not run here", "env",
            "env --output json");
        command.SetAction(static parsed =>
        {
            var report = MachineReport.Inspect();
            Screen.Show(parsed, report, Render);
            return report.Items.Any(static item => item.Need == Need.Required && !item.IsOk)
                ? ExitCodes.Failed
                : ExitCodes.Ok;
        });
        return command;
    }

    private static IRenderable Render(MachineReport report)
    {
        var table = Text.Table("", "WHAT", "NEED", "FOUND", "TO DO");
        foreach (var item in report.Items)
            table.Row(item.IsOk ? "ok" : "no", item.Name, Text.Word(item.Need), item.Detail, item.Advice);
        return table;
    }
}
