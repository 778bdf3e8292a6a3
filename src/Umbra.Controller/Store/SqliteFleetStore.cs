using Microsoft.Data.Sqlite;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Core.Diagnosis;
using Umbra.Core.Placement;
using Umbra.Core.Swap;

namespace Umbra.Controller.Store;

/// <summary>
/// The embedded store: one SQLite file in WAL mode, one connection, one writer. Records are JSON (docs/formats/
/// controller-store.md); a VM's ownership register stands in columns of its own besides, and what is in the columns
/// counts. Calls may come from any thread.
/// </summary>
public sealed class SqliteFleetStore : IFleetStore
{
    /// <summary>Version of the tables, in <c>PRAGMA user_version</c>.</summary>
    public const int SchemaVersion = 3;

    /// <summary>Events kept; the oldest go first.</summary>
    public const int EventsMax = 100_000;

    private const int EventsPruneEvery = 1000;

    // Nobody else may have the file; who finds it locked learns it within this.
    private const int LockTimeoutSeconds = 2;

    // What each version adds to the one before it; what stands here is never changed.
    private static readonly string[] Versions =
    [
        """
        CREATE TABLE hosts (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE vms (
            name TEXT PRIMARY KEY, generation INTEGER NOT NULL, holder TEXT NOT NULL, request TEXT NOT NULL,
            record TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE events (
            number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL, vm TEXT, host TEXT,
            text TEXT NOT NULL) STRICT;
        CREATE TABLE tokens (hash TEXT PRIMARY KEY, expires INTEGER NOT NULL, uses INTEGER NOT NULL)
            STRICT, WITHOUT ROWID;
        """,
        """
        CREATE TABLE diagnoses (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
        """,
        "-- A diagnosis may be 'examining', which earlier controllers cannot read.",
    ];

    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;

