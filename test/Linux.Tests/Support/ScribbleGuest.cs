using System.Buffers.Binary;

namespace Umbra.Linux.Tests.Support;

/// <summary>
/// A guest of 46 bytes of machine code: a multiboot kernel that for ever writes words to random places of its RAM above
/// the first 2 MiB (a linear congruential generator chooses them), with a pause after each.
/// </summary>
internal static class ScribbleGuest
{
    public const long RamBytes = 64L << 20;
    private const uint Magic = 0x1BADB002, Flags = 0x00010000, LoadAddress = 0x100000;
    private const int HeaderBytes = 32;

    public static byte[] Image(uint pauseLoops)
    {
        byte[] code =
        [
            0xBB, 0x78, 0x56, 0x34, 0x12, // mov ebx, 0x12345678
            0x69, 0xDB, 0x0D, 0x66, 0x19, 0x00, // next: imul ebx, ebx, 1664525
            0x81, 0xC3, 0x5F, 0xF3, 0x6E, 0x3C, // add ebx, 1013904223
            0x89, 0xD8, // mov eax, ebx
            0xC1, 0xE8, 0x06, // shr eax, 6
            0x25, 0xFC, 0xFF, 0xFF, 0x03, // and eax, 0x03fffffc
            0x3D, 0x00, 0x00, 0x20, 0x00, // cmp eax, 0x200000
            0x72, 0xE3, // jb next
            0x89, 0x18, // mov [eax], ebx
            0xB9, 0, 0, 0, 0, // mov ecx, pauseLoops
            0x49, // wait: dec ecx
            0x75, 0xFD, // jnz wait
            0xEB, 0xD7, // jmp next
        ];
        BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan(37), pauseLoops);
        byte[] image = new byte[HeaderBytes + code.Length];
        uint end = LoadAddress + (uint)image.Length;
        uint[] header =
        [
            Magic, Flags, unchecked(0u - Magic - Flags), LoadAddress, LoadAddress, end, end, LoadAddress + HeaderBytes,
        ];
        for (int i = 0; i < header.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(4 * i), header[i]);
        code.CopyTo(image.AsSpan(HeaderBytes));
        return image;
    }
}
