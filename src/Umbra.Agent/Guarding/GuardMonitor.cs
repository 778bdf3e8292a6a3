using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Umbra.Agent.Guarding;

/// <summary>The few words of QMP that a guard needs, blocking and with a deadline.</summary>
internal static class GuardMonitor
{
    /// <summary>How long a monitor may take for an answer: part of the margin between a lease and a takeover.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Resumes the VM behind <paramref name="socketPath"/> if an agent's barrier left it paused. True when nothing is
    /// left to do: it runs, its process is gone, or it is in a state that only a person or an agent may change.
    /// </summary>
    public static bool TryResume(string socketPath) => Try(socketPath, static (stream, reader) =>
    {
        JsonElement status = Command(stream, reader, "query-status").GetProperty("return");
        if (status.GetProperty("running").GetBoolean()) return true;
        if (status.GetProperty("status").GetString() is not ("paused" or "save-vm" or "finish-migrate" or "postmigrate"))
            return true;
        return Command(stream, reader, "cont").TryGetProperty("return", out _);
    });

    /// <summary>Pauses the VM; true when its vCPUs are stopped or its process is gone.</summary>
    public static bool TryPause(string socketPath) => Try(
        socketPath, static (stream, reader) => Command(stream, reader, "stop").TryGetProperty("return", out _));

    /// <summary>What is left when the monitor does not answer: a VM whose process is gone runs nowhere.</summary>
    public static void Kill(int process)
    {
        try
        {
            using Process found = Process.GetProcessById(process);
            found.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // Gone already.
        }
    }

    /// <summary>Compiles and loads what the emergency needs while there is none.</summary>
    public static void WarmUp()
    {
        TryResume("/nonexistent/guard");
        using var document = JsonDocument.Parse("{\"return\":{\"running\":true,\"status\":\"running\"}}");
        document.RootElement.GetProperty("return").GetProperty("running").GetBoolean();
    }

    private static bool Try(string socketPath, Func<Stream, StreamReader, bool> talk)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.SendTimeout = socket.ReceiveTimeout = (int)Deadline.TotalMilliseconds;
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            using var stream = new NetworkStream(socket);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            reader.ReadLine();
            Command(stream, reader, "qmp_capabilities");
            return talk(stream, reader);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable)
        {
            return true; // nobody listens: the process is gone
        }
        catch (Exception e) when (e is IOException or SocketException or JsonException or InvalidOperationException
            or KeyNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Sends one command and reads to its answer; events on the way are skipped.</summary>
    private static JsonElement Command(Stream stream, StreamReader reader, string command)
    {
        stream.Write(Encoding.UTF8.GetBytes("{\"execute\":\"" + command + "\"}\n"));
        while (reader.ReadLine() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            if (root.TryGetProperty("return", out _) || root.TryGetProperty("error", out _)) return root.Clone();
        }

        throw new IOException("the monitor closed");
    }
}
