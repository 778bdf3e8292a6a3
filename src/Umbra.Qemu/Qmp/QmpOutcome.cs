namespace Umbra.Qemu.Qmp;

/// <summary>How a QMP command ended.</summary>
public enum QmpStatus
{
    /// <summary>QEMU answered with <c>return</c>.</summary>
    Ok = 0,

    /// <summary>QEMU answered with <c>error</c>: see class and description.</summary>
    QemuError = 1,

    /// <summary>No answer within the deadline. The command may still take effect; a late answer is dropped.</summary>
    TimedOut = 2,

    /// <summary>The connection is closed: QEMU ended, or closed the monitor.</summary>
    Gone = 3,

    /// <summary>What came from the socket is no QMP, or the answer has not the shape it must have.</summary>
    Corrupt = 4,
}

/// <summary>The outcome of one QMP command: a value, or why there is none.</summary>
/// <typeparam name="T">What the command returns.</typeparam>
/// <param name="Status">How it ended.</param>
/// <param name="Value">The answer; default unless <see cref="QmpStatus.Ok"/>.</param>
/// <param name="ErrorClass">QEMU's error class (<c>GenericError</c>, <c>CommandNotFound</c>, ...); else empty.</param>
/// <param name="Description">For people: what went wrong; empty when ok.</param>
public readonly record struct QmpOutcome<T>(QmpStatus Status, T Value, string ErrorClass, string Description)
{
    /// <summary>Whether the command succeeded.</summary>
    public bool IsOk => Status == QmpStatus.Ok;

    /// <summary>The same failure for another type of answer.</summary>
    public QmpOutcome<TOther> As<TOther>() => new(Status, default!, ErrorClass, Description);

    /// <inheritdoc/>
    public override string ToString() => IsOk ? "ok" : $"{Status}: {Description}";
}

/// <summary>Makes outcomes.</summary>
public static class QmpOutcome
{
    /// <summary>A success.</summary>
    public static QmpOutcome<T> Ok<T>(T value) => new(QmpStatus.Ok, value, "", "");

    /// <summary>A failure.</summary>
    public static QmpOutcome<T> Failed<T>(QmpStatus status, string description, string errorClass = "") =>
        new(status, default!, errorClass, description);
}

/// <summary>The answer of commands that return nothing.</summary>
public readonly record struct QmpNothing;
