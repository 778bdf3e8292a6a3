using Xunit;

namespace Umbra.Simulation;

/// <summary>
/// The simulator's run of every build; <c>sim --seeds N</c> runs others. And the proof that it can find what it is for:
/// each planted mistake must be found within a bounded number of seeds.
/// </summary>
public sealed class SimulationTests
{
    private const int Seeds = 20_000;

    [Fact]
    public void Pairs_survive_every_fault_and_become_whole_again()
    {
        SeedRun run = SeedRun.Run(from: 1, Seeds, PlantedBug.None, failuresMax: 3);
        Assert.True(run.Failures.Count == 0, string.Join('\n', run.Failures));
        Assert.Equal(Seeds, run.Done);
        Assert.True(run.Repeated > 0 && run.Epochs > Seeds && run.Swaps > Seeds, "the simulation did something");
        Assert.True(run.Moves > Seeds / SeedRun.FleetOneIn, "fleets moved VMs on suspicion");
        Assert.True(run.PairMoves > Seeds / SimWorld.SuspicionOneIn / 8, "pairs were moved on suspicion amid faults");
    }

    [Theory]
    [InlineData(PlantedBug.AcknowledgedBeforeFlush)]
    [InlineData(PlantedBug.UndoSkipped)]
    [InlineData(PlantedBug.UndoNotFlushed)]
    [InlineData(PlantedBug.MetadataNotFlushed)]
    [InlineData(PlantedBug.OlderSlotRead)]
    [InlineData(PlantedBug.FenceIgnored)]
    [InlineData(PlantedBug.CopyBeforeScan)]
    [InlineData(PlantedBug.LeaseDatedFromAnswer)]
    [InlineData(PlantedBug.StaleGenerationAccepted)]
    [InlineData(PlantedBug.DuplicatedClaimWins)]
    [InlineData(PlantedBug.LeaseCheckedTooEarly)]
    [InlineData(PlantedBug.UnacknowledgedPagesForgotten)]
    [InlineData(PlantedBug.UnacknowledgedForgotten)]
    [InlineData(PlantedBug.OwedForgotten)]
    [InlineData(PlantedBug.WaitingWritesLeftOut)]
    [InlineData(PlantedBug.CutEndedEarly)]
    [InlineData(PlantedBug.HeldForgotten)]
    [InlineData(PlantedBug.KeeperNotAsked)]
    [InlineData(PlantedBug.UnreadStateReplaced)]
    [InlineData(PlantedBug.StateOfLater)]
    [InlineData(PlantedBug.CoolDownIgnored)]
    [InlineData(PlantedBug.ShadowSuspicionIgnored)]
    [InlineData(PlantedBug.CordonForgotten)]
    public void A_planted_mistake_is_found(PlantedBug bug)
    {
        SeedRun run = SeedRun.Run(from: 1, 4000, bug, failuresMax: 1);
        Assert.True(run.Failures.Count > 0, $"{bug} was not found in {run.Done} seeds");
    }
}
