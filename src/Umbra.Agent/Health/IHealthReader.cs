using Umbra.Core.Health;

namespace Umbra.Agent.Health;

/// <summary>Looks at one source of hardware health when asked to.</summary>
public interface IHealthReader : IDisposable
{
    /// <summary>Its name, as people see it.</summary>
    string Name { get; }

    /// <summary>From the end of one look to the beginning of the next.</summary>
    TimeSpan Period { get; }

    /// <summary>A look that takes longer is given up: the source is silent.</summary>
    TimeSpan Deadline { get; }

    /// <summary>Whether the log that it reads has a clock of its own: by that one knows what was told of it.</summary>
    bool HasDatedLog => false;

    /// <summary>Looks once. Never called again before the last look has ended.</summary>
    Task<ReadOutcome> ReadAsync(CancellationToken stop);
}
