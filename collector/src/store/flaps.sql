-- Sites that were told as flapping and not yet as stable.
CREATE TABLE flaps (
  site TEXT PRIMARY KEY,
  since INTEGER NOT NULL -- the first of the changes, milliseconds since 1970
) STRICT, WITHOUT ROWID;
