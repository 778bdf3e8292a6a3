namespace Umbra.Qemu.Machines;

/// <summary>Names of things inside the QEMUs that Umbra starts.</summary>
public static class QemuNames
{
    /// <summary>Longest device id: with its prefix it must fit QEMU's 31 characters for node names.</summary>
    public const int DeviceIdMax = 24;

    /// <summary>The block node that a disk's device reads and writes.</summary>
    public static string DiskNode(string diskId) => "disk-" + diskId;

    /// <summary>The network back end of a NIC.</summary>
    public static string Netdev(string nicId) => "net-" + nicId;
}
