using System.Text;
using Umbra.Core.Basics;
using Umbra.Core.Health.Redfish;
using Umbra.Fuzz.Harness;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// A Redfish service that answers every request with the input: the walk ends, stays within the service and keeps the
/// limits.
/// </summary>
public sealed class RedfishTarget : IFuzzTarget
{
    public string Name => "redfish";

    public IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. new[]
        {
            """
            {"@odata.type":"#Thermal.v1_6_2.Thermal","Temperatures":[{"Name":"CPU1","ReadingCelsius":55,
             "UpperThresholdCritical":45,"Status":{"Health":"OK","State":"Enabled"}}],"Fans":[{"FanName":"1",
             "CurrentReading":30,"Units":"Percent"}],"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]}
            """,
            """
            {"@odata.type":"#Memory.v1_7_1.Memory","DeviceLocator":"PROC 1 DIMM 1","Status":{"Health":"Critical"},
             "LogServices":{"@odata.id":"/redfish/v1/Systems/1/LogServices"},"Thermal":{"@odata.id":"/redfish/v1/t"}}
            """,
            """
            {"Entries":{"@odata.id":"/redfish/v1/Systems/1/LogServices/IML/Entries"},"Members@odata.nextLink":
             "/redfish/v1/x?$skip=50","Message":"Fan 3 lost","Severity":"Warning","Created":"2021-08-02T11:00:00+00:00"}
            """,
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        byte[] page = input.ToArray();
        var walk = new RedfishWalk(static path => path.Length % 2 == 0);
        int pages = 0;
        while (walk.Next() is { } path)
        {
            Invariant.Holds(++pages <= RedfishLimits.PagesMax);
            Invariant.Holds(path == RedfishWalk.Root
                || path.StartsWith(RedfishWalk.Root + "/", StringComparison.Ordinal)
                || path.StartsWith(RedfishWalk.Root + "?", StringComparison.Ordinal));
            Invariant.Holds(path.All(static c => c > ' ' && c < 0x7f)
                && !path.Contains("..", StringComparison.Ordinal));
            walk.Take(path, page);
        }

        HealthTextTarget.Check(walk.Build(), DateTimeOffset.UnixEpoch);
    }
}
