namespace Umbra.Qemu.Disks;

/// <summary>Why an NBD connection ended.</summary>
public enum NbdEndKind
{
    /// <summary>The client said so (DISC, ABORT).</summary>
    Disconnected = 0,

    /// <summary>The connection broke, was closed without a word, or its peer went silent.</summary>
    Gone = 1,

    /// <summary>The client sent what the protocol does not allow.</summary>
    Violation = 2,

    /// <summary>The export failed where the protocol knows no way to say so.</summary>
    ExportFailed = 3,
}

/// <summary>Why an NBD connection ended.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Description">For people.</param>
public readonly record struct NbdEnd(NbdEndKind Kind, string Description);
