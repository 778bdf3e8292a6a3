using Umbra.Core.Basics;
using Umbra.Core.Health;
using Umbra.Core.Health.Ipmi;
using Xunit;

namespace Umbra.Core.Tests.Health;

public sealed class HealthEdgesTests
{
    private static readonly HostId Host = new("a");
    private readonly HealthEdges _edges = new(Host, "ipmi");
    private DateTimeOffset _now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_state_is_told_when_it_turns_bad_and_once()
    {
        Assert.Empty(Look(Fan(HealthLevel.Ok)));
        HealthEvent told = Assert.Single(Look(Fan(HealthLevel.Critical)));
        Assert.Equal((HealthSeverity.Critical, "FAN1", "ipmi"), (told.Severity, told.Component, told.Source));
        Assert.Empty(Look(Fan(HealthLevel.Critical)));
    }

    [Fact]
    public void A_part_that_is_bad_at_the_first_look_is_told() =>
        Assert.Equal(HealthSeverity.Warning, Assert.Single(Look(Fan(HealthLevel.Warning))).Severity);

    [Fact]
    public void Recovery_is_told_after_some_calm_and_a_flapping_sensor_only_once()
    {
        Look(Fan(HealthLevel.Warning));
        for (int i = 0; i < 10; i++)
        {
            Assert.Empty(Look(Fan(HealthLevel.Ok)));
            Assert.Empty(Look(Fan(HealthLevel.Warning)));
        }

        Assert.Empty(Look(Fan(HealthLevel.Ok)));
        Assert.Empty(Look(Fan(HealthLevel.Ok)));
        Assert.Equal(HealthSeverity.Info, Assert.Single(Look(Fan(HealthLevel.Ok))).Severity);
    }

    [Fact]
    public void A_sensor_that_cannot_be_read_changes_nothing()
    {
        Look(Fan(HealthLevel.Critical));
        for (int i = 0; i < 10; i++) Assert.Empty(Look(Fan(HealthLevel.Unknown)));
        Assert.Empty(Look(Fan(HealthLevel.Critical)));
    }

    [Fact]
    public void A_count_is_told_when_it_rises_and_not_for_what_it_was_before()
    {
        Assert.Empty(Look(Errors(5)));
        HealthEvent rise = Assert.Single(Look(Errors(7)));
        Assert.Equal(HealthSeverity.Warning, rise.Severity);
        Assert.Contains("from 5 to 7", rise.Message, StringComparison.Ordinal);
        Assert.Empty(Look(Errors(7)));
        Assert.Empty(Look(Errors(0))); // the host was restarted
        Assert.Single(Look(Errors(1)));
    }

    [Fact]
    public void A_log_record_is_told_once_however_often_the_log_is_read()
    {
        HealthReport Sel(params string[] lines) => SystemEventLog.Parse(string.Join('\n', lines));
        const string old = " 1 | 04/01/2026 | 10:00:00 | Memory #0x53 | Correctable ECC | Asserted";
        const string recent = " 2 | 05/01/2026 | 11:50:00 | Memory #0x53 | Correctable ECC | Asserted";
        const string next = " 3 | 05/01/2026 | 12:00:10 | Fan FAN1 | Lower Critical going low | Asserted";
        const string untimed = " 4 |  Pre-Init  |0000000085| Fan FAN2 | Lower Critical going low | Asserted";
        Assert.Equal(_now.AddMinutes(-10), Assert.Single(Update(Sel(old, recent))).Time);
        Assert.Equal(ComponentKind.Fan, Assert.Single(Update(Sel(old, recent, next))).Kind);
        Assert.Empty(Update(Sel(next, old, recent)));
        Assert.Equal(_now, Assert.Single(Update(Sel(next, untimed))).Time);
        Assert.Empty(Update(Sel(old, recent, next, untimed)));
        // A cleared log numbers from 1 again: other records, though the numbers are known.
        Assert.Single(Update(Sel(" 1 | 05/01/2026 | 12:10:00 | Memory #0x53 | Uncorrectable ECC | Asserted")));
    }

