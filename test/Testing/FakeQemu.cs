using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Umbra.Testing;

/// <summary>
/// A QMP monitor that does exactly what a test says: it answers late, in pieces, with garbage, or not at all. One
/// client. The test reads the commands and writes the answers.
/// </summary>
public sealed class FakeQemu : IAsyncDisposable
{
    /// <summary>What QEMU 7.2 says first.</summary>
    public const string Greeting =
        """{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7},"package":"fake"},"capabilities":["oob"]}}""";

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _directory = Directory.CreateTempSubdirectory("umbra-fake-").FullName;
    private Socket? _client;
    private StreamReader? _reader;

    public FakeQemu()
    {
        Path = System.IO.Path.Combine(_directory, "qmp.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(1);
    }

    /// <summary>Its socket.</summary>
    public string Path { get; }

    /// <summary>Takes the client without a word.</summary>
    public async Task Accept()
    {
        _client = await _listener.AcceptAsync();
        _reader = new StreamReader(new NetworkStream(_client), Encoding.UTF8);
    }

    /// <summary>Takes the client, greets it and grants its capabilities.</summary>
    public async Task Serve(string greeting = Greeting)
    {
        await Accept();
        await Say(greeting);
        await Answer(await Expect("qmp_capabilities"));
    }

    /// <summary>The next command's line.</summary>
    public async Task<JsonElement> NextCommand()
    {
        string line = await _reader!.ReadLineAsync() ?? throw new InvalidOperationException("the client has gone");
        using JsonDocument document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }

    /// <summary>The next command's id; it must have this name, in band or out of band.</summary>
    public async Task<long> Expect(string command)
    {
        JsonElement line = await NextCommand();
        JsonElement name = line.TryGetProperty("execute", out JsonElement inBand)
            ? inBand
            : line.GetProperty("exec-oob");
        if (name.GetString() != command) throw new InvalidOperationException($"{command} expected, got {line}");
        return line.GetProperty("id").GetInt64();
    }

    /// <summary>Answers a command with this JSON.</summary>
    public Task Answer(long id, string json = "{}") => Say($$"""{"return":{{json}},"id":{{id}}}""");

    /// <summary>Answers a command with an error.</summary>
    public Task Refuse(long id, string description) =>
        Say($$$"""{"error":{"class":"GenericError","desc":"{{{description}}}"},"id":{{{id}}}}""");

    /// <summary>Sends an event.</summary>
    public Task Event(string name, string data = "{}") =>
        Say($$$"""{"event":"{{{name}}}","data":{{{data}}},"timestamp":{"seconds":1,"microseconds":2}}""");

    /// <summary>Sends a line.</summary>
    public Task Say(string line) => Send(Encoding.UTF8.GetBytes(line + "\r\n"));

    /// <summary>Sends bytes as they are.</summary>
    public async Task Send(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[await _client!.SendAsync(bytes)..];
    }

    /// <summary>Closes the connection, as a QEMU that died.</summary>
    public void Close() => _client?.Dispose();

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _client?.Dispose();
        _listener.Dispose();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
