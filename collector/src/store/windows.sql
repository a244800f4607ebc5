-- Maintenance windows that were added by command. A row is never changed but for its removal, which is noted and takes
-- nothing away: what was announced, when and by whom stays to be seen.
CREATE TABLE windows (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  site TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER NOT NULL, -- as it was announced
  reason TEXT NOT NULL,
  added_by TEXT, -- as he called himself
  added_at INTEGER NOT NULL,
  removed_by TEXT,
  removed_at INTEGER
) STRICT;
