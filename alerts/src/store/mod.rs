//! The alerter's memory: one SQLite file with the cursor, the outbox and the log of what was said and why.
//!
//! Guards the rule that nothing is sent before the decision is on disk, together with the cursor that it came from. The
//! file is WAL with `synchronous=FULL`: what was committed survives a power cut.

mod log;
mod page;
mod queue;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use kentongan_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use log::Counter;
pub use log::{Counters, Entry, Fate};
pub(crate) use page::{About, Line, Page};
pub(crate) use queue::{Letter, Next};

/// The version of the tables; a newer one is not touched.
const SCHEMA: i64 = 2;
/// What the feed held this long before the alerter's first look is history.
const HISTORY: Duration = Duration::from_secs(60 * 60);

/// How much is kept; what goes beyond is counted.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Messages that wait for one outlet. At the limit the oldest is given up: what happens now matters more than what
    /// happened when the channel died.
    queued: i64,
    /// Settled lines of the log that are about incidents. At the limit the oldest go, but for the beginning of an
    /// incident that is still open.
    logged: i64,
    /// Lines of the log about mere changes of state. At the limit the oldest go.
    states: i64,
}

const LIMITS: Limits = Limits { queued: 2_000, logged: 100_000, states: 10_000 };

const TABLES: &str = "
create table feed (
  only_row     integer primary key check (only_row = 1),
  installation text    not null, -- random; makes keys of messages unique for good
  generation   integer not null, -- grows when the collector's feed begins anew
  first_look   integer not null,
  cursor       integer not null, -- the last entry that was handled
  cursor_at    integer           -- when that entry was written; null when unknown
);
create table notice (
  id         integer primary key autoincrement,
  generation integer not null,
  event      integer not null,
  event_at   integer not null,
  topic      text    not null,
  incident   integer,
  root       text,             -- the name of the incident's root, or of the site
  decided_at integer not null,
  outlet     text,             -- null: nobody in particular
  fate       text    not null, -- queued | sent | shown | withheld | given_up
  reason     text    not null,
  says       text,             -- opened | resolved; null where there was nothing to say
  title      text,
  body       text,
  record     text,             -- the incident as JSON
  attempts   integer not null default 0,
  due_at     integer,
  settled_at integer,
  trouble    text              -- what went wrong last
);
create index notice_of_incident on notice (generation, incident);
create index notice_queue on notice (outlet, id) where fate = 'queued';
create index notice_of_state on notice (id) where topic = 'site_state';
create table pause (outlet text primary key, until integer not null); -- asked for by receivers
create table counter (name text primary key, count integer not null);
";

/// What version 2 added: whose flapping a notice is about.
const SITES: &str = "
alter table notice add column site text;
create index notice_of_site on notice (generation, site) where site is not null;
";

/// Why the memory failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("cannot make the folder {path}; check its owner and free space")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be opened.
    #[error("cannot open {path}; check its owner and free space")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file is of a newer program.
    #[error(
        "{path} was written by a newer version ({found}, this program knows {SCHEMA}); install that version again"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// A statement failed.
    #[error("cannot use the alerter's database; check free space and the state of the disk")]
    Sql(#[from] rusqlite::Error),
}

/// How far the feed was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// How often the feed began anew.
    pub(crate) generation: i64,
    /// The last entry that was handled; 0 before the first.
    pub(crate) after: i64,
    /// When that entry was written.
    pub(crate) at: Option<Timestamp>,
    /// What was written before is history.
    pub(crate) history_before: Timestamp,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    installation: String,
    limits: Limits,
}

impl Store {
    /// Opens the file, and makes it where there is none; `now` is then the alerter's first look.
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            let failed = |source| StoreError::Folder { path: folder.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let failed = |source| StoreError::Open { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        found(&mut connection, now, path)?;
        let installation = connection.query_row("select installation from feed", [], |row| row.get(0))?;
        Ok(Store { connection, installation, limits: LIMITS })
    }

    /// Opens an existing file to look at; none where there is no file yet.
    pub(crate) fn look(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        let failed = |source| StoreError::Open { path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => Ok(None),
            1..=SCHEMA => Ok(Some(Store { connection, installation: String::new(), limits: LIMITS })),
            found => Err(StoreError::Newer { path: path.to_owned(), found }),
        }
    }

    /// How far the feed was followed.
    pub(crate) fn cursor(&self) -> Result<Cursor, StoreError> {
        let cursor = self.connection.query_row(
            "select generation, cursor, cursor_at, first_look from feed",
            [],
            |row| {
                let first_look = Timestamp::from_millis(row.get(3)?);
                let at: Option<i64> = row.get(2)?;
                Ok(Cursor {
                    generation: row.get(0)?,
                    after: row.get(1)?,
                    at: at.map(Timestamp::from_millis),
                    history_before: first_look - HISTORY,
                })
            },
        )?;
        Ok(cursor)
    }

    /// Follows a feed that began anew from its beginning, with `now` as the first look at it.
    pub(crate) fn begin_anew(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.connection.execute(
            "update feed set generation = generation + 1, cursor = 0, cursor_at = null, first_look = ?1",
            [now.as_millis()],
        )?;
        Ok(())
    }

    fn transaction(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?)
    }
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")
}

fn found(connection: &mut Connection, now: Timestamp, path: &Path) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        SCHEMA => return Ok(()),
        1 => {}
        0 => {
            tx.execute_batch(TABLES)?;
            tx.execute(
                "insert into feed (only_row, installation, generation, first_look, cursor)
                 values (1, lower(hex(randomblob(8))), 1, ?1, 0)",
                [now.as_millis()],
            )?;
        }
        found => return Err(StoreError::Newer { path: path.to_owned(), found }),
    }
    tx.execute_batch(SITES)?;
    tx.pragma_update(None, "user_version", SCHEMA)?;
    tx.commit()?;
    Ok(())
}

/// Adds to one of the counters, within the transaction of what is counted.
fn count(tx: &Transaction<'_>, counter: Counter, more: usize) -> Result<(), rusqlite::Error> {
    if more > 0 {
        tx.execute(
            "insert into counter values (?1, ?2) on conflict (name) do update set count = count + ?2",
            params![counter.word(), i64::try_from(more).unwrap_or(i64::MAX)],
        )?;
    }
    Ok(())
}

fn counted(connection: &Connection, counter: Counter) -> Result<u64, rusqlite::Error> {
    let count: Option<i64> = connection
        .query_row("select count from counter where name = ?1", [counter.word()], |row| row.get(0))
        .optional()?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

#[cfg(test)]
mod tests;
