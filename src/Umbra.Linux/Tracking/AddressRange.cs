namespace Umbra.Linux.Tracking;

/// <summary>Where guest RAM lies in its emulator's address space (host virtual addresses).</summary>
/// <param name="Start">First address, page aligned.</param>
/// <param name="Bytes">Length, whole pages.</param>
public readonly record struct AddressRange(ulong Start, long Bytes)
{
    /// <summary>First address behind it.</summary>
    public ulong End => Start + (ulong)Bytes;

    /// <inheritdoc/>
    public override string ToString() => $"{Start:x}-{End:x}";
}
