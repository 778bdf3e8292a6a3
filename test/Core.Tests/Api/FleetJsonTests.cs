using System.Text;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Core.Tests.Api;

public sealed class FleetJsonTests
{
    [Fact]
    public void The_form_of_an_assignment_is_frozen()
    {
        var assignment = new Assignment
        {
            Role = VmRole.Primary, Generation = new Generation(3), Vm = new VmDefinition { Name = new VmId("v") },
            Policy = new ProtectionPolicy { Interval = TimeSpan.FromMilliseconds(100.25) }, Peer = new HostId("b"),
            Action = new VmAction("x", VmActionKind.SwapRehearsal, "why"),
        };
        string text = FleetJson.SerializeToText(assignment);
        Assert.StartsWith("""{"role":"primary","generation":3,"vm":{"name":"v","revision":1,""", text);
        Assert.Contains("\"interval\":100.25,", text);
        Assert.Contains(
            "\"action\":{\"id\":\"x\",\"kind\":\"swapRehearsal\",\"reason\":\"why\",\"provenOff\":false,"
                + "\"suspect\":false}", text);
        Assert.Contains("\"peer\":\"b\"", text);
    }

    [Fact]
    public void The_form_of_a_primarys_lease_is_frozen()
    {
        const string Status = """{"vm":"v","role":"primary","generation":1,"guest":"running","lease":5000.5}""";
        var status = Parse<VmStatus>(Status)!;
        Assert.Equal(TimeSpan.FromMilliseconds(5000.5), status.Lease);
        Assert.Contains("\"lease\":5000.5,", FleetJson.SerializeToText(status));
        Assert.Null(Parse<VmStatus>(Status.Replace(",\"lease\":5000.5", "", StringComparison.Ordinal))!.Lease);
    }

    [Fact]
    public void The_forms_of_an_examination_and_of_the_request_for_it_are_frozen()
    {
        var request = new ExaminationRequest("d1", new VmId("v"), new VmPlace
        {
            Cpus = "0-3,8", Nodes = "0", Directory = "/srv",
        });
        const string Request = """
            {"id":"d1","vm":"v","place":{"cpus":"0-3,8","nodes":"0","directory":"/srv"}}
            """;
        Assert.Equal(Request, FleetJson.SerializeToText(request));
        Assert.Equal(request, Parse<ExaminationRequest>(Request));
        string result = """
            {"id":"d1","began":"2026-01-02T03:04:05+00:00","ended":"2026-01-02T03:04:14+00:00","othersThere":1,
            "kpis":[{"kpi":"disk.flush","looks":9,"low":1.5,"median":2,"high":3,"reason":"r"}],"memory":"m"}
            """.Replace("\n", "", StringComparison.Ordinal);
        Assert.Equal(result, FleetJson.SerializeToText(Parse<Examination>(result)!));
        Assert.Null(Parse<Examination>("""{"id":"d1","began":"2026-01-02","ended":"2026-01-02","kpis":null}"""));
        Assert.Empty(Parse<HeartbeatAnswer>("""{"revision":1,"assignments":[],"removed":[]}""")!.Examinations);
    }

    [Fact]
    public void What_a_peer_leaves_out_has_its_default()
    {
        var policy = FleetJson.TryDeserialize<ProtectionPolicy>("{}"u8, out _);
        Assert.Equal(new ProtectionPolicy(), policy);
        Assert.Equal(["tcg"], Parse<HostDescription>("""
            {"name":"a","rack":"r","powerFeed":"f","networkSegment":"s","pairEndpoint":"e","memoryBytes":1,"cpus":1}
            """)!.Accelerators);
    }

    [Theory]
    [InlineData("""{"name":"UPPER"}""")]
    [InlineData("""{"name":"-x"}""")]
    [InlineData("""{"name":7}""")]
    [InlineData("""{}""")]
    [InlineData("""{"name":"v","disks":null}""")]
    [InlineData("""{"name":"v","cpus":"many"}""")]
    [InlineData("""{"name":"v" """)]
    [InlineData("null")]
    public void A_definition_that_breaks_the_form_is_refused_with_a_reason(string json)
    {
        Assert.Null(FleetJson.TryDeserialize<VmDefinition>(Encoding.UTF8.GetBytes(json), out string error));
        Assert.NotEqual("", error);
    }

    [Fact]
    public void Unknown_names_are_ignored() =>
        Assert.NotNull(Parse<VmDefinition>("""{"name":"v","later":{"a":[1]}}"""));

    [Theory]
    [InlineData("0.0001", 1)]
    [InlineData("-5", -50_000)]
    [InlineData("1000", 10_000_000)]
    public void Times_are_exact_milliseconds(string json, long ticks)
    {
        var policy = Parse<ProtectionPolicy>($$"""{"interval":{{json}}}""")!;
        Assert.Equal(ticks, policy.Interval.Ticks);
        Assert.Contains($"\"interval\":{json},", FleetJson.SerializeToText(policy));
    }

    [Theory]
    [InlineData("1e300")]
    [InlineData("\"5s\"")]
    [InlineData("99999999999999999999")]
    public void A_time_that_is_none_is_refused(string json) =>
        Assert.Null(Parse<ProtectionPolicy>($$"""{"interval":{{json}}}"""));

    [Fact]
    public void Enumerations_are_read_by_name_only()
    {
        Assert.Null(Parse<ActionRequest>("""{"kind":1}"""));
        Assert.Equal(VmActionKind.Swap, Parse<ActionRequest>("""{"kind":"swap"}""")!.Kind);
    }

    private static T? Parse<T>(string json)
        where T : class => FleetJson.TryDeserialize<T>(Encoding.UTF8.GetBytes(json), out _);
}
