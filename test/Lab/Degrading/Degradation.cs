namespace Umbra.Lab.Degrading;

/// <summary>A way to make one host of a lab worse, step by step, and to undo that.</summary>
public abstract class Degradation
{
    /// <summary>What it does, and what of it is simulated, for people.</summary>
    public abstract string What { get; }

    /// <summary>Its steps in words, each worse than the one before.</summary>
    public abstract IReadOnlyList<string> Steps { get; }

    /// <summary>How long one step is kept before the next.</summary>
    public virtual TimeSpan StepTime => TimeSpan.FromSeconds(10);

    /// <summary>Goes to a step of <see cref="Steps"/>.</summary>
    public abstract Task GoToAsync(int step);

    /// <summary>All is well again.</summary>
    public abstract Task UndoAsync();
}
