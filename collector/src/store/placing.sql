-- What is known of the clock of each boot in which an agent has delivered.
CREATE TABLE boots (
  agent INTEGER NOT NULL REFERENCES agents (id),
  boot INTEGER NOT NULL,
  first_at INTEGER NOT NULL, -- receipt of the first delivery sent in it
  learnt_at INTEGER NOT NULL, -- receipt of the last one that taught something
  clock TEXT NOT NULL, -- JSON
  PRIMARY KEY (agent, boot)
) STRICT, WITHOUT ROWID;
CREATE INDEX boots_learnt ON boots (learnt_at);

-- The collector's own clock: the wall clock less the time since boot, by which one sees that it was set.
CREATE TABLE own_clock (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  boot INTEGER NOT NULL,
  zero_at INTEGER NOT NULL
) STRICT;

-- How each delivery was placed when it was filed; all NULL in rows from before there were boots.
ALTER TABLE deliveries ADD COLUMN trusted INTEGER; -- 1, or 0: kept, and counting for nothing
ALTER TABLE deliveries ADD COLUMN zero_at INTEGER; -- when the clock stood at 0 that its batch was measured by
ALTER TABLE deliveries ADD COLUMN boot_at INTEGER; -- when the boot began in which it was sent, if that is known
