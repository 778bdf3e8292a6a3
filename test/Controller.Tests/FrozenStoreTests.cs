using Microsoft.Data.Sqlite;
using Umbra.Controller.Store;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Swap;
using Xunit;

namespace Umbra.Controller.Tests;

/// <summary>A store that an earlier controller wrote is read as it was meant.</summary>
public sealed class FrozenStoreTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_store_of_an_earlier_version_is_read_whole(int version)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("fleet.db");
        Make(path, File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Frozen", $"fleet-{version}.sql")));
        using var store = new SqliteFleetStore(path);

        var records = store.Load();
        var host = Assert.Single(records.Hosts);
        Assert.Equal(new HostId("a"), host.Name);
        Assert.Equal("00ff", host.KeyFingerprint);
        Assert.Equal("fan", host.Cordon);

        var vm = Assert.Single(records.Vms);
        Assert.Equal(new Ownership(new Generation(3), new HostId("b"), "swap-7"), vm.Ownership);
        Assert.Equal(256L * Sizes.MiB, vm.Definition.MemoryBytes);
        Assert.Equal("disk0", Assert.Single(vm.Definition.Disks).Id);
        Assert.Equal("52:54:00:77:00:32", Assert.Single(vm.Definition.Nics).Mac);
        Assert.Equal(TimeSpan.FromMilliseconds(100), vm.Policy.Interval);
        Assert.Equal(TakeoverMode.Automatic, vm.Policy.Takeover);
        Assert.Equal(TimeSpan.FromSeconds(5), vm.Lease);
        Assert.Equal(4, vm.Changes);
        Assert.Equal(new HostId("c"), vm.Shadow);
        Assert.Equal(VmActionKind.Swap, vm.Action!.Action.Kind);
        Assert.Equal([new HostId("a")], vm.Remains);

        Assert.Equal("vm.created", Assert.Single(store.ReadEvents(0, 10).Events).Kind);
        Assert.Equal(TokenUse.Accepted, store.UseToken("abcd", DateTimeOffset.UnixEpoch, take: false));
        Assert.Equal(version < 2 ? 0 : 1, store.ReadDiagnoses().Count);
        Assert.True(store.Commit(new FleetChange { Diagnoses = [.. store.ReadDiagnoses()] }));
    }

    [Fact]
    public void A_diagnosis_of_version_2_is_read_as_it_was_meant()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("fleet.db");
        Make(path, File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Frozen", "fleet-2.sql")));
        using var store = new SqliteFleetStore(path);
        var diagnosis = Assert.Single(store.ReadDiagnoses());
        Assert.Equal(DiagnosisState.Completed, diagnosis.State);
        Assert.Equal(
            ("sda", ComponentFamily.Drive, 0.8),
            (diagnosis.Suspect!.Component, diagnosis.Suspect.Family, diagnosis.Suspect.Confidence));
        Assert.Equal(TimeSpan.FromSeconds(1), Assert.Single(diagnosis.History).Ago);
    }

    [Fact]
    public void An_examination_of_version_3_is_read_as_it_was_meant()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("fleet.db");
        Make(path, File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Frozen", "fleet-3.sql")));
        using var store = new SqliteFleetStore(path);
        var diagnosis = Assert.Single(store.ReadDiagnoses());
        Assert.Equal(DiagnosisState.Examining, diagnosis.State);
        Assert.Equal(new VmPlace { Cpus = "0-3,8", Nodes = "0", Directory = "/srv/images" }, diagnosis.Place);
        Assert.Equal(
            [(TimeSpan.FromSeconds(2), 4.5f, 0.5f)],
            diagnosis.KpiSeries!.Of("disk.latency").Select(one => (one.Ago, one.Primary!.Value, one.Shadow!.Value)));
        Assert.Null(Assert.Single(diagnosis.KpiSeries.Of("disk.flush")).Primary);
        Assert.Equal((10, 4.5), (diagnosis.Examination!.Kpis[0].Looks, diagnosis.Examination.Kpis[0].Median));
        Assert.Equal((0, "the disk has not answered"),
            (diagnosis.Examination.Kpis[1].Looks, diagnosis.Examination.Kpis[1].Reason));
        Assert.Equal(EmptyHostFinding.StillWorse, Assert.Single(diagnosis.Comparisons).Finding);
        Assert.StartsWith("mc0 scrubs", diagnosis.MemoryScrub, StringComparison.Ordinal);
    }

    private static void Make(string path, string script)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The script is a file of this repository.
        command.CommandText = script;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
