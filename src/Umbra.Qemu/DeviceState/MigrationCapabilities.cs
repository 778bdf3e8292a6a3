using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.DeviceState;

/// <summary>
/// What both ends of a state's way need: shared RAM is left out of the stream, and the end is told by an event.
/// </summary>
internal static class MigrationCapabilities
{
    public static QmpCommand<QmpNothing> Command { get; } =
        QmpCommands.MigrateSetCapabilities(("x-ignore-shared", true), ("events", true));
}
