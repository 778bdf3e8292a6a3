using Umbra.Agent.Guarding;
using Umbra.Core.Basics;
using Xunit;

namespace Umbra.System.Tests.Guarding;

/// <summary>The lines between an agent and its guard.</summary>
public sealed class GuardBookTests
{
    private static readonly GuardedVm Web = new(
        new VmId("web"), "/run/web/guard", "/var/lib/web", 4711, new Generation(7), Disks: 2);

    private readonly GuardBook _book = new();

    [Fact]
    public void A_watched_vm_is_known_with_all_that_was_said_of_it()
    {
        Assert.Equal(Web, _book.Take(GuardBook.WatchLine(Web)));
        Assert.Equal([Web], _book.Vms);
        Assert.True(_book.Knows(Web.Vm));
    }

    [Fact]
    public void A_held_vm_has_no_deadline_to_wait_for_until_it_is_released()
    {
        var deadline = TimeSpan.FromSeconds(90);
        _book.Take(GuardBook.WatchLine(Web));
        _book.Take(GuardBook.DeadlineLine(Web.Vm, deadline));
        Assert.Equal(deadline, _book.NextDeadline);
        Assert.True(_book.Take("hold\tweb")!.Held);
        Assert.Null(_book.NextDeadline);
        Assert.False(_book.Take("release\tweb")!.Held);
        Assert.Equal(deadline, _book.NextDeadline);
        _book.Take(GuardBook.DeadlineLine(Web.Vm, null));
        Assert.Null(_book.NextDeadline);
    }

    [Fact]
    public void A_forgotten_vm_is_named_once_more_and_gone()
    {
        _book.Take(GuardBook.WatchLine(Web));
        Assert.Equal(Web, _book.Take("forget\tweb"));
        Assert.False(_book.Knows(Web.Vm));
        Assert.Null(_book.Take("hold\tweb"));
    }

    [Fact]
    public void The_earliest_of_all_deadlines_is_next()
    {
        GuardedVm other = Web with { Vm = new VmId("mail") };
        foreach (GuardedVm vm in new[] { Web, other }) _book.Take(GuardBook.WatchLine(vm));
        _book.Take(GuardBook.DeadlineLine(Web.Vm, TimeSpan.FromSeconds(9)));
        _book.Take(GuardBook.DeadlineLine(other.Vm, TimeSpan.FromSeconds(4)));
        Assert.Equal(TimeSpan.FromSeconds(4), _book.NextDeadline);
    }

    [Fact]
    public void A_vm_that_was_stopped_by_its_lease_is_stopped_again_when_a_later_deadline_passes()
    {
        TimeSpan first = TimeSpan.FromSeconds(90);
        TimeSpan second = TimeSpan.FromSeconds(120);
        _book.Take(GuardBook.WatchLine(Web));
        _book.Take(GuardBook.DeadlineLine(Web.Vm, first));
        Assert.Empty(_book.Expired(first - TimeSpan.FromTicks(1)));
        Assert.Equal(Web.Vm, Assert.Single(_book.Expired(first)).Vm);
        _book.NoteStopped(Web.Vm);
        Assert.Empty(_book.Expired(second));
        Assert.Null(_book.NextDeadline);
        _book.Take(GuardBook.DeadlineLine(Web.Vm, second));
        _book.Take("release\tweb");
        Assert.Equal(second, _book.NextDeadline);
        Assert.Equal(Web.Vm, Assert.Single(_book.Expired(second)).Vm);
    }

    [Fact]
    public void A_vm_that_was_stopped_by_its_lease_is_not_resumed_until_it_is_released()
    {
        var deadline = TimeSpan.FromSeconds(90);
        _book.Take(GuardBook.WatchLine(Web));
        _book.Take(GuardBook.DeadlineLine(Web.Vm, deadline));
        Assert.True(_book.Find(Web.Vm)!.MayRun(deadline - TimeSpan.FromTicks(1)));
        Assert.False(_book.Find(Web.Vm)!.MayRun(deadline));
        _book.NoteStopped(Web.Vm);
        _book.Take(GuardBook.DeadlineLine(Web.Vm, deadline * 2));
        Assert.False(_book.Find(Web.Vm)!.MayRun(deadline));
        _book.Take("release\tweb");
        Assert.True(_book.Find(Web.Vm)!.MayRun(deadline));
    }

    [Fact]
    public void A_pulse_line_names_file_and_process()
    {
        Assert.Equal("/dev/shm/pulse", GuardBook.TakePulse(GuardBook.PulseLine("/dev/shm/pulse", 42), out int process));
        Assert.Equal(42, process);
    }

    [Theory]
    [InlineData("")]
    [InlineData("watch")]
    [InlineData("watch\tweb\t/s\t/d\t1\t1")]
    [InlineData("watch\tweb\trelative\t/d\t1\t1\t1")]
    [InlineData("watch\t../web\t/s\t/d\t1\t1\t1")]
    [InlineData("watch\tweb\t/s\t/d\t0\t1\t1")]
    [InlineData("watch\tweb\t/s\t/d\t1\t1\t-1")]
    [InlineData("watch\tweb\t/s\t/d\t1\t1\t65")]
    [InlineData("hold\tunknown")]
    [InlineData("pulse\t/dev/shm/pulse\t42")]
    public void A_line_that_is_not_understood_changes_nothing(string line)
    {
        Assert.Null(_book.Take(line));
        Assert.Empty(_book.Vms);
    }

    [Theory]
    [InlineData("pulse\trelative\t42")]
    [InlineData("pulse\t/dev/shm/pulse\t0")]
    [InlineData("pulse\t/dev/shm/pulse")]
    [InlineData("hold\tweb")]
    public void What_is_no_pulse_line_is_none(string line) => Assert.Null(GuardBook.TakePulse(line, out _));

    [Fact]
    public void A_line_beyond_the_limit_is_not_read() =>
        Assert.Null(_book.Take("watch\tweb\t/" + new string('s', GuardBook.LineCharactersMax) + "\t/d\t1\t1\t1"));
}
