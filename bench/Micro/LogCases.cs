using Umbra.Core.Basics;
using Umbra.Core.Deltas;

namespace Umbra.Bench.Micro;

/// <summary>
/// The disk log under what one epoch of a database writes while nothing is read from the log, as behind a slow link:
/// what is left of the bytes.
/// </summary>
internal sealed class LogCases
{
    private const int Transactions = 500;
    private const int PagesPerTransaction = 4;
    private const int TablePages = 400;

    // Where things are, bytes: the table, the rollback journal, the filesystem's own journal.
    private const long Table = 0, Journal = 64 * Sizes.MiB, FileSystem = 128 * Sizes.MiB;
    private const int FileSystemBlocks = 4096;

    private readonly byte[] _block = new byte[4096];
    private readonly List<(long Offset, int Length)> _writes = [];

    public LogCases()
    {
        var random = new Random(1);
        random.NextBytes(_block);
        int commit = 0;
        for (int transaction = 0; transaction < Transactions; transaction++)
        {
            // Journal head, the pages as they were, the head again; the pages, the table's first among them; the end.
            _writes.Add((Journal, 512));
            for (int page = 0; page < PagesPerTransaction; page++) _writes.Add((Journal + 4096 + (page * 4096), 4096));
            _writes.Add((Journal, 512));
            _writes.Add((Table, 4096));
            for (int page = 1; page < PagesPerTransaction; page++)
                _writes.Add((Table + (Hot(random) * 4096L), 4096));
            _writes.Add((Journal, 512));
            for (int block = 0; block < 3; block++)
                _writes.Add((FileSystem + (commit++ % FileSystemBlocks * 4096L), 4096));
        }
    }

    public IEnumerable<MicroCase> All()
    {
        yield return Case("disk-log", _writes, $"{Transactions} transactions of a database in one epoch");
        yield return Case(
            "disk-log-new", [.. _writes.Select(static (_, n) => (n * 8192L, 4096))], "every block another one");
    }

    private MicroCase Case(string name, List<(long Offset, int Length)> writes, string note) =>
        new(name, writes.Sum(static write => (long)write.Length), () => Run(writes), note);

    // Half of the writes go to a tenth of the pages.
    private static int Hot(Random random) =>
        1 + random.Next(random.Next(2) == 0 ? (TablePages - 1) / 10 : TablePages - 1);

    private long Run(List<(long Offset, int Length)> writes)
    {
        var log = new BlockLog(64 * Sizes.MiB);
        foreach ((long offset, int length) in writes) log.TryWrite(0, offset, _block.AsSpan(0, length));
        return log.Bytes - ((log.End - log.First) * BlockLog.OperationBytes);
    }
}
