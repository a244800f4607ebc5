//! The spool: what was measured stays here until the collector has acknowledged it.
//!
//! Rounds go into an open log in memory (tmpfs) at once; a report seals what the logs hold into a batch; a batch leaves
//! when it is acknowledged, and moves to disk (flash) only when a delivery fails. While the collector is away less is
//! sealed, and what tells of changes of state apart from the rest: when a shelf is full the oldest usual rounds go
//! first and changes last, and the next batch says how many rounds that were. (series, sequence) names a batch for
//! good: the same name is always the same bytes, whenever the agent was killed.

mod backlog;
mod chain;
mod directory;
mod filling;
mod flash;
mod folder;
mod frame;
mod name;
mod open_log;
pub(crate) mod record;
mod recovery;
mod retreat;
mod sealing;
mod segment;
mod shelf;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, path::PathBuf};

use kentongan_model::{id::Vantage, plan::Precision, wire::WireError};

use chain::Chain;
pub use directory::{Directory, LockError};
pub(crate) use directory::{is_taken, write_whole};
use flash::Flash;
pub use folder::Folder;
pub use name::BatchName;
use open_log::OpenLog;
pub use record::{Record, Weight};
use shelf::{Shelf, Spot};

/// The most batches that are kept, since each takes some 100 bytes of memory. Where one more would be too many the
/// oldest segment goes, as when there is no room.
const MAX_BATCHES: usize = 4_096;

/// How much sealed batches may take, in bytes of files. What does not fit is dropped and counted: the oldest usual
/// rounds first, changes of state last.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In the memory folder, beside two open logs of at most 512 KiB.
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
    /// Logs and segments that ended in something that was not whole.
    pub torn_tails: u64,
    /// Batches that were not what had been written, and segments that could not be read.
    pub damaged_batches: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Memory,
    Disk,
}

/// A batch that is kept.
#[derive(Debug, Clone, Copy)]
struct Kept {
    place: Place,
    chain: Chain,
    spot: Spot,
    /// Rounds that would be missing without it: those it holds and those it reports as dropped.
    rounds: u64,
}

/// The spool of one agent.
#[derive(Debug)]
pub struct Spool<F: Folder = Directory> {
    agent: Vantage,
    memory: Shelf<F>,
    disk: Shelf<F>,
    batches: BTreeMap<BatchName, Kept>,
    /// The logs that are being filled, one for each chain, both under the same plan.
    logs: Option<[OpenLog<F>; 2]>,
    /// What the next batch will be called; its order is that of the next log or batch.
    next: BatchName,
    /// How exactly the RTTs of a batch are kept.
    precision: Precision,
    /// The batch that was sealed last, while it is undelivered: it is sent before the backlog.
    fresh: Option<BatchName>,
    /// Whether the last delivery failed.
    is_away: bool,
    flash: Flash,
    /// Dropped, and not written down yet.
    unreported: u64,
    losses: Losses,
}

impl<F: Folder> Spool<F> {
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
    /// Whatever is dropped is counted first: who is killed in between tells too much rather than too little.
    fn drop_rounds(&mut self, rounds: u64) {
        self.losses.rounds += rounds;
        self.unreported += rounds;
        if self.unreported > 0
            && let Some([log, _]) = &mut self.logs
            && log.append(&self.memory.folder, &[&Record::Dropped(self.unreported)]).is_ok()
        {
            self.unreported = 0;
        }
    }

    fn shelf(&self, place: Place) -> &Shelf<F> {
        match place {
            Place::Memory => &self.memory,
            Place::Disk => &self.disk,
        }
    }

    fn shelf_mut(&mut self, place: Place) -> &mut Shelf<F> {
        match place {
            Place::Memory => &mut self.memory,
            Place::Disk => &mut self.disk,
        }
    }

    /// Drops the oldest segment of a shelf; tells whether there was any.
    fn drop_oldest(&mut self, place: Place) -> bool {
        let Some(number) = self.shelf(place).oldest() else { return false };
        let gone = |kept: &Kept| kept.place == place && kept.spot.segment == number;
        let rounds = self.batches.values().filter(|kept| gone(kept)).map(|kept| kept.rounds).sum();
        tracing::warn!(rounds, "the spool is full: what is oldest in it is dropped");
        self.drop_rounds(rounds);
        self.batches.retain(|_, kept| !gone(kept));
        self.shelf_mut(place).remove(number);
        true
    }
}
