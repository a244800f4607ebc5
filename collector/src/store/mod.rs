//! The store: two SQLite files in one folder that only one collector uses at a time.
//!
//! `journal.db` is the truth: deliveries as they came, the agents, their tokens and what they cost, the codes that are
//! exchanged for tokens, the plans that deliveries refer
//! to, the clocks of routers, maintenance windows that were added
//! by command, and when the collector ran. `state.db` is derived from it: intervals, incidents, events, ways to what
//! went down, the judge's checkpoint. Each file has one writer (the journal's thread, the judge), so that neither ever waits for the other.

pub(crate) mod accounts;
pub(crate) mod agents;
pub(crate) mod boots;
pub(crate) mod enrolments;
pub(crate) mod flaps;
pub(crate) mod folder;
pub(crate) mod inventories;
pub(crate) mod journal;
pub(crate) mod judged;
pub(crate) mod plans;
pub(crate) mod readers;
pub(crate) mod runs;
pub(crate) mod state;
pub(crate) mod traces;
pub(crate) mod windows;
pub(crate) mod writer;

use std::{path::Path, time::Duration};

use rusqlite::Connection;

/// The file of the journal.
pub(crate) const JOURNAL_FILE: &str = "journal.db";
/// The file of what is derived.
pub(crate) const STATE_FILE: &str = "state.db";

/// How the journal came to its present shape; the number of steps taken is its `user_version`.
pub(crate) const JOURNAL_STEPS: &[&str] = &[
    include_str!("journal.sql"),
    include_str!("inventories.sql"),
    include_str!("placing.sql"),
    include_str!("windows.sql"),
    include_str!("accounts.sql"),
    include_str!("enrolments.sql"),
];
/// How the state came to its present shape.
pub(crate) const STATE_STEPS: &[&str] = &[
    include_str!("state.sql"),
    include_str!("judged.sql"),
    include_str!("flaps.sql"),
    include_str!("traces.sql"),
];

/// How long a connection waits for another process (`kentongan agent add`) that writes.
const BUSY: Duration = Duration::from_secs(5);

/// What goes wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refuses.
    #[error("the store refuses; is the disk full or the data folder damaged?")]
    Sqlite(#[source] rusqlite::Error),
    /// A file is damaged.
    #[error("{file} is damaged; stop kentongan, copy the data folder, and {}", way_out(file))]
    Corrupt {
        /// The file's name.
        file: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file comes from a later version.
    #[error(
        "{file} was written by a newer kentongan (its format is {found}, this one knows {known}); use that one"
    )]
    Newer {
        /// The file's name.
        file: String,
        /// Its format.
        found: u32,
        /// The last format that is known.
        known: u32,
    },
    /// A stored value does not read back.
    #[error("the store holds a damaged {what}")]
    Damaged {
        /// What it is.
        what: &'static str,
    },
    /// It is not known what the journal was judged by.
    #[error("the journal names no inventory that it was judged by; run a collector on it once")]
    Unrecorded,
    /// The store has been closed.
    #[error("the store has been closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => StoreError::Corrupt { file: JOURNAL_FILE, source: error },
            _ => StoreError::Sqlite(error),
        }
    }
}

impl StoreError {
    /// The same, said of the file at `path`.
    pub(crate) fn of(self, path: &Path) -> Self {
        match self {
            StoreError::Corrupt { source, .. } if path.ends_with(STATE_FILE) => {
                StoreError::Corrupt { file: STATE_FILE, source }
            }
            other => other,
        }
    }
}

/// What to do with a file that is damaged.
fn way_out(file: &str) -> &'static str {
    if file == STATE_FILE {
        "remove state.db: it is made again from journal.db"
    } else {
        "mend it with `sqlite3 journal.db .recover | sqlite3 mended.db`, which then takes its place"
    }
}

/// Opens a file of the store and takes the steps that it lacks, each in a transaction of its own.
pub(crate) fn open(path: &Path, steps: &[&str]) -> Result<Connection, StoreError> {
    open_there(path, steps).map_err(|error| error.of(path))
}

fn open_there(path: &Path, steps: &[&str]) -> Result<Connection, StoreError> {
    let mut conn = Connection::open(path)?;
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", "ON")?;
    conn.set_prepared_statement_cache_capacity(64);
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let taken: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if taken > known {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Err(StoreError::Newer { file, found: taken, known });
    }
    for step in steps.iter().skip(taken as usize) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_later_version_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        open(&path, JOURNAL_STEPS).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = open(&path, JOURNAL_STEPS).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }

    #[test]
    fn opening_twice_takes_no_step_twice() {
        let dir = tempfile::tempdir().unwrap();
        for (file, steps) in [(JOURNAL_FILE, JOURNAL_STEPS), (STATE_FILE, STATE_STEPS)] {
            let path = dir.path().join(file);
            drop(open(&path, steps).unwrap());
            open(&path, steps).unwrap();
        }
    }
}
