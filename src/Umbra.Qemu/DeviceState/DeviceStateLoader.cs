using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Umbra.Core.Basics;
using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.DeviceState;

/// <summary>
/// Gives a standby (<c>-S -incoming defer</c>, RAM and disks filled) its device state. A failed load ends that QEMU,
/// which
/// says why on its standard error only; start another one then.
/// </summary>
public static class DeviceStateLoader
{
    private const byte DescriptionSection = 0x06;

    /// <summary>Once, after the standby has started: all that can be done before the state is there.</summary>
    public static Task<QmpOutcome<QmpNothing>> PrepareAsync(
        QmpSession monitor, TimeSpan deadline, CancellationToken cancel = default) =>
        monitor.ExecuteAsync(MigrationCapabilities.Command, deadline, cancel);

    /// <summary>
    /// Loads the state, on the calling thread; the VM stays paused and <c>cont</c> runs it.
    /// </summary>
    /// <param name="monitor">The standby's first monitor, prepared.</param>
    /// <param name="prefix">The prefix that <see cref="DeviceStateBlob.PrefixHash"/> names.</param>
    /// <param name="state"><see cref="DeviceStateBlob.State"/>.</param>
    /// <param name="socketPath">Path for a unix socket that the standby makes.</param>
    /// <param name="deadline">For everything together.</param>
    public static QmpOutcome<QmpNothing> Load(
        QmpSession monitor,
        ReadOnlyMemory<byte> prefix,
        ReadOnlyMemory<byte> state,
        string socketPath,
        TimeSpan deadline)
    {
        Invariant.Holds(!prefix.IsEmpty, "a prefix: without it the guest could never reboot");
        long start = Stopwatch.GetTimestamp();
        using QmpEventWait ended = monitor.Expect(
            QmpEvent.Migration, e => e.Text("status") is "completed" or "failed");
        QmpOutcome<QmpNothing> begun = monitor.Execute(QmpCommands.MigrateIncoming("unix:" + socketPath), deadline);
        if (!begun.IsOk) return begun;
        string sendError = Send(socketPath, [prefix, state, Description()], deadline);
        // Where sending fails, QEMU has closed its end for a reason; its own end says more.
        QmpOutcome<QmpEvent> end = ended.Wait(deadline - Stopwatch.GetElapsedTime(start));
        if (!end.IsOk) return end.As<QmpNothing>();
        return end.Value.Text("status") == "completed" && sendError.Length == 0
            ? begun
            : QmpOutcome.Failed<QmpNothing>(QmpStatus.QemuError, "device state was not taken; " + sendError);
    }

    private static string Send(string socketPath, ReadOnlyMemory<byte>[] parts, TimeSpan deadline)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            {
                SendTimeout = Math.Max(1, (int)deadline.TotalMilliseconds),
            };
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            foreach (ReadOnlyMemory<byte> part in parts) SendWhole(socket, part.Span);
            return "";
        }
        catch (SocketException e)
        {
            return "sending it failed: " + e.Message;
        }
        finally
        {
            File.Delete(socketPath);
        }
    }

    private static void SendWhole(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[socket.Send(bytes)..];
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
