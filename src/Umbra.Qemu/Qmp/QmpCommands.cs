using System.Text.Json;
using System.Text.Json.Nodes;

namespace Umbra.Qemu.Qmp;

/// <summary>
/// The QMP commands that Umbra uses, typed. Those without arguments are encoded once. Names and arguments are those of
/// QEMU's QAPI schema (7.2 to 10.0).
/// </summary>
public static class QmpCommands
{
    /// <summary>Stops the vCPUs and drains block requests; answered when both are done.</summary>
    public static QmpCommand<QmpNothing> Stop { get; } = Nothing("stop");

    /// <summary>Lets the vCPUs run.</summary>
    public static QmpCommand<QmpNothing> Cont { get; } = Nothing("cont");

    /// <summary>Run state: <c>running</c>, <c>paused</c>, <c>inmigrate</c>, ...</summary>
    public static QmpCommand<string> QueryStatus { get; } = new("query-status", null, e => e.Text("status"));

    /// <summary>State of the migration, and what blocks one.</summary>
    public static QmpCommand<MigrationInfo> QueryMigrate { get; } = new("query-migrate", null, MigrationInfo.Parse);

    /// <summary>Presses the guest's power button.</summary>
    public static QmpCommand<QmpNothing> SystemPowerdown { get; } = Nothing("system_powerdown");

    /// <summary>Resets the guest.</summary>
    public static QmpCommand<QmpNothing> SystemReset { get; } = Nothing("system_reset");

    /// <summary>Ends QEMU at once.</summary>
    public static QmpCommand<QmpNothing> Quit { get; } = Nothing("quit");

    /// <summary>Cancels a migration that is under way.</summary>
    public static QmpCommand<QmpNothing> MigrateCancel { get; } = Nothing("migrate_cancel");

    /// <summary>
    /// The machine type that runs, its alias resolved: <c>pc-q35-7.2</c>; empty where QEMU cannot tell.
    /// </summary>
    public static QmpCommand<string> MachineType { get; } = QomGetText("/machine", "type");

    /// <summary>Block devices as the guest sees them.</summary>
    public static QmpCommand<IReadOnlyList<BlockDeviceInfo>> QueryBlock { get; } =
        new("query-block", null, e => e.ArrayItems().Select(BlockDeviceInfo.Parse).ToArray());

    /// <summary>Named block nodes.</summary>
    public static QmpCommand<IReadOnlyList<BlockNodeInfo>> QueryNamedBlockNodes { get; } =
        new(
            "query-named-block-nodes",
            Object(("flat", true)),
            e => e.ArrayItems().Select(BlockNodeInfo.Parse).ToArray());

    /// <summary>Block jobs that exist.</summary>
    public static QmpCommand<IReadOnlyList<BlockJobInfo>> QueryBlockJobs { get; } =
        new("query-block-jobs", null, e => e.ArrayItems().Select(BlockJobInfo.Parse).ToArray());

    /// <summary>I/O counters of the block devices.</summary>
    public static QmpCommand<IReadOnlyList<BlockStats>> QueryBlockStats { get; } =
        new("query-blockstats", null, e => e.ArrayItems().Select(BlockStats.Parse).ToArray());

    /// <summary>Thread ids of the vCPUs, in order of their index.</summary>
    public static QmpCommand<IReadOnlyList<int>> QueryCpuThreads { get; } = new(
        "query-cpus-fast",
        null,
        e => e.ArrayItems().OrderBy(c => c.Number("cpu-index")).Select(c => (int)c.Number("thread-id")).ToArray());

    /// <summary>Memory backends.</summary>
    public static QmpCommand<IReadOnlyList<MemoryBackend>> QueryMemoryBackends { get; } = new(
        "query-memdev",
        null,
        e => e.ArrayItems().Select(b => new MemoryBackend(b.Text("id"), b.Number("size"), b.Flag("share"))).ToArray());

    /// <summary>QEMU's version, without its patch level.</summary>
    public static QmpCommand<Version> QueryVersion { get; } = new(
        "query-version",
        null,
        e => e.Member("qemu") is { } qemu
            ? new Version(VersionPart(qemu, "major"), VersionPart(qemu, "minor"))
            : new Version(0, 0));

