-- The truth: what reached the collector, from whom, and when the collector ran. Times are milliseconds since 1970.
CREATE TABLE agents (
  id INTEGER PRIMARY KEY,
  vantage TEXT NOT NULL UNIQUE,
  token_digest BLOB NOT NULL, -- SHA-256 of the token; the token itself is nowhere
  added_at INTEGER NOT NULL
) STRICT;

-- One row for each batch, its bytes as they came. Positions have no gap and are never used twice.
CREATE TABLE deliveries (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  agent INTEGER NOT NULL REFERENCES agents (id),
  series INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  first_at INTEGER, -- event times of what it carries; NULL when it carries nothing
  last_at INTEGER,
  plan INTEGER NOT NULL,
  digest BLOB NOT NULL, -- SHA-256 of the sealed batch, cut to 128 bits
  bytes BLOB NOT NULL,
  UNIQUE (agent, series, sequence)
) STRICT;
CREATE INDEX deliveries_received ON deliveries (received_at);
CREATE INDEX deliveries_span ON deliveries (agent, last_at);
CREATE INDEX deliveries_plan ON deliveries (plan);

-- What the indices in batches mean. No secrets: only what was to be probed.
CREATE TABLE plans (
  revision INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  contents TEXT NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;

-- When the collector ran. Without stopped_at it ran until alive_at at least.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  started_at INTEGER NOT NULL,
  alive_at INTEGER NOT NULL,
  stopped_at INTEGER
) STRICT;
