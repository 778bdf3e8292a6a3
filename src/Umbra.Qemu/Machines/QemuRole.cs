namespace Umbra.Qemu.Machines;

/// <summary>What a QEMU is started for.</summary>
public enum QemuRole
{
    /// <summary>It runs the VM from its power-on.</summary>
    Primary = 0,

    /// <summary>It waits, stopped, for device state; RAM and disks are filled from outside meanwhile.</summary>
    Standby = 1,
}
