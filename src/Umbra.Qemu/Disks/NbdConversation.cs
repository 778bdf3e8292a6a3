namespace Umbra.Qemu.Disks;

/// <summary>
/// One client's whole conversation, handshake and transmission, over any stream. Whatever the client sends, it ends
/// with a reason and never with an exception.
/// </summary>
public sealed class NbdConversation(NbdExports exports, Stream stream)
{
    private readonly NbdWire _wire = new(stream);

    /// <summary>
    /// Name-choosing is over and requests are served: from here on the client may be silent for long.
    /// </summary>
    public event Action? Entered;

    /// <summary>Talks on the calling thread until the connection ends.</summary>
    public NbdEnd Run()
    {
        try
        {
            INbdExport? export = new NbdHandshake(_wire, exports).Run(out NbdEnd end);
            if (export is null) return end;
            Entered?.Invoke();
            return new NbdTransmission(_wire, export).Run();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return new(NbdEndKind.Gone, e.Message);
        }
    }
}
