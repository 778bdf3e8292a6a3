using System.Text;
using Umbra.Core.Health;
using Umbra.Core.Health.Redfish;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class RedfishTests
{
    [Theory]
    [InlineData("cray-DL325.zip", 40)]
    [InlineData("cray-EX235n.zip", 30)]
    [InlineData("dmtf-public-rackmount1.zip", 15)]
    public void Each_vendors_tree_gives_readings_and_log_entries(string zip, int readingsMin)
    {
        HealthReport report = Walk(Tree(zip), out int pages);
        Assert.Null(report.Error);
        Assert.True(report.Readings.Count >= readingsMin, $"{report.Readings.Count} readings, {report.Note}");
        Assert.InRange(pages, 5, RedfishLimits.PagesMax);
        Assert.NotEmpty(report.Records);
        Assert.Contains(report.Readings, static r => r is { Kind: ComponentKind.Memory, Quantity: "state" });
        Assert.Contains(report.Readings, static r => r.Kind is ComponentKind.Fan or ComponentKind.Temperature);
    }

    [Fact]
    public void A_supply_that_is_not_well_stands_out()
    {
        HealthReport report = Walk(Tree("dmtf-public-rackmount1.zip"), out _);
        Assert.Contains(report.Readings, static r =>
            r is { Kind: ComponentKind.PowerSupply, Level: HealthLevel.Warning });
    }

    [Fact]
    public void A_service_that_hides_its_root_is_walked_all_the_same()
    {
        var tree = Tree("cray-DL325.zip");
        Assert.DoesNotContain(RedfishWalk.Root, tree.Keys);
        Assert.Contains(Walk(tree, out _).Readings, static r => r.Component == "PROC 1 DIMM 1");
    }

    [Theory]
    [InlineData("memory/one-dimm-fault-dimm-1.json", ComponentKind.Memory, HealthLevel.Critical)]
    [InlineData("processors/one-cpu-fault-cpu-1.json", ComponentKind.Processor, HealthLevel.Critical)]
    [InlineData("sensors/legacy-temp-crit-thermal.json", ComponentKind.Temperature, HealthLevel.Critical)]
    [InlineData("sensors/healthy-chassis-sensor-0.json", ComponentKind.Temperature, HealthLevel.Ok)]
    public void A_faulty_part_is_found(string file, ComponentKind kind, HealthLevel level)
    {
        var walk = new RedfishWalk(static _ => false);
        walk.Take("/redfish/v1/x", Samples.Zip("redfish/linuxfabrik-fixtures.zip")[file]);
        Assert.Contains(walk.Build().Readings, reading => reading.Level == level
            && (reading.Kind == kind || kind == ComponentKind.Temperature));
    }

    [Fact]
    public void Every_page_of_every_sample_is_taken_without_harm()
    {
        int taken = 0;
        foreach (string zip in Directory.GetFiles(Path.Combine(Samples.Directory, "redfish"), "*.zip"))
        {
            foreach (byte[] page in Samples.Zip("redfish/" + Path.GetFileName(zip)).Values)
            {
                var walk = new RedfishWalk(static _ => false);
                walk.Take("/redfish/v1/Managers/1/LogServices/x", page);
                walk.Take("/redfish/v1/Chassis/1", page);
                _ = walk.Build();
                taken++;
            }
        }

        foreach (string file in Directory.GetFiles(
            Path.Combine(Samples.Directory, "redfish/telegraf"), "*.json", SearchOption.AllDirectories))
        {
            var walk = new RedfishWalk(static _ => false);
            walk.Take(RedfishWalk.Root, File.ReadAllBytes(file));
            Assert.DoesNotContain("JSON", walk.Build().Note, StringComparison.Ordinal);
            taken++;
        }

        Assert.True(taken > 1000);
    }

    [Fact]
    public void Fans_of_an_older_generation_are_read()
    {
        var walk = new RedfishWalk(static _ => false);
        walk.Take("/redfish/v1/Chassis/1/Thermal", Samples.Bytes("redfish/telegraf/hp/hp_thermal_ilo4.json"));
        Assert.Contains(walk.Build().Readings, static r => r is { Kind: ComponentKind.Fan, Value: > 0, Unit: "%" });
    }

    [Fact]
    public void A_log_gives_its_entries_with_their_severities()
    {
        var walk = new RedfishWalk(static _ => false);
        walk.Take("/redfish/v1/Managers/1/LogServices/Sel/Entries",
            Samples.Zip("redfish/linuxfabrik-fixtures.zip")["logservices/sel-entries-sel.json"]);
        Assert.Equal(
            [
                (ComponentKind.Processor, HealthSeverity.Critical), (ComponentKind.Fan, HealthSeverity.Warning),
                (ComponentKind.Host, HealthSeverity.Info),
            ],
            walk.Build().Records.Select(static record => (record.Kind, record.Severity)));
    }

    [Fact]
    public void Links_that_lead_out_of_the_service_are_not_followed()
    {
        var walk = new RedfishWalk(static _ => false);
        Assert.Equal(RedfishWalk.Root, walk.Next());
        string[] hostile =
        [
            "http://evil/redfish/v1/Chassis", "//evil/x", "/etc/passwd", "/redfish/v1/../../etc", "/redfish/v1/a b",
            "/redfish/v1/" + new string('a', 1000), "/redfish/v1/\u0000", "/redfish/v1\n/x", "/redfish/v10/Chassis",
            "/redfish/v1/\u00e4",
        ];
        string members = string.Join(',', hostile.Select(static link =>
            $"{{\"@odata.id\":{System.Text.Json.JsonSerializer.Serialize(link)}}}"));
        walk.Take(RedfishWalk.Root, Encoding.UTF8.GetBytes($"{{\"Members\":[{members}]}}"));
        Assert.Null(walk.Next());
    }

    [Fact]
    public void Pages_that_link_to_ever_new_pages_come_to_an_end()
    {
        var walk = new RedfishWalk(static _ => false);
        int pages = 0;
        while (walk.Next() is { } path)
        {
            string links = string.Join(',', Enumerable.Range(0, 100).Select(i =>
                $"{{\"@odata.id\":\"/redfish/v1/p{pages}-{i}\"}}"));
            walk.Take(path, Encoding.UTF8.GetBytes($"{{\"Members\":[{links}]}}"));
            pages++;
        }

        Assert.Equal(RedfishLimits.PagesMax, pages);
    }

    [Fact]
    public void Nothing_but_errors_is_an_error_and_some_is_a_note()
    {
        var walk = new RedfishWalk(static _ => false);
        while (walk.Next() is { } path) walk.Miss(path, "401 Unauthorized");
        Assert.Contains("401", walk.Build().Error!, StringComparison.Ordinal);
        walk = new RedfishWalk(static _ => false);
        walk.Take("/redfish/v1/a", "{\"@odata.type\":\"#Memory.v1.M\",\"Name\":\"D1\"}"u8.ToArray());
        walk.Take("/redfish/v1/b", "{"u8.ToArray());
        HealthReport report = walk.Build();
        Assert.Null(report.Error);
        Assert.True(report.IsPartial);
        Assert.Contains("not JSON", report.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_that_was_read_is_not_fetched_again()
    {
        var walk = new RedfishWalk(static path => path.EndsWith("/7", StringComparison.Ordinal));
        Assert.NotNull(walk.Next());
        walk.Take("/redfish/v1/Systems/1/LogServices/IML/Entries",
            """
            {"Members":[{"@odata.id":"/redfish/v1/Systems/1/LogServices/IML/Entries/7"},
             {"@odata.id":"/redfish/v1/Systems/1/LogServices/IML/Entries/8"}]}
            """u8.ToArray());
        Assert.Equal("/redfish/v1/Systems/1/LogServices/IML/Entries/8", walk.Next());
        Assert.Null(walk.Next());
    }

    private static Dictionary<string, byte[]> Tree(string zip) => Samples.Zip("redfish/" + zip)
        .Where(static entry => entry.Key.EndsWith("index.json", StringComparison.Ordinal))
        .ToDictionary(
            static entry => (RedfishWalk.Root + "/" + entry.Key[..^"index.json".Length]).TrimEnd('/'),
            static entry => entry.Value);

    private static HealthReport Walk(Dictionary<string, byte[]> tree, out int pages)
    {
        var walk = new RedfishWalk(static _ => false);
        pages = 0;
        while (walk.Next() is { } path)
        {
            pages++;
            if (tree.TryGetValue(path, out byte[]? page)) walk.Take(path, page);
            else walk.Miss(path, "404 Not Found");
        }

        return walk.Build();
    }
}
