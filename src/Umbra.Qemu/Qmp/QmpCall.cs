namespace Umbra.Qemu.Qmp;

/// <summary>
/// A command that was sent and whose answer is still to be taken by <see cref="QmpSession.Finish{T}"/>.
/// </summary>
public readonly struct QmpCall<T>
{
    internal QmpCall(QmpCommand<T> command, long id, QmpPending pending)
    {
        Command = command;
        Id = id;
        Pending = pending;
    }

    internal QmpCommand<T> Command { get; }

    internal long Id { get; }

    internal QmpPending Pending { get; }
}

/// <summary>Where an answer arrives; one of kind Corrupt when the session ends first.</summary>
internal sealed class QmpPending()
    : TaskCompletionSource<QmpMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