    /// <summary>Negotiates capabilities; the first command of every session.</summary>
    public static QmpCommand<QmpNothing> Capabilities(bool outOfBand) =>
        Nothing("qmp_capabilities", outOfBand ? Object(("enable", new JsonArray("oob"))) : null);

    /// <summary>
    /// Writes the device state of the stopped VM to a file. Never call it while <see cref="QueryMigrate"/> names
    /// blockers: QEMU 7.2 dies of it.
    /// </summary>
    /// <param name="path">File on tmpfs, created or overwritten by QEMU.</param>
    public static QmpCommand<QmpNothing> XenSaveDevicesState(string path) =>
        Nothing("xen-save-devices-state", Object(("filename", path), ("live", false)));

    /// <summary>Starts an outgoing migration.</summary>
    public static QmpCommand<QmpNothing> Migrate(string uri) => Nothing("migrate", Object(("uri", uri)));

    /// <summary>Starts the incoming migration that <c>-incoming defer</c> put off.</summary>
    public static QmpCommand<QmpNothing> MigrateIncoming(string uri) =>
        Nothing("migrate-incoming", Object(("uri", uri)));

    /// <summary>Sets migration capabilities.</summary>
    public static QmpCommand<QmpNothing> MigrateSetCapabilities(params (string Name, bool On)[] capabilities)
    {
        var list = new JsonArray();
        foreach ((string name, bool on) in capabilities)
            list.Add((JsonNode)Object(("capability", name), ("state", on)));
        return Nothing("migrate-set-capabilities", Object(("capabilities", list)));
    }

    /// <summary>Adds a block node; <paramref name="options"/> as in QEMU's <c>BlockdevOptions</c>.</summary>
    public static QmpCommand<QmpNothing> BlockdevAdd(JsonObject options) => Nothing("blockdev-add", options);

    /// <summary>Removes a block node.</summary>
    public static QmpCommand<QmpNothing> BlockdevDel(string nodeName) =>
        Nothing("blockdev-del", Object(("node-name", nodeName)));

    /// <summary>Starts a mirror job; <paramref name="options"/> as in QEMU's schema.</summary>
    public static QmpCommand<QmpNothing> BlockdevMirror(JsonObject options) => Nothing("blockdev-mirror", options);

    /// <summary>Starts a backup job; <paramref name="options"/> as in QEMU's schema.</summary>
    public static QmpCommand<QmpNothing> BlockdevBackup(JsonObject options) => Nothing("blockdev-backup", options);

    /// <summary>Starts several backup jobs, all of them or none.</summary>
    public static QmpCommand<QmpNothing> BlockdevBackups(IEnumerable<JsonObject> options)
    {
        var actions = new JsonArray();
        foreach (JsonObject one in options) actions.Add((JsonNode)Object(("type", "blockdev-backup"), ("data", one)));
        return Nothing("transaction", Object(("actions", actions)));
    }

    /// <summary>Has a block node note where it is written to, in pieces of 64 KiB.</summary>
    public static QmpCommand<QmpNothing> BlockDirtyBitmapAdd(string nodeName, string bitmap) =>
        Nothing("block-dirty-bitmap-add", Object(("node", nodeName), ("name", bitmap)));

    /// <summary>Removes such a note.</summary>
    public static QmpCommand<QmpNothing> BlockDirtyBitmapRemove(string nodeName, string bitmap) =>
        Nothing("block-dirty-bitmap-remove", Object(("node", nodeName), ("name", bitmap)));

    /// <summary>Cancels a job; with <paramref name="force"/> at once, leaving the source as it is.</summary>
    public static QmpCommand<QmpNothing> BlockJobCancel(string jobId, bool force) =>
        Nothing("block-job-cancel", Object(("device", jobId), ("force", force)));

    /// <summary>Lets a job that paused on an error go on.</summary>
    public static QmpCommand<QmpNothing> BlockJobResume(string jobId) =>
        Nothing("block-job-resume", Object(("device", jobId)));

    /// <summary>Pauses a job.</summary>
    public static QmpCommand<QmpNothing> BlockJobPause(string jobId) =>
        Nothing("block-job-pause", Object(("device", jobId)));

    /// <summary>Plugs a device in; <paramref name="properties"/> with <c>driver</c> and <c>id</c>.</summary>
    public static QmpCommand<QmpNothing> DeviceAdd(JsonObject properties) => Nothing("device_add", properties);

