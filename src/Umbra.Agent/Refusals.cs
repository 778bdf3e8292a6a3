using System.ComponentModel;
using System.Net.Sockets;

namespace Umbra.Agent;

/// <summary>What the machine refuses may go well the next time; every other exception is a bug.</summary>
internal static class Refusals
{
    /// <summary>Whether <paramref name="e"/> is the machine's refusal of something that was asked of it.</summary>
    public static bool Is(Exception e) => e is IOException or UnauthorizedAccessException or InvalidOperationException
        or TimeoutException or SocketException or Win32Exception;
}
