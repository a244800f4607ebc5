//! The queue on disk between the journal and the database: blocks of compressed lines, oldest first, in an SQLite file
//! of its own (`influx-queue.sqlite` in the data folder).
//!
//! The rule: blocks and the journal position up to which points were made change in one transaction, so that after a
//! crash no point is missing (what is made twice is the same point). The limit: `limit` bytes of blocks; beyond it the
//! oldest blocks go, but for the one that is being sent, and their points are counted. The file keeps its largest size.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The layout of the file.
const VERSION: i64 = 1;

/// What can go wrong with the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The file cannot be opened, or is no queue.
    #[error("cannot open the queue for influxdb in {path}; move the file away to start with an empty one")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A later version of the program has written it.
    #[error(
        "the queue for influxdb in {path} has layout {found}, which this version does not know; use the newer one"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
    /// It cannot be read or written.
    #[error("cannot use the queue for influxdb; look whether the disk is full")]
    Use(#[from] rusqlite::Error),
}

/// Lines that are sent in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// How many lines.
    pub(super) points: u64,
    /// The lines, gzip'd.
    pub(super) body: Vec<u8>,
}

impl Block {
    /// Packs lines, each with its line end.
    pub(super) fn pack(lines: &str, points: u64) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to a Vec cannot fail.
        let _ = encoder.write_all(lines.as_bytes());
        Block { points, body: encoder.finish().unwrap_or_default() }
    }

    /// The lines; none when the block was damaged.
    pub(super) fn unpack(&self) -> Option<String> {
        let mut lines = String::new();
        GzDecoder::new(self.body.as_slice()).read_to_string(&mut lines).ok()?;
        Some(lines)
    }
}

/// The oldest block, taken out for sending; it stays on disk until it is settled.
#[derive(Debug)]
pub(super) struct Held {
    id: i64,
    pub(super) block: Block,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    db: Connection,
    limit: u64,
    points: u64,
    bytes: u64,
    position: Option<i64>,
    held: Option<i64>,
}

impl Queue {
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self, QueueError> {
        let wrap = |source| QueueError::Open { path: path.to_owned(), source };
        let db = Connection::open(path).map_err(wrap)?;
        let found = prepare(&db).map_err(wrap)?;
        if found != VERSION {
            return Err(QueueError::Version { path: path.to_owned(), found });
        }
        let (points, bytes) = db
            .query_row("SELECT coalesce(sum(points), 0), coalesce(sum(bytes), 0) FROM block", [], |row| {
                Ok((count(row, 0)?, count(row, 1)?))
            })
            .map_err(wrap)?;
        let position =
            db.query_row("SELECT position FROM journal", [], |row| row.get(0)).optional().map_err(wrap)?;
        Ok(Queue { db, limit, points, bytes, position, held: None })
    }

    /// The journal position up to which points are in the queue or have left it.
    pub(super) fn position(&self) -> Option<i64> {
        self.position
    }

    /// Points and bytes that wait.
    pub(super) fn waiting(&self) -> (u64, u64) {
        (self.points, self.bytes)
    }

    /// Appends blocks and moves the position on, both or neither. Returns how many old points had to go.
    pub(super) fn push(&mut self, blocks: &[Block], position: Option<i64>) -> Result<u64, QueueError> {
        let (mut points, mut bytes, mut dropped) = (self.points, self.bytes, 0);
        let change = self.db.transaction()?;
        for block in blocks {
            let size = block.body.len() as u64;
            change
                .prepare_cached("INSERT INTO block (points, bytes, body) VALUES (?1, ?2, ?3)")?
                .execute(params![block.points.cast_signed(), size.cast_signed(), block.body])?;
            points += block.points;
            bytes += size;
        }
        while bytes > self.limit {
            let oldest: Option<(i64, u64, u64)> = change
                .prepare_cached("SELECT id, points, bytes FROM block WHERE id IS NOT ?1 ORDER BY id LIMIT 1")?
                .query_row([self.held], |row| Ok((row.get(0)?, count(row, 1)?, count(row, 2)?)))
                .optional()?;
            let Some((id, gone, size)) = oldest else { break };
            change.execute("DELETE FROM block WHERE id = ?1", [id])?;
            points -= gone;
            bytes -= size;
            dropped += gone;
        }
        if let Some(position) = position {
            change.execute(
                "INSERT INTO journal (one, position) VALUES (1, ?1)
                 ON CONFLICT (one) DO UPDATE SET position = excluded.position",
                [position],
            )?;
        }
        change.commit()?;
        (self.points, self.bytes) = (points, bytes);
        self.position = position.or(self.position);
        Ok(dropped)
    }

