using System.Buffers;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Umbra.Core.Basics;

namespace Umbra.Qemu.Qmp;

/// <summary>Why a session ended.</summary>
public readonly record struct QmpEnd(QmpStatus Status, string Description);

/// <summary>
/// One QMP monitor connection over a unix socket (QEMU's docs/interop/qmp-spec). Thread-safe; commands may be
/// pipelined. A thread of its own reads what comes while nobody waits; a caller of <see cref="Execute{T}"/> reads the
/// answer on its own thread, which saves the hand-over between threads inside a VM's pause.
/// QEMU serves one client per monitor socket: a second one is connected, but never greeted.
/// </summary>
public sealed class QmpSession : IDisposable
{
    private readonly Socket _socket;
    private readonly QmpLineReader _lines = new();
    private readonly Lock _readGate = new();
    private readonly Lock _stateGate = new();
    private readonly Lock _sendGate = new();
    private readonly ArrayBufferWriter<byte> _sendBuffer = new(512);
    private readonly Dictionary<long, QmpPending> _pending = [];
    private readonly TaskCompletionSource<QmpEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<JsonElement> _greeting = new();
    private volatile Action<QmpEvent>[] _subscribers = [];
    private long _lastId;

    private QmpSession(Socket socket) => _socket = socket;

    /// <summary>Completes when the connection has ended, with the reason.</summary>
    public Task<QmpEnd> Ended => _ended.Task;

    /// <summary>Whether QEMU offered, and we enabled, out-of-band commands.</summary>
    public bool HasOutOfBand { get; private set; }

    /// <summary>QEMU's version.</summary>
    public Version QemuVersion { get; private set; } = new(0, 0, 0);

    /// <summary>Connects, reads the greeting and negotiates capabilities, all within the deadline.</summary>
    public static async Task<QmpOutcome<QmpSession>> ConnectAsync(
        string socketPath, TimeSpan deadline, CancellationToken cancel = default)
    {
        long start = Stopwatch.GetTimestamp();
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // Connecting a unix socket never waits on the peer's program, and a socket that never did anything
            // asynchronously stays a plain blocking one: reads are then bare system calls.
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            return QmpOutcome.Failed<QmpSession>(QmpStatus.Gone, $"cannot connect to {socketPath}: {e.Message}");
        }

