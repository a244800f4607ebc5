-- How far the timelines and incidents beside it are judged: written with them, and now and then while nothing changes.
CREATE TABLE judged (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL, -- the journal up to here is in it
  as_of INTEGER NOT NULL, -- the moment that it was judged for; what is open lasts until then
  inventory TEXT NOT NULL -- digest of the inventory that it was judged by
) STRICT;
