using System.Diagnostics;
using Umbra.Core.Basics;
using Umbra.Qemu.Disks;
using Xunit;

namespace Umbra.Qemu.Tests.Disks;

/// <summary>The NBD server against the client it is made for: QEMU's own.</summary>
public sealed class NbdForeignClientTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MemoryExport _export = new(8 * Sizes.MiB);
    private readonly NbdServer _server;

    public NbdForeignClientTests()
    {
        _server = NbdServer.Start(_folder["s"]);
        _server.Exports.Set("disk", _export);
        _server.Exports.Set("other", new MemoryExport(Sizes.MiB));
    }

    public void Dispose()
    {
        _server.Dispose();
        _folder.Dispose();
    }

    private string Uri(string export) => $"nbd+unix:///{export}?socket={_folder["s"]}";

    [Fact]
    public void Qemu_io_reads_back_what_it_wrote_zeroed_and_flushed()
    {
        (int code, string output) = Run(
            "qemu-io", "-f", "raw", "-c", "write -P 0x5a 4096 300k", "-c", "write -z 64k 64k", "-c", "flush",
            "-c", "discard 1M 64k", "-c", "write -f -P 0x11 3M 512", "-c", "read -P 0x5a 4096 60k",
            "-c", "read -P 0 64k 64k", "-c", "read -P 0x11 3M 512", "-c", "write -P 3 2000k 5M", Uri("disk"));
        Assert.True(code == 0, output);
        Assert.DoesNotContain("verification failed", output, StringComparison.Ordinal);
        Assert.Equal(0x5a, _export.Content[4096]);
        Assert.Equal(0, _export.Content[64 * 1024]);
        Assert.Contains("flush", _export.Requests);
        Assert.Contains("trim 1048576 65536", _export.Requests);
    }

    [Fact]
    public void Qemu_img_copies_an_image_in_and_finds_it_equal()
    {
        byte[] image = new byte[_export.Bytes];
        new Random(5).NextBytes(image.AsSpan(Sizes.MiB, Sizes.MiB));
        File.WriteAllBytes(_folder["image"], image);
        (int code, string output) = Run(
            "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", _folder["image"], Uri("disk"));
        Assert.True(code == 0, output);
        Assert.Equal(image, _export.Content);
        (code, output) = Run("qemu-img", "compare", "-f", "raw", "-F", "raw", _folder["image"], Uri("disk"));
        Assert.True(code == 0, output);
    }

    [Fact]
    public void Qemu_nbd_lists_the_exports()
    {
        (int code, string output) = Run("qemu-nbd", "--list", "-k", _folder["s"]);
        Assert.True(code == 0, output);
        Assert.Contains("'disk'", output, StringComparison.Ordinal);
        Assert.Contains("'other'", output, StringComparison.Ordinal);
        Assert.Contains("size:  8388608", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Qemu_img_says_which_export_is_missing()
    {
        (int code, string output) = Run("qemu-img", "info", Uri("nothing"));
        Assert.NotEqual(0, code);
        Assert.Contains("no such export", output, StringComparison.Ordinal);
    }

    private static (int Code, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process? process = null;
        try
        {
            process = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"{program} is not installed (apt-get install qemu-utils)");
        }

        using (process)
        {
            Task<string> errors = process!.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            if (!process.WaitForExit(TimeSpan.FromSeconds(30))) process.Kill();
            return (process.ExitCode, output + errors.Result);
        }
    }
}
