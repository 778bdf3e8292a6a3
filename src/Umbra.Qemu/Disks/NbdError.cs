namespace Umbra.Qemu.Disks;

/// <summary>How an NBD request ended; the numbers are on the wire (doc/proto.md, "Error values").</summary>
public enum NbdError
{
    /// <summary>It succeeded.</summary>
    None = 0,

    /// <summary>The export could not do it.</summary>
    Io = 5,

    /// <summary>The request makes no sense: unknown command or flag, range outside the export, or too long.</summary>
    Invalid = 22,

    /// <summary>A write beyond the end of the export.</summary>
    NoSpace = 28,
}
