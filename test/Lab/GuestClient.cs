using System.Diagnostics;
using System.Text.Json;

namespace Umbra.Lab;

/// <summary>A line of the guest's stream (guest/README.md, port 7000).</summary>
public sealed record GuestLine(
    long Seq, long MonotonicNs, long Ops, long RamVerified, long RamErrors, long DiskVerified, long DiskErrors);

/// <summary>What a <see cref="GuestClient"/> has seen so far.</summary>
/// <param name="Lines">Lines received.</param>
/// <param name="LongestGap">Longest time between two lines.</param>
/// <param name="Broken">How the connection ended; null: it holds.</param>
/// <param name="Fault">First contradiction in what was received; null: none.</param>
/// <param name="Last">The newest line; null: none yet.</param>
public sealed record GuestRecord(long Lines, TimeSpan LongestGap, string? Broken, string? Fault, GuestLine? Last)
{
    /// <summary>Whether the one connection held and everything on it was right.</summary>
    public bool IsSound => Broken is null && Fault is null && Lines > 0;
}

/// <summary>
/// An outside client that holds one TCP connection to the guest's stream, checks that its numbers go up by one, that
/// guest time never runs backwards and that the guest finds no errors, and measures the gaps between lines.
/// </summary>
public sealed class GuestClient : IAsyncDisposable
{
    /// <summary>The guest's stream.</summary>
    public const int Port = 7000;

    private readonly Stream _stream;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly Task _reading;
    private GuestRecord _record = new(0, TimeSpan.Zero, null, null, null);
    private TimeSpan _gapSinceMark;
    private long _lastArrival;

    /// <summary>A client on a connection to the stream's port that is there already; owns it from now on.</summary>
    public GuestClient(Stream stream)
    {
        _stream = stream;
        _lastArrival = Stopwatch.GetTimestamp();
        _reading = ReadAsync();
    }

    /// <summary>What was seen so far. The time since the last line counts as a gap.</summary>
    public GuestRecord Record
    {
        get
        {
            lock (_lock) return _record with { LongestGap = Longer(_record.LongestGap, SinceLast()) };
        }
    }

    /// <summary>Longest gap since <see cref="Mark"/>.</summary>
    public TimeSpan GapSinceMark
    {
        get
        {
            lock (_lock) return Longer(_gapSinceMark, SinceLast());
        }
    }

    /// <summary>Connects once the guest listens.</summary>
    public static async Task<GuestClient> ConnectAsync(NamespaceDoor door, string address, TimeSpan limit)
    {
        Stream? stream = null;
        await Wait.UntilAsync($"the guest at {address} to listen", async () =>
        {
            try
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
                stream = await door.ConnectAsync(address, Port, patience.Token);
                return true;
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                return false;
            }
        }, limit);
        return new GuestClient(stream!);
    }

    /// <summary>Begins a new measurement of gaps.</summary>
    public void Mark()
    {
        lock (_lock) _gapSinceMark = TimeSpan.Zero;
    }

    /// <summary>Waits until <paramref name="count"/> more lines have come.</summary>
    public async Task WaitForLinesAsync(long count, TimeSpan limit)
    {
        long wanted = Record.Lines + count;
        await Wait.UntilAsync(
            $"{count} lines of the guest",
            () => Task.FromResult(Record.Lines >= wanted || Record.Broken is not null),
            limit);
        if (Record.Broken is { } broken) throw new IOException(broken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _stream.DisposeAsync();
        await _reading;
        _stop.Dispose();
    }

    private static TimeSpan Longer(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private TimeSpan SinceLast() => Stopwatch.GetElapsedTime(_lastArrival);

    private async Task ReadAsync()
    {
        string broken = "the guest closed the connection";
        try
        {
            using var reader = new StreamReader(_stream, leaveOpen: true);
            while (await reader.ReadLineAsync(_stop.Token) is { } line) Take(line);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            broken = e.Message;
        }

        lock (_lock) _record = _record with { Broken = broken };
    }

    private void Take(string text)
    {
        GuestLine? line = TryParse(text);
        lock (_lock)
        {
            TimeSpan gap = SinceLast();
            _lastArrival = Stopwatch.GetTimestamp();
            bool isFirst = _record.Lines == 0;
            if (!isFirst) _gapSinceMark = Longer(_gapSinceMark, gap);
            _record = _record with
            {
                Lines = _record.Lines + 1,
                LongestGap = isFirst ? TimeSpan.Zero : Longer(_record.LongestGap, gap),
                Fault = _record.Fault ?? FaultOf(line, _record.Last, text),
                Last = line ?? _record.Last,
            };
        }
    }

    private static GuestLine? TryParse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<GuestLine>(text, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? FaultOf(GuestLine? line, GuestLine? last, string text)
    {
        if (line is null) return $"not a line of the guest: {text}";
        if (line.Seq != (last?.Seq ?? 0) + 1) return $"line {line.Seq} came after line {last?.Seq ?? 0}";
        if (line.MonotonicNs < last?.MonotonicNs) return $"guest time ran backwards at line {line.Seq}";
        if (line.RamErrors > 0) return $"the guest found {line.RamErrors} errors in its memory";
        return line.DiskErrors > 0 ? $"the guest found {line.DiskErrors} errors on its disks" : null;
    }
}
