using System.Buffers.Binary;

namespace Umbra.Fuzz.Harness;

/// <summary>
/// Makes hostile inputs out of valid samples: flips, truncation, splices, repeated parts, tampered length fields. The
/// same seed gives the same inputs on every machine.
/// </summary>
public sealed class Mutator(IReadOnlyList<byte[]> samples, int seed)
{
    /// <summary>Longest input it makes, bytes.</summary>
    public const int InputBytesMax = 2 * 1024 * 1024;

    // Values that length, count and offset fields break at.
    private static readonly ulong[] s_edges =
    [
        0, 1, 2, 7, 8, 63, 64, 127, 128, 255, 256, 511, 512, 4095, 4096, 4097, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
        0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF,
    ];

    private readonly Random _random = new(seed);

    /// <summary>The next input: now and then a sample as it is, mostly one with 1 to 6 mutations.</summary>
    public byte[] Next()
    {
        byte[] input = (byte[])samples[_random.Next(samples.Count)].Clone();
        int mutations = _random.Next(16) == 0 ? 0 : 1 + _random.Next(6);
        for (int i = 0; i < mutations; i++) input = Mutate(input);
        return input.Length <= InputBytesMax ? input : input[..InputBytesMax];
    }

    private byte[] Mutate(byte[] input) => input.Length == 0 ? Noise() : _random.Next(9) switch
    {
        0 => FlipBit(input),
        1 => SetByte(input),
        2 => Truncate(input),
        3 => Splice(input),
        4 => Repeat(input),
        5 => Remove(input),
        6 => [.. input, .. Noise()],
        _ => TamperField(input),
    };

    private byte[] FlipBit(byte[] input)
    {
        input[Position(input)] ^= (byte)(1 << _random.Next(8));
        return input;
    }

    private byte[] SetByte(byte[] input)
    {
        input[Position(input)] = (byte)s_edges[_random.Next(s_edges.Length)];
        return input;
    }

    private byte[] Truncate(byte[] input) => input[..Position(input)];

    private byte[] Splice(byte[] input)
    {
        byte[] other = samples[_random.Next(samples.Count)];
        return [.. input[..Position(input)], .. other[_random.Next(other.Length + 1)..]];
    }

    private byte[] Repeat(byte[] input)
    {
        int from = Position(input);
        int to = Math.Min(input.Length, from + 1 + _random.Next(512));
        return [.. input[..to], .. input[from..]];
    }

    private byte[] Remove(byte[] input)
    {
        int from = Position(input);
        int to = Math.Min(input.Length, from + 1 + _random.Next(64));
        return [.. input[..from], .. input[to..]];
    }

    private byte[] TamperField(byte[] input)
    {
        Span<byte> field = stackalloc byte[8];
        ulong value = s_edges[_random.Next(s_edges.Length)] + (ulong)_random.Next(-1, 2);
        if (_random.Next(2) == 0) BinaryPrimitives.WriteUInt64LittleEndian(field, value);
        else BinaryPrimitives.WriteUInt64BigEndian(field, value << (8 * _random.Next(8)));
        int width = 1 << _random.Next(4);
        int at = Position(input);
        width = Math.Min(width, input.Length - at);
        field[..width].CopyTo(input.AsSpan(at));
        return input;
    }

    // Headers decide most: half of all positions are among the first 64 bytes.
    private int Position(byte[] input) =>
        _random.Next(_random.Next(2) == 0 ? Math.Min(64, input.Length) : input.Length);

    private byte[] Noise()
    {
        byte[] noise = new byte[_random.Next(1, 64)];
        _random.NextBytes(noise);
        return noise;
    }
}
