using Microsoft.Extensions.Logging;

namespace Umbra.Agent;

/// <summary>Everything that an agent logs, in one place.</summary>
internal static partial class LogMessages
{
    [LoggerMessage(1, LogLevel.Warning, "pair connection of {From} refused: {Reason}")]
    public static partial void PairRefused(this ILogger log, string from, string reason);

    [LoggerMessage(2, LogLevel.Warning, "the controller does not answer: {Reason}")]
    public static partial void ControllerAway(this ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Information, "the controller answers")]
    public static partial void ControllerBack(this ILogger log);

    [LoggerMessage(4, LogLevel.Information, "{Kind} {Vm}: {Text}")]
    public static partial void Happened(this ILogger log, string kind, string vm, string text);

    [LoggerMessage(5, LogLevel.Information,
        "agent of {Host} runs: pairs at {Endpoint}, state in {State}, memory in {Memory}")]
    public static partial void AgentRuns(this ILogger log, string host, string endpoint, string state, string memory);

    [LoggerMessage(6, LogLevel.Error, "{Vm}: reconciling failed")]
    public static partial void KeeperFailed(this ILogger log, string vm, Exception error);

    [LoggerMessage(8, LogLevel.Warning, "{What}")]
    public static partial void MachineLacks(this ILogger log, string what);

    [LoggerMessage(9, LogLevel.Warning, "{Kind} {Vm}: {Text}")]
    public static partial void Warned(this ILogger log, string kind, string vm, string text);

    [LoggerMessage(7, LogLevel.Critical, "{What}")]
    public static partial void CannotStart(this ILogger log, string what);
}
