-- A controller's store of version 3. Never edited: every later one must read it.
CREATE TABLE hosts (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE vms (
    name TEXT PRIMARY KEY, generation INTEGER NOT NULL, holder TEXT NOT NULL, request TEXT NOT NULL,
    record TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL, vm TEXT, host TEXT,
    text TEXT NOT NULL) STRICT;
CREATE TABLE tokens (hash TEXT PRIMARY KEY, expires INTEGER NOT NULL, uses INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO hosts VALUES ('a', '{"name":"a","keyFingerprint":"00ff","joined":"2026-11-01T10:00:00+00:00",
    "description":null,"cordon":"fan"}');
INSERT INTO vms VALUES ('web', 3, 'b', 'swap-7', '{"definition":{"name":"web","memoryBytes":268435456,
    "disks":[{"id":"disk0","bytes":67108864,"format":"raw"}],
    "nics":[{"id":"nic0","mac":"52:54:00:77:00:32","bridge":"br0"}]},
    "definitionKnown":true,"requestDigest":"d1","policy":{"interval":100,"takeover":"automatic","lease":5000},
    "lease":5000,"changes":4,"ownership":{"generation":2,"holder":"a","request":"create"},"shadow":"c",
    "power":"running","attach":null,
    "action":{"action":{"id":"x1","kind":"swap","reason":"fan"},"target":"b","generation":3,
        "started":"2026-11-01T10:00:05+00:00","confirmedOff":false},
    "history":[],"remains":["a"],"deleting":false}');
INSERT INTO events (time, kind, vm, host, text) VALUES (1793527200000, 'vm.created', 'web', 'a', 'created');
INSERT INTO tokens VALUES ('abcd', 4102444800000, 2);
CREATE TABLE diagnoses (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
INSERT INTO diagnoses (id, record) VALUES ('suspect-2-1793527200000', '{"id":"suspect-2-1793527200000","vm":"web",
    "oldHost":"a","newHost":"b","state":"examining","onset":"2026-11-01T09:59:00+00:00",
    "decided":"2026-11-01T10:00:00+00:00","swapEnded":"2026-11-01T10:00:05+00:00","completed":null,
    "reason":"disk.latency is up","swapResult":"it runs on b",
    "candidates":[{"family":"drive","kind":"drive","component":"sda","confidence":0.8,
        "onset":"2026-11-01T09:59:00+00:00","reason":"disk.latency is up (still so without the VM)"}],
    "evidence":[{"time":"2026-11-01T09:59:00+00:00","source":"drift","text":"disk.latency is up"}],
    "nextStep":"replace it","drift":null,"kpis":null,
    "history":[{"ago":1000,"primary":1.1,"shadow":0,"interval":100}],"events":[],"readings":[],"readers":[],
    "place":{"cpus":"0-3,8","nodes":"0","directory":"/srv/images"},
    "kpiSeries":{"kpis":["disk.latency","disk.flush"],
        "moments":[{"ago":2000,"primary":[4.5,null],"shadow":[0.5,0.25]}]},
    "examination":{"id":"suspect-2-1793527200000","began":"2026-11-01T10:00:08+00:00",
        "ended":"2026-11-01T10:00:17+00:00","othersThere":1,
        "kpis":[{"kpi":"disk.latency","looks":10,"low":4,"median":4.5,"high":5,"reason":""},
            {"kpi":"disk.flush","looks":0,"low":null,"median":null,"high":null,"reason":"the disk has not answered"}],
        "memory":"mc0 scrubs 97560 bytes/s; no memory errors are counted"},
    "examinationReason":"",
    "comparisons":[{"kpi":"disk.latency","drifted":true,"usual":{"low":0.2,"median":0.3,"high":0.9},"during":4.5,
        "after":4.5,"finding":"stillWorse","reading":"still worse on the empty host: the host itself"}],
    "memoryScrub":"mc0 scrubs 97560 bytes/s; no memory errors are counted"}');
PRAGMA user_version = 3;
