-- Ways to targets that had gone down, as their agents walked them.
CREATE TABLE traces (
  site TEXT NOT NULL,
  at INTEGER NOT NULL, -- milliseconds since 1970
  target TEXT NOT NULL,
  vantage TEXT NOT NULL,
  walked TEXT NOT NULL, -- JSON: whether the target answered, and who did at each distance
  PRIMARY KEY (site, at, target, vantage)
) STRICT, WITHOUT ROWID;
CREATE INDEX traces_at ON traces (at);