    /// The oldest block, which is spared from now on until it is settled or another one is asked for.
    pub(super) fn oldest(&mut self) -> Result<Option<Held>, QueueError> {
        let held = self
            .db
            .prepare_cached("SELECT id, points, body FROM block ORDER BY id LIMIT 1")?
            .query_row([], |row| {
                Ok(Held { id: row.get(0)?, block: Block { points: count(row, 1)?, body: row.get(2)? } })
            })
            .optional()?;
        self.held = held.as_ref().map(|held| held.id);
        Ok(held)
    }

    /// Forgets a block: each of its points was written or refused for good.
    pub(super) fn settle(&mut self, held: &Held) -> Result<(), QueueError> {
        self.held = None;
        if self.db.execute("DELETE FROM block WHERE id = ?1", [held.id])? > 0 {
            self.points -= held.block.points;
            self.bytes -= held.block.body.len() as u64;
        }
        Ok(())
    }
}

/// A number that is never negative; SQLite knows only signed ones.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

/// Lays the file out if it is new; returns its layout's version.
///
/// `synchronous = NORMAL`: a power cut may take back the last transactions as a whole, and then the journal supplies
/// the points again.
fn prepare(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    let found = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found != 0 {
        return Ok(found);
    }
    db.execute_batch(
        "BEGIN;
         CREATE TABLE block (
             id     INTEGER PRIMARY KEY,
             points INTEGER NOT NULL,
             bytes  INTEGER NOT NULL,
             body   BLOB NOT NULL
         ) STRICT;
         CREATE TABLE journal (
             one      INTEGER PRIMARY KEY CHECK (one = 1),
             position INTEGER NOT NULL
         ) STRICT;
         PRAGMA user_version = 1;
         COMMIT;",
    )?;
    Ok(VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(points: u64, size: usize) -> Block {
        Block { points, body: vec![0; size] }
    }

    #[test]
    fn blocks_leave_in_the_order_in_which_they_came_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.sqlite");
        let mut queue = Queue::open(&path, 1000).unwrap();
        assert_eq!((queue.position(), queue.waiting()), (None, (0, 0)));
        queue.push(&[block(1, 10), block(2, 20)], Some(7)).unwrap();
        queue.push(&[], Some(8)).unwrap();
        queue.push(&[block(3, 30)], None).unwrap();
        drop(queue);

        let mut queue = Queue::open(&path, 1000).unwrap();
        assert_eq!((queue.position(), queue.waiting()), (Some(8), (6, 60)));
        for points in 1..=3 {
            let held = queue.oldest().unwrap().unwrap();
            assert_eq!(held.block.points, points);
            queue.settle(&held).unwrap();
        }
        assert!(queue.oldest().unwrap().is_none());
        assert_eq!((queue.position(), queue.waiting()), (Some(8), (0, 0)));
    }

    #[test]
    fn at_the_limit_the_oldest_go_but_for_the_one_that_is_being_sent() {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = Queue::open(&folder.path().join("queue.sqlite"), 100).unwrap();
        assert_eq!(queue.push(&[block(1, 40), block(2, 40)], None).unwrap(), 0);
        let held = queue.oldest().unwrap().unwrap();
        assert_eq!(queue.push(&[block(4, 40)], Some(1)).unwrap(), 2);
        assert_eq!(queue.waiting(), (5, 80));
        queue.settle(&held).unwrap();
        assert_eq!(queue.oldest().unwrap().unwrap().block.points, 4);
        assert_eq!(queue.push(&[block(8, 101)], Some(2)).unwrap(), 8);
        assert_eq!((queue.waiting(), queue.position()), ((4, 40), Some(2)));
    }

    #[test]
    fn a_file_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.sqlite");
        Queue::open(&path, 100).unwrap().db.pragma_update(None, "user_version", 9).unwrap();
        assert!(matches!(Queue::open(&path, 100), Err(QueueError::Version { found: 9, .. })));
        std::fs::write(&path, "this is no database, however long one looks at it".repeat(50)).unwrap();
        assert!(matches!(Queue::open(&path, 100), Err(QueueError::Open { .. })));
    }

    #[test]
    fn lines_are_unpacked_as_they_were_packed() {
        let lines = "ping loss=0.0 1\n".repeat(100);
        assert_eq!(Block::pack(&lines, 100).unpack().unwrap(), lines);
        assert_eq!(block(1, 10).unpack(), None);
    }
}
