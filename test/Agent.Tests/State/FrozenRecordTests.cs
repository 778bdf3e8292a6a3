using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Epochs;
using Xunit;

namespace Umbra.Agent.Tests.State;

/// <summary>What an earlier agent left is read as it was meant: the literals here are never edited.</summary>
public sealed class FrozenRecordTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-record-").FullName;

    [Fact]
    public void A_record_of_the_first_agents_is_read_whole()
    {
        var paths = new VmPaths(new VmId("web"), _directory, _directory);
        File.WriteAllText(paths.Record, """
            {"assignment":{"role":"primary","generation":3,"vm":{"name":"web","memoryBytes":268435456,
              "disks":[{"id":"disk0","bytes":67108864,"format":"raw"}],
              "nics":[{"id":"nic0","mac":"52:54:00:77:00:32","bridge":"br0"}]},
              "policy":{"interval":100,"takeover":"automatic","lease":5000},"peer":"b","peerEndpoint":"10.0.0.2:7411",
              "power":"running","attach":null,"action":null},
             "processId":4711,"processStart":123456,"bootId":"5f6e0c1e-0000-4000-8000-000000000001","ownImages":true,
             "foreign":null,"guestShutDown":false}
            """);
        var record = VmRecord.Read(paths, out string error);
        Assert.Equal("", error);
        Assert.NotNull(record);
        Assert.Equal(VmRole.Primary, record.Assignment.Role);
        Assert.Equal(new Generation(3), record.Assignment.Generation);
        Assert.Equal(256L * Sizes.MiB, record.Assignment.Vm.MemoryBytes);
        Assert.Equal("disk0", Assert.Single(record.Assignment.Vm.Disks).Id);
        Assert.Equal(TakeoverMode.Automatic, record.Assignment.Policy.Takeover);
        Assert.Equal(new HostId("b"), record.Assignment.Peer);
        Assert.Equal(4711, record.ProcessId);
        Assert.Equal(123456UL, record.ProcessStart);
        Assert.Equal("5f6e0c1e-0000-4000-8000-000000000001", record.BootId);
        Assert.True(record.OwnImages);
    }

    [Fact]
    public void A_note_that_holds_a_VM_is_read_and_one_that_cannot_be_read_holds_it_too()
    {
        Assert.Null(HeldFile.Read(_directory));
        File.WriteAllText(Path.Combine(_directory, "held"), """{"reason":"lease","generation":7,"swap":""}""");
        Assert.Equal(new HeldMark(HeldReason.Lease, new Generation(7), ""), HeldFile.Read(_directory));
        File.WriteAllText(Path.Combine(_directory, "held"), """{"reason":"swap","generation":7,"swap":"s1"}""");
        Assert.Equal(new HeldMark(HeldReason.Swap, new Generation(7), "s1"), HeldFile.Read(_directory));
        File.WriteAllText(Path.Combine(_directory, "held"), "{");
        Assert.Equal(HeldReason.Swap, HeldFile.Read(_directory)!.Reason);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