    [Fact]
    public void What_a_log_got_while_nobody_read_it_is_told_however_old_and_what_was_told_counts_only()
    {
        const string told = " 2 | 05/01/2026 | 11:50:00 | Memory #0x53 | Correctable ECC | Asserted";
        const string beside = " 3 | 05/01/2026 | 11:50:00 | Memory #0x54 | Correctable ECC | Asserted";
        const string meanwhile = " 4 | 05/01/2026 | 13:00:00 | Fan FAN1 | Lower Critical going low | Asserted";
        const string future = " 5 | 01/01/2038 | 00:00:00 | Fan FAN2 | Lower Critical going low | Asserted";
        Update(SystemEventLog.Parse(told + "\n" + future));
        LogPosition position = _edges.Position!;
        Assert.Equal(_now.AddMinutes(-10), position.Time);

        var soon = new HealthEdges(Host, "ipmi", position);
        IReadOnlyList<HealthEvent> both = soon.Update(SystemEventLog.Parse(told + "\n" + beside), _now);
        Assert.Equal([true, false], both.Select(static e => e.WasTold));

        DateTimeOffset later = _now.AddHours(9);
        var next = new HealthEdges(Host, "ipmi", soon.Position);
        HealthEvent missed = Assert.Single(
            next.Update(SystemEventLog.Parse(string.Join('\n', told, beside, meanwhile)), later));
        Assert.Equal(("Fan FAN1", _now.AddHours(1), false), (missed.Component, missed.Time, missed.WasTold));
    }

    [Fact]
    public void A_position_remembers_so_many_entries_of_one_time_and_no_more()
    {
        LogPosition? position = null;
        for (int i = 0; i < 2 * LogPosition.IdsMax; i++) position = LogPosition.After(position, Entry($"{i}", _now));
        Assert.Equal(LogPosition.IdsMax, position!.Ids.Count);
        Assert.True(position.Covers(Entry("0", _now)));
        Assert.False(position.Covers(Entry("100", _now)));
        Assert.True(position.Covers(Entry("100", _now.AddSeconds(-1))));
        Assert.False(position.Covers(Entry("0", null)));
        Assert.Same(position, LogPosition.After(position, Entry("x", _now.AddSeconds(-1))));
        Assert.Same(position, LogPosition.After(position, Entry("x", null)));
    }

    [Fact]
    public void A_drive_that_vanishes_is_told_once_and_not_by_a_partial_look()
    {
        var drive = new HealthReading
        {
            Component = "sda", Kind = ComponentKind.Drive, Quantity = "state", Level = HealthLevel.Ok,
        };
        Look(drive, Fan(HealthLevel.Ok));
        for (int i = 0; i < 5; i++)
            Assert.Empty(_edges.Update(new HealthReport([], [], null) { IsPartial = true }, _now));
        var told = Enumerable.Range(0, 5).SelectMany(_ => Look(Fan(HealthLevel.Ok))).ToList();
        Assert.Equal("sda is not reported any more", Assert.Single(told).Message);
    }

    [Fact]
    public void A_storm_of_events_is_bounded_and_keeps_the_worst()
    {
        HealthReading[] bad = [.. Enumerable.Range(0, 500).Select(i => Fan(
            i == 499 ? HealthLevel.Critical : HealthLevel.Warning) with { Component = $"F{i}" })];
        IReadOnlyList<HealthEvent> events = Look(bad);
        Assert.Equal(HealthEdges.EventsMax, events.Count);
        Assert.Contains(events, static entry => entry.Severity == HealthSeverity.Critical);
        Assert.Contains("437 more events", events[^1].Message, StringComparison.Ordinal);
    }

    private static HealthRecord Entry(string id, DateTimeOffset? time) => new()
    {
        Id = id, Time = time, Component = "DIMM A1", Kind = ComponentKind.Memory, Severity = HealthSeverity.Warning,
        Message = "",
    };

    private static HealthReading Fan(HealthLevel level) => new()
    {
        Component = "FAN1", Kind = ComponentKind.Fan, Quantity = "speed", Value = 100, Unit = "RPM", Level = level,
    };

    private static HealthReading Errors(double count) => new()
    {
        Component = "DIMM A1", Kind = ComponentKind.Memory, Quantity = "corrected errors", Value = count,
        Level = HealthLevel.Ok, Rise = HealthSeverity.Warning,
    };

    private IReadOnlyList<HealthEvent> Look(params HealthReading[] readings) =>
        Update(new HealthReport(readings, [], null));

    private IReadOnlyList<HealthEvent> Update(HealthReport report)
    {
        Assert.Null(report.Error);
        return _edges.Update(report, _now);
    }
}
