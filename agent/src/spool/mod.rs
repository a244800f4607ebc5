//! The spool: what was measured stays here until the collector has acknowledged it.
//!
//! Rounds go into an open log in memory (tmpfs) at once; a report seals the log into a batch; a batch leaves when it is
//! acknowledged, and moves to disk (flash) only when a delivery fails. When a shelf is full its oldest batches go first, and the
//! next batch says how many rounds that were. (series, sequence) names a batch for good: the same name is always
//! the same bytes, whenever the agent was killed.

mod backlog;
mod filling;
mod lock;
mod name;
mod open_log;
pub(crate) mod record;
mod recovery;
mod shelf;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, path::PathBuf};

use kentongan_model::{id::Vantage, plan::Precision, wire::WireError};

use lock::FolderLock;
pub use lock::LockError;
pub use name::BatchName;
use open_log::OpenLog;
pub use record::Record;
pub(crate) use shelf::write_whole;
use shelf::{Sealed, Shelf};

/// How much sealed batches may take, in bytes. What does not fit is dropped, oldest first, and counted.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In the memory folder, beside one open log of at most 1 MiB.
    pub memory: u64,
    /// On disk.
    pub disk: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory: 1_000_000, disk: 2_000_000 }
    }
}

/// Why the spool could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A folder cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A folder cannot be read.
    #[error("cannot read the spool in {0}; make it readable and writable for the agent")]
    Read(PathBuf, #[source] io::Error),
    /// Nothing can be written.
    #[error("cannot write to the spool in {0}; make room there")]
    Write(PathBuf, #[source] io::Error),
    /// What was measured fits in no batch.
    #[error("cannot seal a batch")]
    Seal(#[from] WireError),
}

/// What the spool had to give up, since the agent was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Rounds that were dropped because a shelf was full, a write failed or the collector refused them.
    pub rounds: u64,
    /// Logs that ended in something that was no record.
    pub torn_logs: u64,
    /// Batches whose file was not what had been written.
    pub damaged_batches: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Memory,
    Disk,
}

/// The spool of one agent.
#[derive(Debug)]
pub struct Spool {
    agent: Vantage,
    memory: Shelf,
    disk: Shelf,
    batches: BTreeMap<BatchName, (Place, Sealed)>,
    log: Option<OpenLog>,
    next: BatchName,
    /// How exactly the RTTs of a batch are kept.
    precision: Precision,
    /// The batch that was sealed last, while it is undelivered: it is sent before the backlog.
    fresh: Option<BatchName>,
    /// Dropped, and not written down yet.
    unreported: u64,
    losses: Losses,
    _locks: [FolderLock; 2],
}

impl Spool {
    /// What had to be given up since the agent was started.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// How exactly the RTTs of what is sealed from now on are kept.
    pub fn keep_to(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// Counts dropped rounds, and writes it down so that the next batch tells it, even if the agent is killed before.
    fn drop_rounds(&mut self, rounds: u64) {
        self.losses.rounds += rounds;
        self.unreported += rounds;
        if let Some(log) = self.log.as_mut().filter(|_| self.unreported > 0)
            && log.append(&Record::Dropped(self.unreported)).is_ok()
        {
            self.unreported = 0;
        }
    }

    fn shelf(&self, place: Place) -> &Shelf {
        match place {
            Place::Memory => &self.memory,
            Place::Disk => &self.disk,
        }
    }
}
