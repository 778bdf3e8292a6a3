using Microsoft.Extensions.Logging;

namespace Umbra.Controller;

/// <summary>Every message that the controller logs.</summary>
internal static partial class LogMessages
{
    [LoggerMessage(1, LogLevel.Information, "the store has {Hosts} hosts and {Vms} VMs")]
    public static partial void FleetLoaded(this ILogger log, int hosts, int vms);

    [LoggerMessage(2, LogLevel.Error, "a look at the fleet failed; trying again")]
    public static partial void TickFailed(this ILogger log, Exception exception);

    [LoggerMessage(3, LogLevel.Information, "{Kind} vm={Vm} host={Host}: {Text}")]
    public static partial void FleetEvent(this ILogger log, string kind, string vm, string host, string text);

    [LoggerMessage(4, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void RequestFailed(this ILogger log, Exception exception, string method, string path);

    [LoggerMessage(5, LogLevel.Warning, "a client certificate was refused: {Reason}")]
    public static partial void CertificateRefused(this ILogger log, string reason);

    [LoggerMessage(6, LogLevel.Warning, "{Host} asked to join and was refused: {Reason}")]
    public static partial void JoinRefused(this ILogger log, string host, string reason);
}
