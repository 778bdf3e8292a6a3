using System.Text;

namespace Umbra.Controller.Security;

/// <summary>
/// Files that only their owner may read (0600), replaced as a whole and on disk before anybody is told.
/// </summary>
public static class PrivateFiles
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a directory that only its owner may enter (0700), unless there is one.</summary>
    public static void CreateDirectory(string path) =>
        Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);

    /// <summary>Makes an empty file that only its owner may read, unless there is one.</summary>
    public static void CreateEmpty(string path)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, UnixCreateMode = OwnerOnly,
        };
        using var file = new FileStream(path, options);
    }

    /// <summary>
    /// Writes <paramref name="text"/> to <paramref name="path"/>: the old contents or the new, never half.
    /// </summary>
    public static void Write(string path, string text)
    {
        string temporary = path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
        };
        using (var file = new FileStream(temporary, options))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
