using Umbra.Core.Api;

namespace Umbra.Cli;

/// <summary>A command cannot go on; it is told once, where the command line is run.</summary>
public sealed class CliException : Exception
{
    /// <summary>With an exit code and what to do about it.</summary>
    public CliException(int exitCode, string message, string whatToDo = "")
        : base(message)
    {
        ExitCode = exitCode;
        WhatToDo = whatToDo;
    }

    /// <summary>The controller has answered with a problem.</summary>
    public CliException(ApiProblem problem)
        : base(problem.Detail == "" ? problem.Title : problem.Detail)
    {
        ExitCode = ExitCodes.Of(problem.Kind);
        WhatToDo = problem.WhatToDo;
    }

    /// <summary>The process's exit code.</summary>
    public int ExitCode { get; }

    /// <summary>What the reader can do; may be empty.</summary>
    public string WhatToDo { get; }
}
