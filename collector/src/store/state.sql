-- What is derived from the journal. Times are milliseconds since 1970.

-- The timeline of each site; the last interval is open (to_ms NULL).
CREATE TABLE intervals (
  site TEXT NOT NULL,
  from_ms INTEGER NOT NULL,
  to_ms INTEGER,
  state TEXT NOT NULL,
  roots TEXT NOT NULL, -- JSON: ids of sites
  PRIMARY KEY (site, from_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX intervals_end ON intervals (to_ms);

CREATE TABLE incidents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  root TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  record TEXT NOT NULL -- JSON: the incident as the API shows it, and how far it was told
) STRICT;
CREATE INDEX incidents_started ON incidents (started_at);
CREATE INDEX incidents_open ON incidents (id) WHERE ended_at IS NULL;

-- The feed. An event is written with what it tells, in one transaction, and never changed.
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  body TEXT NOT NULL -- JSON: type and contents
) STRICT;

-- Where the judge stood, to go on from after a restart.
CREATE TABLE checkpoint (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL, -- the journal up to here is in it
  run INTEGER NOT NULL, -- downtimes up to the beginning of this run are in it
  inventory TEXT NOT NULL, -- digest of the inventory that it was judged by
  live BLOB NOT NULL -- the timeline's memory: JSON, deflated (zlib)
) STRICT;
