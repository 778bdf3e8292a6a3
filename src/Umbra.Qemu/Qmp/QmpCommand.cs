using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Umbra.Qemu.Qmp;

/// <summary>
/// One QMP command, encoded once and sent as often as one likes. <see cref="QmpCommands"/> makes them.
/// </summary>
/// <typeparam name="T">What it returns.</typeparam>
public sealed class QmpCommand<T>
{
    private readonly byte[] _head;

    /// <summary>Encodes a command.</summary>
    /// <param name="name">Its name in QEMU's schema.</param>
    /// <param name="arguments">Its arguments, or null.</param>
    /// <param name="parse">Reads the answer; throws <see cref="FormatException"/> when the shape is wrong.</param>
    /// <param name="outOfBand">Sent with <c>exec-oob</c>: runs even while the monitor's main loop hangs.</param>
    public QmpCommand(string name, JsonObject? arguments, Func<JsonElement, T> parse, bool outOfBand = false)
    {
        Name = name;
        Parse = parse;
        OutOfBand = outOfBand;
        string verb = outOfBand ? "exec-oob" : "execute";
        string tail = arguments is null ? "" : ",\"arguments\":" + arguments.ToJsonString();
        _head = Encoding.UTF8.GetBytes($"{{\"{verb}\":{JsonValue.Create(name).ToJsonString()}{tail},\"id\":");
    }

    /// <summary>The command's name.</summary>
    public string Name { get; }

    /// <summary>Whether it is sent out of band.</summary>
    public bool OutOfBand { get; }

    internal Func<JsonElement, T> Parse { get; }

    /// <summary>Writes the command's line with this id.</summary>
    internal void WriteTo(ArrayBufferWriter<byte> line, long id)
    {
        line.Write(_head);
        id.TryFormat(line.GetSpan(20), out int digits);
        line.Advance(digits);
        line.Write("}\n"u8);
    }
}
