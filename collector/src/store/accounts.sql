-- What each agent brought and cost in each calendar month of the network's time zone.
CREATE TABLE accounts (
  agent INTEGER NOT NULL REFERENCES agents (id),
  month TEXT NOT NULL, -- such as 2026-11
  deliveries INTEGER NOT NULL, -- that are in the journal
  came_bytes INTEGER NOT NULL, -- deliveries as they came, those that were repeated or refused, too
  went_bytes INTEGER NOT NULL, -- answers and plans
  sent_bytes INTEGER NOT NULL, -- what the agent says that it sent, TLS included
  received_bytes INTEGER NOT NULL, -- what the agent says that it received
  dropped_rounds INTEGER NOT NULL, -- that the agent says it dropped
  seen_at INTEGER NOT NULL, -- the last delivery, milliseconds since 1970
  version TEXT, -- of the program that delivered last
  PRIMARY KEY (agent, month)
) STRICT, WITHOUT ROWID;

-- Where the counters of each agent stood when they were last told. They begin at 0 whenever it is started.
CREATE TABLE counters (
  agent INTEGER PRIMARY KEY REFERENCES agents (id),
  boot INTEGER NOT NULL,
  mono_ms INTEGER NOT NULL,
  sent_bytes INTEGER NOT NULL,
  received_bytes INTEGER NOT NULL
) STRICT;
