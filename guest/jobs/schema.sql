PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, owner TEXT NOT NULL);
CREATE TABLE transfer (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, amount INTEGER NOT NULL, note TEXT NOT NULL);
CREATE INDEX transfer_account ON transfer (account);
CREATE TABLE done (n INTEGER NOT NULL);
INSERT INTO done VALUES (0);
WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20000)
INSERT INTO account SELECT n, 1000, 'owner ' || hex(randomblob(24)) FROM number;