        var session = new QmpSession(socket);
        session.StartReader(socketPath);
        QmpOutcome<QmpNothing> negotiated = await session.NegotiateAsync(socketPath, start, deadline, cancel);
        if (negotiated.IsOk) return QmpOutcome.Ok(session);
        session.Dispose();
        return negotiated.As<QmpSession>();
    }

    /// <summary>Sends the command and waits for its answer without holding a thread.</summary>
    public async Task<QmpOutcome<T>> ExecuteAsync<T>(
        QmpCommand<T> command, TimeSpan deadline, CancellationToken cancel = default)
    {
        var pending = new QmpPending();
        long id = Send(command, pending);
        try
        {
            await pending.Task.WaitAsync(deadline > TimeSpan.Zero ? deadline : TimeSpan.Zero, cancel);
        }
        catch (TimeoutException)
        {
        }
        finally
        {
            Forget(id);
        }

        return Outcome(command, pending, deadline);
    }

    /// <summary>As the other, with <see cref="QmpLimits.CommandDeadline"/>.</summary>
    public Task<QmpOutcome<T>> ExecuteAsync<T>(QmpCommand<T> command, CancellationToken cancel = default) =>
        ExecuteAsync(command, QmpLimits.CommandDeadline, cancel);

    /// <summary>
    /// Sends the command and reads on the calling thread until its answer is there: the quick way inside a pause.
    /// </summary>
    public QmpOutcome<T> Execute<T>(QmpCommand<T> command, TimeSpan deadline)
    {
        // Taken before sending, so that the reader thread does not get to the answer first.
        lock (_readGate) return Finish(Begin(command), deadline);
    }

    /// <summary>
    /// Sends the command without waiting: QEMU works on it while the caller does something else. Every call is to be
    /// finished once by <see cref="Finish{T}"/>.
    /// </summary>
    public QmpCall<T> Begin<T>(QmpCommand<T> command)
    {
        var pending = new QmpPending();
        return new QmpCall<T>(command, Send(command, pending), pending);
    }

    /// <summary>Waits for the answer of a command that was begun, reading on the calling thread.</summary>
    public QmpOutcome<T> Finish<T>(QmpCall<T> call, TimeSpan deadline)
    {
        ReadUntil(call.Pending.Task, deadline);
        Forget(call.Id);
        return Outcome(call.Command, call.Pending, deadline);
    }

    /// <summary>
    /// Calls <paramref name="handler"/> for every event until disposed. It runs on the thread that reads, so it must be
    /// quick and must not execute commands.
    /// </summary>
    public IDisposable Subscribe(Action<QmpEvent> handler)
    {
        lock (_stateGate) _subscribers = [.. _subscribers, handler];
        return new Subscription(this, handler);
    }

    /// <summary>Listens from now on for an event of this name that satisfies <paramref name="predicate"/>.</summary>
    public QmpEventWait Expect(string eventName, Func<QmpEvent, bool>? predicate = null) =>
        new(this, e => e.Name == eventName && (predicate is null || predicate(e)));

    /// <summary>Closes the connection. The VM runs on.</summary>
    public void Dispose()
    {
        End(QmpStatus.Gone, "the session was closed by us");
        _socket.Dispose();
    }

    /// <summary>Reads on this thread until the task is complete, the session ended or time is up.</summary>
    internal void ReadUntil(Task task, TimeSpan deadline)
    {
        long start = Stopwatch.GetTimestamp();
        lock (_readGate)
        {
            while (!task.IsCompleted && !_ended.Task.IsCompleted)
            {
                TimeSpan left = deadline - Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero || !IsReadable(left)) return;
                ReceiveOnce();
            }
        }
    }

    private async Task<QmpOutcome<QmpNothing>> NegotiateAsync(
        string path, long start, TimeSpan deadline, CancellationToken cancel)
    {
        try
        {
            await Task.WhenAny(_greeting.Task, Ended).WaitAsync(
                deadline > TimeSpan.Zero ? deadline : TimeSpan.Zero, cancel);
        }
        catch (TimeoutException)
        {
            return QmpOutcome.Failed<QmpNothing>(
                QmpStatus.TimedOut, $"no greeting on {path}: QEMU hangs, or another client holds this monitor");
        }

        if (!_greeting.Task.IsCompleted)
            return QmpOutcome.Failed<QmpNothing>(Ended.Result.Status, Ended.Result.Description);
        JsonElement greeting = _greeting.Task.Result;
        bool offersOutOfBand = greeting.Items("capabilities")
            .Any(c => c.ValueKind == JsonValueKind.String && c.ValueEquals("oob"));
        JsonElement version = greeting.Member("version")?.Member("qemu") ?? default;
        QemuVersion = new((int)version.Number("major"), (int)version.Number("minor"), (int)version.Number("micro"));
        QmpOutcome<QmpNothing> outcome = await ExecuteAsync(
            QmpCommands.Capabilities(offersOutOfBand), deadline - Stopwatch.GetElapsedTime(start), cancel);
        HasOutOfBand = outcome.IsOk && offersOutOfBand;
        return outcome;
    }

    private void StartReader(string path) =>
        new Thread(ReadLoop) { IsBackground = true, Name = "qmp " + Path.GetFileName(path) }.Start();

    private void ReadLoop()
    {
        while (!_ended.Task.IsCompleted)
        {
            if (!IsReadable(Timeout.InfiniteTimeSpan)) continue;
            lock (_readGate)
            {
                // A caller that waits for its answer may have taken the bytes meanwhile.
                if (!_ended.Task.IsCompleted && IsReadable(TimeSpan.Zero)) ReceiveOnce();
            }
        }
    }

    private bool IsReadable(TimeSpan wait)
    {
        try
        {
            return _socket.Poll(wait, SelectMode.SelectRead);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            End(QmpStatus.Gone, "monitor connection failed: " + e.Message);
            return false;
        }
    }

    /// <summary>One read of what is there; under the read gate.</summary>
    private void ReceiveOnce()
    {
        try
        {
            int count = _socket.Receive(_lines.GetSpace().Span);
            if (count == 0)
            {
                End(QmpStatus.Gone, "QEMU closed the monitor connection");
                return;
            }

            _lines.Advance(count);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            End(QmpStatus.Gone, "monitor connection failed: " + e.Message);
            return;
        }

        while (_lines.TryReadLine(out ReadOnlyMemory<byte> line)) Take(QmpMessage.Parse(line));
        if (_lines.IsCorrupt) End(QmpStatus.Corrupt, $"a line longer than {QmpLimits.LineBytesMax} bytes");
    }

    private void Take(in QmpMessage message)
    {
        switch (message.Kind)
        {
            case QmpMessageKind.Greeting:
                _greeting.TrySetResult(message.Body);
                break;
            case QmpMessageKind.Event:
                var e = new QmpEvent(message.Name, message.Body);
                foreach (Action<QmpEvent> handler in _subscribers) handler(e);
                break;
            case QmpMessageKind.Return or QmpMessageKind.Error:
                Answer(message);
                break;
            default:
                End(QmpStatus.Corrupt, "not QMP: " + message.Description);
                break;
        }
    }

    private void Answer(in QmpMessage message)
    {
        QmpPending? pending;
        lock (_stateGate) _pending.TryGetValue(message.Id, out pending);
        if (pending is not null)
            pending.TrySetResult(message);
        else if (message is { Kind: QmpMessageKind.Error, Id: < 0 })
            // QEMU could not even parse a line of ours: nobody else would ever hear of it.
            End(QmpStatus.Corrupt, "QEMU did not understand us: " + message.Description);
    }

    private long Send<T>(QmpCommand<T> command, QmpPending pending)
    {
        long id = Interlocked.Increment(ref _lastId);
        lock (_stateGate)
        {
            if (_ended.Task.IsCompleted)
            {
                pending.TrySetResult(default);
                return id;
            }

            Invariant.Holds(_pending.Count < QmpLimits.PendingMax, "fewer QMP commands in flight than the limit");
            _pending.Add(id, pending);
        }

        lock (_sendGate)
        {
            _sendBuffer.ResetWrittenCount();
            command.WriteTo(_sendBuffer, id);
            try
            {
                _socket.Send(_sendBuffer.WrittenSpan);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                End(QmpStatus.Gone, "monitor connection failed: " + e.Message);
            }
        }

        return id;
    }

    private void Forget(long id)
    {
        lock (_stateGate) _pending.Remove(id);
    }

    private QmpOutcome<T> Outcome<T>(QmpCommand<T> command, QmpPending pending, TimeSpan deadline)
    {
        if (!pending.Task.IsCompleted || pending.Task.Result.Kind == QmpMessageKind.Corrupt)
        {
            return _ended.Task.IsCompleted
                ? QmpOutcome.Failed<T>(_ended.Task.Result.Status, $"{command.Name}: {_ended.Task.Result.Description}")
                : QmpOutcome.Failed<T>(
                    QmpStatus.TimedOut, $"{command.Name}: no answer within {deadline.TotalMilliseconds:0} ms");
        }

        QmpMessage answer = pending.Task.Result;
        if (answer.Kind == QmpMessageKind.Error)
            return QmpOutcome.Failed<T>(QmpStatus.QemuError, $"{command.Name}: {answer.Description}", answer.Name);
        try
        {
            return QmpOutcome.Ok(command.Parse(answer.Body));
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            return QmpOutcome.Failed<T>(QmpStatus.Corrupt, $"{command.Name}: {e.Message}");
        }
    }

    private void End(QmpStatus status, string description)
    {
        QmpPending[] pending;
        lock (_stateGate)
        {
            if (!_ended.TrySetResult(new QmpEnd(status, description))) return;
            pending = [.. _pending.Values];
            _pending.Clear();
        }

        foreach (QmpPending waiter in pending) waiter.TrySetResult(default); // no answer: the outcome tells
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Already closed by the other end.
        }
    }

    private sealed class Subscription(QmpSession session, Action<QmpEvent> handler) : IDisposable
    {
        public void Dispose()
        {
            lock (session._stateGate) session._subscribers = [.. session._subscribers.Where(s => s != handler)];
        }
    }
}