    /// <summary>Opens the store at <paramref name="path"/>, or makes it.</summary>
    /// <exception cref="InvalidDataException">It was written by a newer version.</exception>
    public SqliteFleetStore(string path)
    {
        var settings = new SqliteConnectionStringBuilder
        {
            DataSource = path, Pooling = false, DefaultTimeout = LockTimeoutSeconds,
        };
        _connection = new SqliteConnection(settings.ToString());
        try
        {
            _connection.Open();
            Run("PRAGMA journal_mode = WAL; PRAGMA locking_mode = EXCLUSIVE;");
            Migrate(path);
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public FleetRecords Load()
    {
        lock (_lock)
        {
            var hosts = Query(
                "SELECT record FROM hosts ORDER BY name", static row => Parse<HostRecord>(row.GetString(0)));
            var vms = Query("SELECT record, generation, holder, request FROM vms ORDER BY name", ReadVm);
            return new FleetRecords(hosts, vms);
        }
    }

    /// <inheritdoc/>
    public bool Commit(FleetChange change)
    {
        lock (_lock)
        {
            int records = change.Vms.Count + change.DeletedVms.Count + change.Hosts.Count + change.DeletedHosts.Count
                + change.Diagnoses.Count + change.DroppedDiagnoses.Count;
            using var transaction = Begin(durable: records > 0);
            foreach (var vm in change.Vms)
            {
                if (!Write(vm)) return false;
            }

            foreach (var vm in change.DeletedVms) Run("DELETE FROM vms WHERE name = $1", vm.Value);
            foreach (var host in change.Hosts)
            {
                Run("INSERT OR REPLACE INTO hosts (name, record) VALUES ($1, $2)",
                    host.Name.Value, FleetJson.SerializeToText(host));
            }

            foreach (var host in change.DeletedHosts) Run("DELETE FROM hosts WHERE name = $1", host.Value);
            foreach (var diagnosis in change.Diagnoses) Write(diagnosis);
            foreach (string id in change.DroppedDiagnoses) Run("DELETE FROM diagnoses WHERE id = $1", id);
            foreach (var entry in change.Events) Append(entry);
            transaction.Commit();
            return true;
        }
    }

    /// <inheritdoc/>
    public FenceOutcome? Fence(VmId vm, FenceClaim claim, bool rehearsal = false)
    {
        lock (_lock)
        {
            using var transaction = Begin(durable: true);
            var found = Query(
                "SELECT record, generation, holder, request FROM vms WHERE name = $1", ReadVm, vm.Value);
            if (found.Count == 0) return null;
            var answer = Fencing.Decide(found[0].Ownership, claim);
            var next = found[0].AfterFence(answer);
            bool written = Write(new VmWrite(next, found[0].Ownership));
            Invariant.Holds(written, "the register cannot change within the transaction that read it");
            if (rehearsal) transaction.Rollback();
            else transaction.Commit();
            return new FenceOutcome(answer, next);
        }
    }

    /// <inheritdoc/>
    public EventPage ReadEvents(long since, int limit)
    {
        lock (_lock)
        {
            var events = Query(
                "SELECT number, time, kind, vm, host, text FROM events WHERE number > $1 ORDER BY number LIMIT $2",
                ReadEvent, since, limit);
            var bounds = Query(
                "SELECT (SELECT coalesce(min(number), 0) FROM events), "
                + "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)",
                static row => (Oldest: row.GetInt64(0), Newest: row.GetInt64(1)))[0];
            return new EventPage(events, bounds.Oldest, bounds.Newest);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<DiagnosisRecord> ReadDiagnoses()
    {
        lock (_lock)
        {
            return Query(
                "SELECT record FROM diagnoses ORDER BY number DESC",
                static row => Parse<DiagnosisRecord>(row.GetString(0)));
        }
    }

    /// <inheritdoc/>
    public DiagnosisRecord? ReadDiagnosis(string id)
    {
        lock (_lock)
        {
            return Query(
                "SELECT record FROM diagnoses WHERE id = $1",
                static row => Parse<DiagnosisRecord>(row.GetString(0)), id).FirstOrDefault();
        }
    }

    /// <inheritdoc/>
    public void AddToken(TokenRecord token)
    {
        lock (_lock)
        {
            using var transaction = Begin(durable: true);
            Run("INSERT INTO tokens (hash, expires, uses) VALUES ($1, $2, $3)",
                token.Hash, token.Expires.ToUnixTimeMilliseconds(), token.Uses);
            transaction.Commit();
        }
    }

    /// <inheritdoc/>
    public TokenUse UseToken(string hash, DateTimeOffset now, bool take)
    {
        lock (_lock)
        {
            using var transaction = Begin(durable: true);
            // Those that ended long ago are of no use even for a better error message.
            Run("DELETE FROM tokens WHERE expires < $1", now.AddDays(-30).ToUnixTimeMilliseconds());
            var found = Query("SELECT expires, uses FROM tokens WHERE hash = $1",
                static row => (Expires: row.GetInt64(0), Uses: row.GetInt32(1)), hash);
            var use = found.Count == 0 ? TokenUse.Unknown
                : found[0].Expires <= now.ToUnixTimeMilliseconds() ? TokenUse.Expired
                : found[0].Uses == 0 ? TokenUse.UsedUp
                : TokenUse.Accepted;
            if (take && use == TokenUse.Accepted) Run("UPDATE tokens SET uses = uses - 1 WHERE hash = $1", hash);
            transaction.Commit();
            return use;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private void Migrate(string path)
    {
        long version = Query("PRAGMA user_version", static row => row.GetInt64(0))[0];
        if (version > SchemaVersion)
        {
            throw new InvalidDataException(
                $"{path} has version {version}, this controller knows {SchemaVersion}: run the newer controller");
        }

        if (version == SchemaVersion) return;
        using var transaction = Begin(durable: true);
        for (long next = version; next < SchemaVersion; next++) Run(Versions[next]);
        Run($"PRAGMA user_version = {SchemaVersion}");
        transaction.Commit();
    }

    // FULL: the commit is on disk when it returns. NORMAL: it may be lost with the power, but never out of order.
    private SqliteTransaction Begin(bool durable)
    {
        Run(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        return _connection.BeginTransaction(deferred: false);
    }

    private bool Write(VmWrite write)
    {
        var (vm, owner) = (write.Vm, write.Vm.Ownership);
        string record = FleetJson.SerializeToText(vm);
        long generation = checked((long)owner.Generation.Value);
        if (write.Expected is null)
        {
            return 1 == Run(
                "INSERT OR IGNORE INTO vms (name, generation, holder, request, record) VALUES ($1, $2, $3, $4, $5)",
                vm.Name.Value, generation, owner.Holder.Value, owner.Request, record);
        }

        return 1 == Run(
            "UPDATE vms SET generation = $2, holder = $3, request = $4, record = $5 "
            + "WHERE name = $1 AND generation = $6 AND holder = $7 AND request = $8",
            vm.Name.Value, generation, owner.Holder.Value, owner.Request, record,
            checked((long)write.Expected.Generation.Value), write.Expected.Holder.Value, write.Expected.Request);
    }

    private void Write(DiagnosisRecord diagnosis)
    {
        Run("INSERT INTO diagnoses (id, record) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET record = $2",
            diagnosis.Id, FleetJson.SerializeToText(diagnosis));
        Run("DELETE FROM diagnoses WHERE number NOT IN "
            + "(SELECT number FROM diagnoses ORDER BY number DESC LIMIT $1)", DiagnosisRecord.KeptMax);
    }

    private void Append(FleetEvent entry)
    {
        Run("INSERT INTO events (time, kind, vm, host, text) VALUES ($1, $2, $3, $4, $5)",
            entry.Time.ToUnixTimeMilliseconds(), entry.Kind, entry.Vm?.Value, entry.Host?.Value, entry.Text);
        long number = Query("SELECT last_insert_rowid()", static row => row.GetInt64(0))[0];
        if (number % EventsPruneEvery == 0) Run("DELETE FROM events WHERE number <= $1", number - EventsMax);
    }

    private static VmRecord ReadVm(SqliteDataReader row) => Parse<VmRecord>(row.GetString(0)) with
    {
        Ownership = new Ownership(
            new Generation((ulong)row.GetInt64(1)), new HostId(row.GetString(2)), row.GetString(3)),
    };

    private static FleetEvent ReadEvent(SqliteDataReader row) => new()
    {
        Number = row.GetInt64(0),
        Time = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)),
        Kind = row.GetString(2),
        Vm = row.IsDBNull(3) ? null : new VmId(row.GetString(3)),
        Host = row.IsDBNull(4) ? null : new HostId(row.GetString(4)),
        Text = row.GetString(5),
    };

    private static T Parse<T>(string json)
        where T : class =>
        FleetJson.TryDeserialize<T>(System.Text.Encoding.UTF8.GetBytes(json), out string error)
            ?? throw new InvalidDataException($"the store holds a {typeof(T).Name} that does not parse: {error}");

    private int Run(string sql, params ReadOnlySpan<object?> values)
    {
        using var command = Command(sql, values);
        return command.ExecuteNonQuery();
    }

    private List<T> Query<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> values)
    {
        using var command = Command(sql, values);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(read(reader));
        return rows;
    }

    private SqliteCommand Command(string sql, ReadOnlySpan<object?> values)
    {
        var command = _connection.CreateCommand();
#pragma warning disable CA2100 // Every text here is a constant of this file; what comes from outside are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        for (int i = 0; i < values.Length; i++) command.Parameters.AddWithValue($"${i + 1}", values[i] ?? DBNull.Value);
        return command;
    }
}
