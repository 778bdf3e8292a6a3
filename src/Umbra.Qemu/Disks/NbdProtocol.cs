namespace Umbra.Qemu.Disks;

/// <summary>
/// Numbers of the NBD protocol that this server speaks (NetworkBlockDevice/nbd, doc/proto.md). All integers on the wire
/// are big-endian.
/// </summary>
internal static class NbdProtocol
{
    // Handshake
    public const ulong ServerMagic = 0x4e42444d41474943; // "NBDMAGIC"
    public const ulong OptionMagic = 0x49484156454f5054; // "IHAVEOPT"
    public const ulong OptionReplyMagic = 0x0003e889045565a9;
    public const ushort ServerFixedNewstyle = 1 << 0;
    public const ushort ServerNoZeroes = 1 << 1;
    public const uint ClientFixedNewstyle = 1 << 0;
    public const uint ClientNoZeroes = 1 << 1;
    public const int OptionHeaderBytes = 16;
    public const int ExportNamePaddingBytes = 124;

    public const uint OptionExportName = 1;
    public const uint OptionAbort = 2;
    public const uint OptionList = 3;
    public const uint OptionInfo = 6;
    public const uint OptionGo = 7;

    public const uint ReplyAck = 1;
    public const uint ReplyServer = 2;
    public const uint ReplyInfo = 3;
    public const uint ReplyUnsupported = 0x80000001;
    public const uint ReplyInvalid = 0x80000003;
    public const uint ReplyUnknown = 0x80000006;
    public const uint ReplyTooBig = 0x80000009;

    public const ushort InfoExport = 0;
    public const ushort InfoBlockSize = 3;

    // Transmission
    public const uint RequestMagic = 0x25609513;
    public const uint SimpleReplyMagic = 0x67446698;
    public const int RequestBytes = 28;
    public const int SimpleReplyBytes = 16;

    public const ushort HasFlags = 1 << 0;
    public const ushort SendFlush = 1 << 2;
    public const ushort SendFua = 1 << 3;
    public const ushort SendTrim = 1 << 5;
    public const ushort SendWriteZeroes = 1 << 6;

    public const ushort CommandRead = 0;
    public const ushort CommandWrite = 1;
    public const ushort CommandDisconnect = 2;
    public const ushort CommandFlush = 3;
    public const ushort CommandTrim = 4;
    public const ushort CommandWriteZeroes = 6;

    public const ushort FlagFua = 1 << 0;
    public const ushort FlagNoHole = 1 << 1;
}
