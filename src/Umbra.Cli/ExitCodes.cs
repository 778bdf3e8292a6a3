using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>What the process's exit code means; the same for every command.</summary>
public static class ExitCodes
{
    /// <summary>It was done, or was so already.</summary>
    public const int Ok = 0;

    /// <summary>It was tried and failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line, or what was asked for, is not valid.</summary>
    public const int Usage = 2;

    /// <summary>There is no such VM, host or action.</summary>
    public const int NotFound = 3;

    /// <summary>It cannot be done as things are, or not by this caller.</summary>
    public const int Refused = 4;

    /// <summary>The controller cannot be reached, or is not known.</summary>
    public const int Unreachable = 5;

    /// <summary>As help shows them.</summary>
    public const string Help =
        "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 refused, 5 controller unreachable";

    /// <summary>The code for a problem that the controller answered with.</summary>
    public static int Of(ProblemKind kind) => kind switch
    {
        ProblemKind.Invalid => Usage,
        ProblemKind.NotFound => NotFound,
        ProblemKind.Refused or ProblemKind.Forbidden => Refused,
        _ => Failed,
    };
}