    /// <summary>Asks the guest to let a device go; the event DEVICE_DELETED says when it has.</summary>
    public static QmpCommand<QmpNothing> DeviceDel(string id) => Nothing("device_del", Object(("id", id)));

    /// <summary>Adds a network back end; <paramref name="options"/> with <c>type</c> and <c>id</c>.</summary>
    public static QmpCommand<QmpNothing> NetdevAdd(JsonObject options) => Nothing("netdev_add", options);

    /// <summary>Removes a network back end.</summary>
    public static QmpCommand<QmpNothing> NetdevDel(string id) => Nothing("netdev_del", Object(("id", id)));

    /// <summary>Adds an object such as a packet filter; with <c>qom-type</c> and <c>id</c>.</summary>
    public static QmpCommand<QmpNothing> ObjectAdd(JsonObject properties) => Nothing("object-add", properties);

    /// <summary>Removes an object.</summary>
    public static QmpCommand<QmpNothing> ObjectDel(string id) => Nothing("object-del", Object(("id", id)));

    /// <summary>Runs a command of the human monitor; its output, lines ended by CR LF.</summary>
    public static QmpCommand<string> HumanMonitor(string commandLine) =>
        new("human-monitor-command", Object(("command-line", commandLine)), AsText);

    /// <summary>
    /// Sends gratuitous RARPs from every NIC: <paramref name="rounds"/> of them, starting at 50 ms apart.
    /// </summary>
    public static QmpCommand<QmpNothing> AnnounceSelf(int rounds = 5) =>
        Nothing("announce-self", Object(("initial", 50), ("max", 550), ("rounds", rounds), ("step", 50)));

    /// <summary>Children of an object in QEMU's object tree.</summary>
    public static QmpCommand<IReadOnlyList<QomProperty>> QomList(string path) => new(
        "qom-list",
        Object(("path", path)),
        e => e.ArrayItems().Select(p => new QomProperty(p.Text("name"), p.Text("type"))).ToArray());

    /// <summary>A property of an object in QEMU's object tree.</summary>
    public static QmpCommand<JsonElement> QomGet(string path, string property) =>
        new("qom-get", Object(("path", path), ("property", property)), e => e);

    /// <summary>An integer property of an object in QEMU's object tree.</summary>
    public static QmpCommand<long> QomGetNumber(string path, string property) => new(
        "qom-get",
        Object(("path", path), ("property", property)),
        e => e.ValueKind == JsonValueKind.Number && e.TryGetInt64(out long n)
            ? n
            : throw new FormatException("answer is no integer but " + e.ValueKind));

    /// <summary>A text property of an object in QEMU's object tree.</summary>
    public static QmpCommand<string> QomGetText(string path, string property) =>
        new("qom-get", Object(("path", path), ("property", property)), AsText);

    /// <summary>
    /// Cuts the connections of a block node (out of band): its pending requests fail at once.
    /// </summary>
    public static QmpCommand<QmpNothing> YankBlockNode(string nodeName) => Nothing(
        "yank",
        Object(("instances", new JsonArray(Object(("type", "block-node"), ("node-name", nodeName))))),
        outOfBand: true);

    /// <summary>Things that can be yanked: <c>block-node:t0</c>, <c>migration</c>, ... (out of band).</summary>
    public static QmpCommand<IReadOnlyList<string>> QueryYank { get; } = new(
        "query-yank",
        null,
        e => e.ArrayItems().Select(i => (i.Text("type") + ":" + i.Text("node-name")).TrimEnd(':')).ToArray(),
        outOfBand: true);

    /// <summary>A JSON object of these members.</summary>
    public static JsonObject Object(params (string Name, JsonNode? Value)[] members)
    {
        var result = new JsonObject();
        foreach ((string name, JsonNode? value) in members) result[name] = value;
        return result;
    }

    private static QmpCommand<QmpNothing> Nothing(string name, JsonObject? arguments = null, bool outOfBand = false) =>
        new(name, arguments, static _ => default, outOfBand);

    private static string AsText(JsonElement element) =>
        element.ValueKind == JsonValueKind.String
            ? element.GetString()!
            : throw new FormatException("answer is no text but " + element.ValueKind);

    private static int VersionPart(JsonElement version, string name) => (int)Math.Clamp(version.Number(name), 0, 999);
}
