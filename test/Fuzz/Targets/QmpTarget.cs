using System.Text;
using Umbra.Core.Basics;
using Umbra.Fuzz.Harness;
using Umbra.Qemu.Qmp;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// The QMP reader: whatever the bytes, lines within the limit and messages of a known kind; and cutting the bytes at
/// other places changes nothing.
/// </summary>
public sealed class QmpTarget : IFuzzTarget
{
    private const int LineBytesMax = 512;

    public string Name => "qmp";

    public IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. new[]
        {
            """{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7}},"capabilities":["oob"]}}""" + "\r\n",
            """{"return":{"status":"running"},"id":7}""" + "\r\n"
                + """{"error":{"class":"A","desc":"b"},"id":8}""" + "\n",
            """{"event":"STOP","data":{"x":[1,2.5,null,"\u00e4"]},"timestamp":{"seconds":1}}""" + "\n",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public void Run(ReadOnlySpan<byte> input)
    {
        byte[] bytes = input.ToArray();
        List<QmpMessage> whole = Read(bytes, bytes.Length);
        List<QmpMessage> pieces = Read(bytes, 3);
        Invariant.Holds(
            whole.Select(m => (m.Kind, m.Id, m.Name)).SequenceEqual(pieces.Select(m => (m.Kind, m.Id, m.Name))),
            "the same messages however the bytes are cut");
    }

    private static List<QmpMessage> Read(byte[] bytes, int piece)
    {
        var messages = new List<QmpMessage>();
        var reader = new QmpLineReader(LineBytesMax);
        for (int at = 0; at < bytes.Length && !reader.IsCorrupt;)
        {
            Memory<byte> space = reader.GetSpace();
            int count = Math.Min(Math.Min(piece, space.Length), bytes.Length - at);
            bytes.AsSpan(at, count).CopyTo(space.Span);
            reader.Advance(count);
            at += count;
            while (reader.TryReadLine(out ReadOnlyMemory<byte> line))
            {
                Invariant.Holds(line.Length <= LineBytesMax);
                messages.Add(QmpMessage.Parse(line));
            }
        }

        return messages;
    }
}
