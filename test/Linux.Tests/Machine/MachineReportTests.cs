using Umbra.Linux.Machine;

namespace Umbra.Linux.Tests.Machine;

public sealed class MachineReportTests
{
    [Fact]
    public void Every_item_of_this_machine_is_fine_or_says_what_to_do()
    {
        MachineReport report = MachineReport.Inspect();
        foreach (MachineItem item in report.Items)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{(item.IsOk ? "ok     " : "missing")} {item.Name}: {item.Detail} {item.Advice}");
        }

        Assert.All(report.Items, item =>
        {
            Assert.NotEmpty(item.Detail);
            Assert.Equal(item.IsOk, item.Advice.Length == 0);
        });
        string[] expected =
        [
            "processor", "kernel", "userfaultfd", "page tracking", "ptrace", "pidfd_getfd", "kvm", "qemu",
            "/dev/shm", "swap", "cgroups", "hugepages", "rdma", "liblz4.so.1", "libzstd.so.1", "libxxhash.so.0",
        ];
        Assert.Superset(expected.ToHashSet(), report.Items.Select(item => item.Name).ToHashSet());
    }

    [Fact]
    public void What_is_required_stops_the_agent_and_what_is_recommended_only_warns()
    {
        KernelRequirements requirements = KernelRequirements.From(
        [
            new MachineItem("a", Need.Required, true, "fine", ""),
            new MachineItem("b", Need.Required, false, "not there", "install b"),
            new MachineItem("c", Need.Recommended, false, "too old", "boot a newer one"),
            new MachineItem("d", Need.Informative, false, "none", "nothing"),
        ]);
        Assert.Equal(["b: not there; install b"], requirements.Errors);
        Assert.Equal(["c: too old; boot a newer one"], requirements.Warnings);
    }

    [Fact]
    public void This_machine_that_runs_the_tests_can_run_the_agent() => Assert.Empty(KernelRequirements.Check().Errors);
}
