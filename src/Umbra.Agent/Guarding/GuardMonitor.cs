using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Umbra.Linux.Machine;
using Umbra.Qemu.Disks;

namespace Umbra.Agent.Guarding;

/// <summary>
/// A guard's own connection to a VM's monitor, made while all is well: when QEMU's main loop hangs there is no making
/// one. It tries again and again until it has one (an older guard may hold it), reads all events away, and takes
/// out-of-band commands, which QEMU follows also while it hangs. One thread at a time speaks to it.
/// </summary>
internal sealed class GuardMonitor : IDisposable
{
    /// <summary>
    /// How long a monitor may take for the answers to what is asked at once. Meanwhile no lease is looked after, so it
    /// is a part of the margin between a lease and a takeover.
    /// </summary>
    public static readonly TimeSpan AnswerMax = TimeSpan.FromMilliseconds(200);

    /// <summary>A monitor whose buffer is full for longer is not spoken to.</summary>
    private static readonly TimeSpan SendMax = TimeSpan.FromMilliseconds(20);

    /// <summary>States in which an agent's barrier leaves a VM.</summary>
    private static readonly string[] BarrierStates = ["paused", "save-vm", "finish-migrate", "postmigrate"];

    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(20);

    private readonly string _socketPath;
    private readonly ManualResetEventSlim _ready = new();
    private readonly AutoResetEvent _answered = new(false);
    private volatile Socket? _socket;
    private volatile Answer? _answer;
    private volatile bool _isGone;
    private volatile bool _isClosed;
    private volatile bool _stopSeen;
    private int _pauseId;
    private int _newestId;

    /// <summary>A connection to the monitor at <paramref name="socketPath"/>, as soon as it is to be had.</summary>
    public GuardMonitor(string socketPath)
    {
        _socketPath = socketPath;
        new Thread(KeepConnected) { IsBackground = true, Name = "monitor " + socketPath }.Start();
    }

    /// <summary>Where the monitor listens.</summary>
    public string SocketPath => _socketPath;

    /// <summary>Whether there is a connection.</summary>
    public bool IsReady => _ready.IsSet;

    /// <summary>Asks how the VM stands, for <see cref="IsInBarrier"/>; 0: it cannot be asked.</summary>
    public int AskStatus() => Begin("query-status");

    /// <summary>Whether the VM stands still as an agent's barrier leaves it.</summary>
    /// <param name="asked">What <see cref="AskStatus"/> returned.</param>
    /// <param name="until">When the wait for the answer ends (<see cref="BootClock"/>).</param>
    public bool IsInBarrier(int asked, TimeSpan until) => Finish(asked, until) is { } answer
        && answer.TryGetProperty("status", out JsonElement status) && BarrierStates.Contains(status.GetString());

    /// <summary>
    /// Resumes the VM if an agent's barrier left it paused. True when nothing is left to do: it runs, its process is
    /// gone, or it is in a state that only a person or an agent may change. Within <see cref="AnswerMax"/>.
    /// </summary>
    public bool TryResume()
    {
        if (_isGone) return true;
        TimeSpan until = BootClock.Now + AnswerMax;
        if (Finish(AskStatus(), until) is not { } answer) return false;
        if (answer.GetProperty("running").GetBoolean()) return true;
        return !BarrierStates.Contains(answer.GetProperty("status").GetString())
            || Finish(Begin("cont"), until) is not null;
    }

    /// <summary>Begins to pause the VM, without waiting; <see cref="HasPaused"/> tells when it stands still.</summary>
    public void BeginPause()
    {
        _stopSeen = false;
        _pauseId = Begin("stop");
    }

    /// <summary>
    /// Whether what <see cref="BeginPause"/> began is done: the vCPUs are stopped (QEMU says so by an event before it
    /// flushes disks and answers) or the process is gone. Tells a monitor that was not ready as soon as it is.
    /// </summary>
    public bool HasPaused()
    {
        if (_isGone || _stopSeen) return true;
        if (_pauseId == 0) _pauseId = Begin("stop");
        return _pauseId != 0 && _answer is { Value: not null } answer && answer.Id == _pauseId;
    }

    /// <summary>Cuts the connections of a VM's mirrors: writes that hang on a server that stands still go on.</summary>
    public void Yank(int disks)
    {
        for (int disk = 0; disk < disks; disk++)
        {
            string node = DiskJobNames.Target(disk);
            // A disk without a mirror answers with an error, which is right; nobody waits for the answers.
            TrySend($$$"""
                {"exec-oob":"yank","id":0,"arguments":{"instances":[{"type":"block-node","node-name":"{{{node}}}"}]}}
                """);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isClosed = true;
        _socket?.Dispose();
    }

    private void KeepConnected()
    {
        while (!_isClosed)
        {
            try
            {
                Converse();
            }
            catch (SocketException e)
            {
                // Nobody listens: the process is gone.
                _isGone = e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable;
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or JsonException)
            {
                // The connection ended; a process that lives takes another one.
            }

            _ready.Reset();
            Thread.Sleep(RetryPause);
        }
    }

    private void Converse()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _socket = socket;
        if (_isClosed) return;
        socket.Connect(new UnixDomainSocketEndPoint(_socketPath));
        _isGone = false;
        socket.SendTimeout = (int)SendMax.TotalMilliseconds;
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        if (reader.ReadLine() is null) return;
        TrySend("""{"execute":"qmp_capabilities","id":-1,"arguments":{"enable":["oob"]}}""" + "\n");
        while (reader.ReadLine() is { } line) Take(line);
    }

    private void Take(string line)
    {
        using var document = JsonDocument.Parse(line);
        JsonElement root = document.RootElement;
        if (!root.TryGetProperty("id", out JsonElement id))
        {
            TakeEvent(root);
            return;
        }

        bool done = root.TryGetProperty("return", out JsonElement value);
        if (id.GetInt32() == -1) _ready.Set();
        if (id.GetInt32() <= 0) return;
        _answer = new Answer(id.GetInt32(), done ? value.Clone() : null);
        _answered.Set();
    }

    private void TakeEvent(JsonElement root)
    {
        if (!root.TryGetProperty("event", out JsonElement name)) return;
        if (name.ValueEquals("STOP")) _stopSeen = true;
        else if (name.ValueEquals("RESUME")) _stopSeen = false;
    }

    /// <summary>Sends a command and returns its id; 0 when there is no connection to send it by.</summary>
    private int Begin(string command)
    {
        if (!IsReady) return 0;
        int id = ++_newestId;
        string number = id.ToString(CultureInfo.InvariantCulture);
        return TrySend($$"""{"execute":"{{command}}","id":{{number}}}""" + "\n") ? id : 0;
    }

    /// <summary>What a command returned; null when it failed, or there was no answer in time.</summary>
    private JsonElement? Finish(int id, TimeSpan until)
    {
        while (id != 0)
        {
            if (_answer is { } answer && answer.Id == id) return answer.Value;
            TimeSpan left = until - BootClock.Now;
            if (left <= TimeSpan.Zero || !_answered.WaitOne(left)) return null;
        }

        return null;
    }

    private bool TrySend(string line)
    {
        try
        {
            return _socket?.Send(Encoding.UTF8.GetBytes(line)) > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    private sealed record Answer(int Id, JsonElement? Value);
}
