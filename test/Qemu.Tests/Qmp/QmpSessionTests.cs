using System.Text;
using Umbra.Qemu.Qmp;
using Umbra.Testing;
using Xunit;

namespace Umbra.Qemu.Tests.Qmp;

/// <summary>The session against a peer whose every byte the test decides.</summary>
public sealed class QmpSessionTests
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(50);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Greeting_gives_the_version_and_out_of_band_is_enabled_where_offered()
    {
        await using var fake = new FakeQemu();
        Task<QmpOutcome<QmpSession>> connecting = QmpSession.ConnectAsync(fake.Path, s_long, Cancel);
        await fake.Accept();
        await fake.Say(FakeQemu.Greeting);
        System.Text.Json.JsonElement command = await fake.NextCommand();
        Assert.Equal("oob", command.GetProperty("arguments").GetProperty("enable")[0].GetString());
        await fake.Answer(command.GetProperty("id").GetInt64());
        using QmpSession session = (await connecting).Value;
        Assert.Equal(new Version(7, 2, 22), session.QemuVersion);
        Assert.True(session.HasOutOfBand);
    }

    [Fact]
    public async Task A_monitor_that_never_greets_times_out_and_names_the_likely_cause()
    {
        await using var fake = new FakeQemu();
        QmpOutcome<QmpSession> outcome = await QmpSession.ConnectAsync(fake.Path, s_short, Cancel);
        Assert.Equal(QmpStatus.TimedOut, outcome.Status);
        Assert.Contains("another client", outcome.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_that_is_not_there_is_gone()
    {
        QmpOutcome<QmpSession> outcome = await QmpSession.ConnectAsync("/nonexistent/qmp.sock", s_short, Cancel);
        Assert.Equal(QmpStatus.Gone, outcome.Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_in_single_bytes_is_read(bool synchronous)
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        Task<QmpOutcome<string>> asking = Ask(session, synchronous);
        long id = await fake.Expect("query-status");
        foreach (byte b in Encoding.UTF8.GetBytes($$"""{"return":{"status":"paused"},"id":{{id}}}""" + "\r\n"))
            await fake.Send(new[] { b });
        Assert.Equal("paused", (await asking).Value);
    }

    [Fact]
    public async Task Pipelined_commands_get_their_own_answers_in_any_order()
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        Task<QmpOutcome<string>> first = session.ExecuteAsync(QmpCommands.QueryStatus, s_long, Cancel);
        long firstId = await fake.Expect("query-status");
        Task<QmpOutcome<QmpNothing>> second = session.ExecuteAsync(QmpCommands.Stop, s_long, Cancel);
        long secondId = await fake.Expect("stop");
        await fake.Refuse(secondId, "no");
        await fake.Answer(firstId, """{"status":"running"}""");
        Assert.Equal("running", (await first).Value);
        Assert.Equal((QmpStatus.QemuError, "GenericError"), ((await second).Status, (await second).ErrorClass));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_late_answer_is_dropped_and_the_next_command_gets_its_own(bool synchronous)
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        QmpOutcome<string> late = synchronous
            ? await Task.Run(() => session.Execute(QmpCommands.QueryStatus, s_short), Cancel)
            : await session.ExecuteAsync(QmpCommands.QueryStatus, s_short, Cancel);
        Assert.Equal(QmpStatus.TimedOut, late.Status);
        long lateId = await fake.Expect("query-status");
        Task<QmpOutcome<string>> asking = Ask(session, synchronous);
        long id = await fake.Expect("query-status");
        await fake.Answer(lateId, """{"status":"late"}""");
        await fake.Answer(id, """{"status":"running"}""");
        Assert.Equal("running", (await asking).Value);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_monitor_that_closes_ends_commands_in_flight_and_later_ones_as_gone(bool synchronous)
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        Task<QmpOutcome<string>> asking = Ask(session, synchronous);
        await fake.Expect("query-status");
        fake.Close();
        Assert.Equal(QmpStatus.Gone, (await asking).Status);
        Assert.Equal(QmpStatus.Gone, (await session.Ended.WaitAsync(s_long, Cancel)).Status);
        Assert.Equal(QmpStatus.Gone, (await session.ExecuteAsync(QmpCommands.Cont, s_long, Cancel)).Status);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("[]")]
    [InlineData("{\"hello\":1}")]
    [InlineData("{\"event\":5}")]
    [InlineData("{\"return\":")]
    public async Task Bytes_that_are_no_QMP_end_the_session_as_corrupt(string line)
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        await fake.Say(line);
        Assert.Equal(QmpStatus.Corrupt, (await session.Ended.WaitAsync(s_long, Cancel)).Status);
    }

    [Fact]
    public async Task A_line_without_end_ends_the_session_as_corrupt()
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        try
        {
            for (int i = 0; i < 8; i++) await fake.Send(new byte[1024 * 1024]);
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The session has hung up.
        }

        Assert.Equal(QmpStatus.Corrupt, (await session.Ended.WaitAsync(s_long, Cancel)).Status);
    }

    [Fact]
    public async Task An_answer_of_the_wrong_shape_is_corrupt_and_the_session_goes_on()
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        Task<QmpOutcome<IReadOnlyList<BlockJobInfo>>> asking =
            session.ExecuteAsync(QmpCommands.QueryBlockJobs, s_long, Cancel);
        await fake.Answer(await fake.Expect("query-block-jobs"), """{"not":"a list"}""");
        Assert.Equal(QmpStatus.Corrupt, (await asking).Status);
        Task<QmpOutcome<string>> next = Ask(session, synchronous: false);
        await fake.Answer(await fake.Expect("query-status"), """{"status":"running"}""");
        Assert.True((await next).IsOk);
    }

    [Fact]
    public async Task A_wait_takes_the_first_event_that_satisfies_it_even_before_it_is_asked()
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        using QmpEventWait wait = session.Expect(QmpEvent.Migration, e => e.Text("status") == "completed");
        await fake.Event("STOP");
        await fake.Event("MIGRATION", """{"status":"active"}""");
        await fake.Event("MIGRATION", """{"status":"completed"}""");
        Assert.True((await wait.WaitAsync(s_long, Cancel)).IsOk);
        Assert.True(wait.Wait(s_long).IsOk);
    }

    [Fact]
    public async Task A_wait_for_an_event_that_does_not_come_times_out_and_one_on_a_dead_session_is_gone()
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        using QmpEventWait wait = session.Expect(QmpEvent.Stop);
        Assert.Equal(QmpStatus.TimedOut, (await wait.WaitAsync(s_short, Cancel)).Status);
        fake.Close();
        Assert.Equal(QmpStatus.Gone, (await wait.WaitAsync(s_long, Cancel)).Status);
    }

    [Fact]
    public async Task A_subscriber_sees_events_until_it_is_disposed()
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        var seen = new List<string>();
        IDisposable subscription = session.Subscribe(e => seen.Add(e.Name));
        using QmpEventWait stop = session.Expect(QmpEvent.Stop);
        using QmpEventWait resume = session.Expect(QmpEvent.Resume);
        await fake.Event("STOP");
        await stop.WaitAsync(s_long, Cancel);
        subscription.Dispose();
        await fake.Event("RESUME");
        await resume.WaitAsync(s_long, Cancel);
        Assert.Equal(["STOP"], seen);
    }

    [Fact]
    public async Task A_command_that_was_begun_is_finished_later()
    {
        await using var fake = new FakeQemu();
        using QmpSession session = await Connect(fake);
        QmpCall<QmpNothing> call = session.Begin(QmpCommands.Stop);
        await fake.Answer(await fake.Expect("stop"));
        Assert.True(session.Finish(call, s_long).IsOk);
    }

    [Fact]
    public async Task The_brake_needs_out_of_band_commands()
    {
        await using var fake = new FakeQemu();
        Task<QmpOutcome<QemuBrake>> connecting = QemuBrake.ConnectAsync(fake.Path, s_long, Cancel);
        await fake.Serve("""{"QMP":{"version":{"qemu":{"micro":0,"minor":2,"major":7}},"capabilities":[]}}""");
        QmpOutcome<QemuBrake> brake = await connecting;
        Assert.Equal(QmpStatus.QemuError, brake.Status);
        Assert.Contains("out-of-band", brake.Description, StringComparison.Ordinal);
    }

    private static async Task<QmpSession> Connect(FakeQemu fake)
    {
        Task<QmpOutcome<QmpSession>> connecting = QmpSession.ConnectAsync(fake.Path, s_long, Cancel);
        await fake.Serve();
        QmpOutcome<QmpSession> outcome = await connecting;
        Assert.True(outcome.IsOk, outcome.ToString());
        return outcome.Value;
    }

    private static Task<QmpOutcome<string>> Ask(QmpSession session, bool synchronous) => synchronous
        ? Task.Run(() => session.Execute(QmpCommands.QueryStatus, s_long), Cancel)
        : session.ExecuteAsync(QmpCommands.QueryStatus, s_long, Cancel);
}
