namespace Umbra.Bench.Fleet;

/// <summary>What the decisions of a large fleet cost the controller, and how long they take.</summary>
internal static class Program
{
    private const int VmsDefault = 10_000, HostsDefault = 1000, SecondsDefault = 10;

    private static readonly BenchProgram s_program = new(
        "fleet",
        """
        The controller's planners over a simulated fleet, on one thread: each host reports its VMs once a second, and
        every VM is looked at four times a second, as the controller does. By turns nothing is wrong, one VM in a
        hundred drifts, and all are suspected. Figures: CPU time as a share of one core, and the time from the arrival
        of the evidence to the decision: up to a whole round's CPU time, and up to a quarter of a second until the next
        look. Agents, HTTP and the store are not in it.
        """,
        [
            new BenchOption("--vms", "N", $"VMs (default {VmsDefault})"),
            new BenchOption("--hosts", "N", $"hosts (default {HostsDefault})"),
            new BenchOption("--seconds", "N", $"seconds of the fleet's time for each case (default {SecondsDefault})"),
        ],
        ["./dev bench fleet --report fleet.json", "./dev bench fleet --vms 1000 --hosts 100"]);

    private static Task<int> Main(string[] arguments) => s_program.RunAsync(arguments, (parsed, report) =>
    {
        int vms = parsed.Number("--vms", parsed.Quick ? 200 : VmsDefault);
        int hosts = Math.Max(3, parsed.Number("--hosts", parsed.Quick ? 40 : HostsDefault));
        int seconds = parsed.Number("--seconds", parsed.Quick ? 2 : SecondsDefault);
        (string, int)[] cases = [("quiet", 0), ("one-in-100-drifts", vms / 100), ("all-suspected", vms)];
        foreach (var (name, drifting) in cases)
            new FleetCase(vms, hosts, drifting).Measure(name, seconds, report);
        return Task.CompletedTask;
    });
}
