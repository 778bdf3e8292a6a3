using Umbra.Agent.State;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Xunit;

namespace Umbra.Agent.Tests.State;

/// <summary>A record that was staged is the same file in the end, and never anything else.</summary>
public sealed class RecordFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-record-").FullName;

    private VmPaths Paths => new(new VmId("web"), _directory, _directory);

    [Fact]
    public void A_staged_record_counts_only_once_it_is_written()
    {
        var file = new RecordFile(Paths);
        Assert.Null(file.Write(Record(1)));
        file.Stage(Record(2));
        Assert.Equal(1, Kept());
        Assert.Null(file.Write(Record(2)));
        Assert.Equal(2, Kept());
    }

    [Fact]
    public void Another_record_than_the_staged_one_is_written_whole()
    {
        var file = new RecordFile(Paths);
        file.Stage(Record(2));
        Assert.Null(file.Write(Record(3)));
        Assert.Equal(3, Kept());
        Assert.Null(file.Write(Record(2)));
        Assert.Equal(2, Kept());
    }

    [Fact]
    public void A_staged_record_that_is_gone_is_written_again()
    {
        var file = new RecordFile(Paths);
        file.Stage(Record(2));
        File.Delete(Paths.Record + ".new");
        Assert.Null(file.Write(Record(2)));
        Assert.Equal(2, Kept());
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private int Kept() => VmRecord.Read(Paths, out _)!.ProcessId;

    private static VmRecord Record(int process) => new()
    {
        Assignment = new Assignment
        {
            Role = VmRole.Shadow,
            Generation = new Generation(1),
            Vm = new VmDefinition { Name = new VmId("web"), MemoryBytes = 64 * Sizes.MiB },
            Policy = new ProtectionPolicy(),
        },
        BootId = "boot",
        ProcessId = process,
    };
}
