using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Umbra.Core.Basics;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.DeviceState;

/// <summary>
/// Gives a standby (<c>-S -incoming defer</c>, RAM and disks filled) its device state, in two steps: the prefix, which
/// can be sent long before, and the sections. A load that fails ends that QEMU, which says why on its standard error
/// only, and so does the end of this object before the second step; start another one then.
/// </summary>
/// <remarks>
/// QEMU reads its incoming stream in a coroutine: while it waits for the rest, its monitor answers, its status is
/// <c>inmigrate</c> and RAM and disks are as free to be filled as before.
/// </remarks>
public sealed class DeviceStateLoader : IDisposable
{
    private const byte DescriptionSection = 0x06;

    private readonly Socket _socket;
    private readonly QmpEventWait _ended;

    private DeviceStateLoader(Socket socket, QmpEventWait ended, ulong prefixHash)
    {
        (_socket, _ended, PrefixHash) = (socket, ended, prefixHash);
    }

    /// <summary>Hash of the prefix that the standby has got: sections of no other can follow.</summary>
    public ulong PrefixHash { get; }

    /// <summary>Once, after the standby has started: what can be done before anything of the state is there.</summary>
    public static Task<QmpOutcome<QmpNothing>> PrepareAsync(
        QmpSession monitor, TimeSpan deadline, CancellationToken cancel = default) =>
        monitor.ExecuteAsync(MigrationCapabilities.Command, deadline, cancel);

    /// <summary>Sends a blob's prefix, on the calling thread.</summary>
    /// <param name="monitor">The standby's first monitor, prepared.</param>
    /// <param name="blob">One that has its prefix with it.</param>
    /// <param name="socketPath">Path for a unix socket that the standby makes.</param>
    /// <param name="deadline">For everything together.</param>
    public static QmpOutcome<DeviceStateLoader> Begin(
        QmpSession monitor, DeviceStateBlob blob, string socketPath, TimeSpan deadline)
    {
        Invariant.Holds(!blob.Prefix.IsEmpty, "a prefix: without it the guest could never reboot");
        QmpEventWait ended = monitor.Expect(
            QmpEvent.Migration, e => e.Text("status") is "completed" or "failed");
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var loader = new DeviceStateLoader(socket, ended, blob.PrefixHash);
        QmpOutcome<QmpNothing> begun = monitor.Execute(QmpCommands.MigrateIncoming("unix:" + socketPath), deadline);
        if (begun.IsOk)
        {
            string error = loader.Connect(socketPath);
            if (error.Length == 0) error = loader.Send([blob.Prefix], deadline);
            if (error.Length == 0) return QmpOutcome.Ok(loader);
            begun = QmpOutcome.Failed<QmpNothing>(QmpStatus.QemuError, error);
        }

        loader.Dispose();
        return begun.As<DeviceStateLoader>();
    }

    /// <summary>
    /// Sends the sections and waits until they are loaded, on the calling thread; the VM stays paused and <c>cont</c>
    /// runs it.
    /// </summary>
    /// <param name="state"><see cref="DeviceStateBlob.State"/> of a blob with this prefix.</param>
    /// <param name="deadline">For everything together.</param>
    public QmpOutcome<QmpNothing> Finish(ReadOnlyMemory<byte> state, TimeSpan deadline)
    {
        long start = Stopwatch.GetTimestamp();
        string error = Send([state, Description()], deadline);
        // Where sending fails, QEMU has closed its end for a reason; its own end says more.
        QmpOutcome<QmpEvent> end = _ended.Wait(deadline - Stopwatch.GetElapsedTime(start));
        if (!end.IsOk) return end.As<QmpNothing>();
        return end.Value.Text("status") == "completed" && error.Length == 0
            ? QmpOutcome.Ok(default(QmpNothing))
            : QmpOutcome.Failed<QmpNothing>(QmpStatus.QemuError, "device state was not taken; " + error);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        _ended.Dispose();
    }

    private string Connect(string socketPath)
    {
        try
        {
            _socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            return "";
        }
        catch (SocketException e)
        {
            return "connecting to the standby failed: " + e.Message;
        }
        finally
        {
            File.Delete(socketPath);
        }
    }

    private string Send(ReadOnlySpan<ReadOnlyMemory<byte>> parts, TimeSpan deadline)
    {
        try
        {
            _socket.SendTimeout = Math.Max(1, (int)deadline.TotalMilliseconds);
            foreach (ReadOnlyMemory<byte> part in parts) SendWhole(part.Span);
            return "";
        }
        catch (SocketException e)
        {
            return "sending it failed: " + e.Message;
        }
    }

    private void SendWhole(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[_socket.Send(bytes)..];
    }

    /// <summary>The stream's own description, which a QEMU expects at the end; an empty one will do.</summary>
    private static byte[] Description()
    {
        byte[] json = Encoding.ASCII.GetBytes("{\"devices\":[]}");
        byte[] section = new byte[5 + json.Length];
        section[0] = DescriptionSection;
        BinaryPrimitives.WriteInt32BigEndian(section.AsSpan(1), json.Length);
        json.CopyTo(section, 5);
        return section;
    }
}
