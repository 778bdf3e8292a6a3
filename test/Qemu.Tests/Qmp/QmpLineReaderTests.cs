using System.Text;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.Qmp;

public sealed class QmpLineReaderTests
{
    [Fact]
    public void Lines_come_out_whole_however_the_bytes_come_in()
    {
        string[] lines = ["a", "", new string('b', 40_000), "c"];
        byte[] bytes = Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n");
        foreach (int piece in (int[])[1, 7, 4096, bytes.Length])
        {
            var reader = new QmpLineReader();
            Assert.Equal(lines, Feed(reader, bytes, piece));
        }
    }

    [Fact]
    public void A_line_over_the_limit_is_corrupt_and_one_at_the_limit_is_not()
    {
        Assert.Single(Feed(new QmpLineReader(10), "0123456789\n"u8.ToArray(), 3));
        var reader = new QmpLineReader(10);
        Assert.Empty(Feed(reader, "0123456789a\n"u8.ToArray(), 3));
        Assert.True(reader.IsCorrupt);
    }

    private static List<string> Feed(QmpLineReader reader, byte[] bytes, int piece)
    {
        var lines = new List<string>();
        for (int at = 0; at < bytes.Length;)
        {
            Memory<byte> space = reader.GetSpace();
            int count = Math.Min(Math.Min(piece, space.Length), bytes.Length - at);
            bytes.AsSpan(at, count).CopyTo(space.Span);
            reader.Advance(count);
            at += count;
            while (reader.TryReadLine(out ReadOnlyMemory<byte> line)) lines.Add(Encoding.ASCII.GetString(line.Span));
        }

        return lines;
    }
}
