using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Placement;
using Xunit;

namespace Umbra.Core.Tests.Placement;

public sealed class ReportOrderTests
{
    [Fact]
    public void A_report_counts_once_and_not_after_a_newer_one_or_a_newer_process()
    {
        var order = new ReportOrder();
        Assert.True(order.Accept(Report("one", 1)));
        Assert.False(order.Accept(Report("one", 1)));
        Assert.True(order.Accept(Report("one", 3)));
        Assert.False(order.Accept(Report("one", 2)));
        Assert.True(order.Accept(Report("two", 1)));
        Assert.False(order.Accept(Report("one", 4)));
        Assert.True(order.Accept(Report("two", 2)));
    }

    [Fact]
    public void An_agent_is_heard_again_after_a_late_report_of_an_earlier_process_that_seemed_new()
    {
        // The controller has just started, and knows of neither.
        var order = new ReportOrder();
        Assert.True(order.Accept(Report("two", 1)));
        Assert.True(order.Accept(Report("one", 9)));
        for (int late = 0; late < ReportOrder.LateReportsMax; late++)
            Assert.False(order.Accept(Report("two", 2 + late)));
        Assert.True(order.Accept(Report("two", 2 + ReportOrder.LateReportsMax)));
        Assert.False(order.Accept(Report("one", 10)));
    }

    private static AgentHeartbeat Report(string instance, long sequence) => new()
    {
        Host = new HostDescription
        {
            Name = new HostId("h"), Rack = "r", PowerFeed = "f", NetworkSegment = "s", PairEndpoint = "e",
            MemoryBytes = 0, Cpus = 1,
        },
        Instance = instance, Sequence = sequence, SeenRevision = 0, Vms = [],
    };
}
