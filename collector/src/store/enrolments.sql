-- Codes by which agents come to their tokens; one for each agent, the last one that was given out.
CREATE TABLE enrolments (
  vantage TEXT PRIMARY KEY,
  code_digest BLOB NOT NULL UNIQUE,  -- SHA-256; the code itself was shown once
  added_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  token_digest BLOB,                 -- of whoever used it
  used_at INTEGER
) STRICT;
