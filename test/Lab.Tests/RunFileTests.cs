using System.Diagnostics;
using Xunit;

namespace Umbra.Lab.Tests;

/// <summary>What a killed lab left is found and removed; what lives is left alone.</summary>
public sealed class RunFileTests
{
    [Fact]
    public void What_a_dead_lab_left_is_removed_by_the_next()
    {
        Root.Require();
        string tree = Directory.CreateTempSubdirectory("umbra-lab-test").FullName;
        string file = Path.GetTempFileName();
        string id = Abandon(run =>
        {
            run.Tree(tree);
            run.Tree(file);
            NetworkNamespace space = NetworkNamespace.Create($"umbra-{run.Id}-x", run);
            using LabProcess process = LabProcess.Start(space, Path.Combine(tree, "log"), ["sleep", "1000"]);
            Wait.UntilAsync(
                "the process to be inside",
                () => Task.FromResult(NetworkNamespace.Processes(space.Name).Contains(process.Id)),
                TimeSpan.FromSeconds(10)).GetAwaiter().GetResult();
        });

        Assert.Contains(id, RunFile.RemoveDead(kept: false));
        Assert.False(Directory.Exists(tree));
        Assert.False(File.Exists(file));
        Assert.Empty(FleetLabTests.Traces(id));
    }

    [Fact]
    public void A_kept_lab_stays_until_kept_ones_are_asked_for()
    {
        Root.Require();
        string id = Abandon(run => run.Keep());
        Assert.DoesNotContain(id, RunFile.RemoveDead(kept: false));
        Assert.Contains(id, RunFile.RemoveDead(kept: true));
    }

    [Fact]
    public void A_living_lab_is_left_alone()
    {
        Root.Require();
        using RunFile run = RunFile.Create();
        Assert.DoesNotContain(run.Id, RunFile.RemoveDead(kept: true));
        run.RemoveAll();
    }

    [Fact]
    public void A_line_cut_by_the_death_of_its_writer_does_no_harm()
    {
        Root.Require();
        string id = Abandon(_ => { });
        File.AppendAllText(Path.Combine(RunFile.Directory, id + ".run"), "tre");
        Assert.Contains(id, RunFile.RemoveDead(kept: false));
    }

    /// <summary>Runs <paramref name="make"/> in a lab that then ends without removing anything.</summary>
    private static string Abandon(Action<RunFile> make)
    {
        using RunFile run = RunFile.Create();
        make(run);
        return run.Id;
    }
}
