namespace Umbra.Qemu.Tests.Disks;

/// <summary>A folder with a short path (unix sockets take 107 bytes), removed in the end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("nbd").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
