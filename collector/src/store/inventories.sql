-- The inventories that the journal was judged by, each with the place from which it applies: what lies behind position
-- is judged by it, up to the next one's. The first applies from the beginning.
CREATE TABLE inventories (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  position INTEGER NOT NULL,
  since INTEGER NOT NULL, -- when it was taken over
  digest TEXT NOT NULL, -- of the file and the windows
  text TEXT NOT NULL REFERENCES inventory_texts (digest),
  windows TEXT NOT NULL -- JSON: the windows added by command
) STRICT;

-- The files, each once: a window that is added changes no text.
CREATE TABLE inventory_texts (
  digest TEXT PRIMARY KEY, -- SHA-256
  deflated BLOB NOT NULL -- zlib
) STRICT;

-- SHA-256 over each run of entries that is complete: what a journal was, told when it was written.
CREATE TABLE blocks (
  number INTEGER PRIMARY KEY,
  digest BLOB NOT NULL
) STRICT;

-- The few batches that hold more than six hours: whoever looks for what was measured in a span finds all others by
-- their end alone.
CREATE INDEX deliveries_long ON deliveries (agent, last_at) WHERE last_at - first_at >= 21600000;
