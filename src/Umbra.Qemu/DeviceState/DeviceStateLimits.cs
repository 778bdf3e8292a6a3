namespace Umbra.Qemu.DeviceState;

/// <summary>Limits of device states.</summary>
public static class DeviceStateLimits
{
    /// <summary>
    /// Largest device state of one epoch, bytes. A small VM has 0.1 MiB; one with large devices a few.
    /// </summary>
    public const int StateBytesMax = 64 * 1024 * 1024;

    /// <summary>
    /// Largest migration stream taken for its prefix, bytes. More means that RAM is in it, which must not be.
    /// </summary>
    public const int MigrationBytesMax = 64 * 1024 * 1024;

    /// <summary>Most sections in a state.</summary>
    public const int SectionsMax = 4096;
}
