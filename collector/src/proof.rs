//! Proof: what a journal gives when it is gone through once more from its beginning, and whether the store says so.
//!
//! The rules it guards: nothing in the data folder is changed, so that a proof can be made while the collector runs;
//! and a proof shares no memory with the judge: it starts from the journal, the inventories that were in force, and the
//! downtimes, and from nothing else.

mod archive;
mod book;
pub(crate) mod digest;
mod export;
mod verify;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kentongan_model::{id::SiteId, time::Timestamp};
use kentongan_timeline::{Incident, Interval};

use self::book::Book;
pub(crate) use self::digest::keep as keep_digests;
pub use self::{
    archive::Archive,
    export::{Exported, InForceThere},
    verify::{Difference, Verdict},
};
use crate::{
    live::{
        absences::Absences,
        course::{Course, Halt},
    },
    store::StoreError,
};

/// Entries that cannot be read of which a proof tells the place; all are counted.
const MOST_TOLD: usize = 100;

/// Why nothing can be proved.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// There is no data folder.
    #[error("{0} holds no data of a collector; name its folder with --data")]
    NoData(PathBuf),
    /// A file of the data folder cannot be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// It was written by an earlier version and not opened since.
    #[error("{file} was written by an earlier kentongan; start the collector on it once")]
    Older {
        /// Which.
        file: PathBuf,
    },
    /// Nothing was judged yet.
    #[error("nothing has been judged yet; let the collector run until it shows states, then ask again")]
    NotJudged,
    /// What was proved cannot be written.
    #[error("cannot write {file}")]
    Write {
        /// Where.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A moment in the life of a journal: what was in it, and when that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The journal up to here.
    pub position: i64,
    /// Judged as of then.
    pub as_of: Timestamp,
    /// The digest of the inventory that it was judged by; when it is not said, the one that was in force then.
    pub inventory: Option<String>,
}

/// An entry of the journal that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its position.
    pub position: i64,
    /// What is wrong with it.
    pub fault: String,
}

/// How far a replay has come: entries of the journal, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(i64, i64);

/// What a journal gives.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// From when on it holds: an earlier part of the journal that is no longer kept would tell more of what is before.
    pub from: Timestamp,
    /// The moment as of which it was judged.
    pub as_of: Timestamp,
    /// The timeline of each site, without a gap but while the inventory did not have it.
    pub timelines: BTreeMap<SiteId, Vec<Interval>>,
    /// Every incident, by beginning, then root.
    pub incidents: Vec<Incident>,
    /// Entries that were read.
    pub entries: u64,
    /// Inventories that were in force, one after the other.
    pub inventories: usize,
    /// The digest of the last one.
    pub inventory: String,
    /// The sites that were taken out of the inventory on the way.
    pub(crate) absences: Absences,
    /// The first entries that cannot be read.
    pub unread: Vec<Unread>,
    /// How many entries cannot be read.
    pub unread_count: u64,
}

impl Replayed {
    /// Goes through the journal of the data folder `data`, up to `moment`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn of(data: &Path, moment: &Moment, progress: Progress<'_>) -> Result<Replayed, ProofError> {
        Archive::open(data)?.replay(moment, progress)
    }
}

impl Archive {
    /// Goes through the journal from its beginning up to `moment`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn replay(&self, moment: &Moment, progress: Progress<'_>) -> Result<Replayed, ProofError> {
        self.journal_said(self.go_through(moment, progress))
    }

    fn go_through(&self, moment: &Moment, progress: Progress<'_>) -> Result<Replayed, StoreError> {
        let in_force = self.in_force(moment)?;
        let (first, reach) = self.reach()?;
        let mut replayed =
            Replayed { inventories: in_force.len(), as_of: moment.as_of, ..Replayed::default() };
        let mut course = Course::new(self.reader(), in_force, None)?;
        for downtime in self.downtimes(moment.as_of)? {
            course.was_down(downtime);
        }
        let mut book = Book::default();
        let (all, begin) = ((moment.position - first + 1).max(1), first - 1);
        loop {
            let halt = course.read_on(moment.position, |entry, _| {
                replayed.entries += 1;
                if let Some(fault) = &entry.fault {
                    replayed.unread_count += 1;
                    if replayed.unread.len() < MOST_TOLD {
                        replayed.unread.push(Unread { position: entry.position, fault: fault.clone() });
                    }
                }
            })?;
            progress((course.position - begin).max(0), all);
            let at = match halt {
                Halt::Chunk => continue,
                Halt::Judge(at) | Halt::Inventory(at) => at,
                Halt::End => moment.as_of,
            };
            course.judge(at)?;
            book.enter(course.live.judge(at), &course.inventory.network, &course.absences);
            match halt {
                Halt::Inventory(_) => course.change_inventory()?,
                Halt::End => break,
                Halt::Chunk | Halt::Judge(_) => {}
            }
        }
        replayed.from = reach.unwrap_or(Timestamp::MIN).max(book.from.unwrap_or(Timestamp::MIN));
        replayed.absences.clone_from(&course.absences);
        replayed.inventory.clone_from(&course.inventory.digest);
        (replayed.timelines, replayed.incidents) = book.close();
        Ok(replayed)
    }
}

#[cfg(test)]
mod tests;
