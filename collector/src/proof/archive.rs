//! The archive: a data folder that is only read, whether a collector runs on it or not.
//!
//! The rule it guards: files are opened for reading, and one look at the state is one transaction, so that what is
//! compared is of one moment.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kentongan_model::{observation::Downtime, time::Timestamp};
use rusqlite::Connection;

use super::{Moment, ProofError};
use crate::{
    inventory::Inventory,
    metrics::Metrics,
    reader::Reader,
    store::{
        JOURNAL_FILE, JOURNAL_STEPS, STATE_FILE, STATE_STEPS, StoreError,
        inventories::{self, InForce},
        journal::{self, Position},
        readers::Readers,
        runs,
    },
};

/// After the oldest entry of a journal whose beginning is no longer kept, evidence takes as long to be what it was.
const SETTLING_MS: i64 = 86_400_000;

/// A data folder that is read and left as it is.
#[derive(Debug)]
pub struct Archive {
    folder: PathBuf,
    pub(super) journal: Readers,
    pub(super) state: Readers,
}

impl Archive {
    /// Opens a data folder.
    ///
    /// # Errors
    /// When it is none, or of another version.
    pub fn open(data: &Path) -> Result<Archive, ProofError> {
        let file = |name: &str| data.join(name);
        if !file(JOURNAL_FILE).is_file() {
            return Err(ProofError::NoData(data.to_owned()));
        }
        let archive = Archive {
            folder: data.to_owned(),
            journal: Readers::new(file(JOURNAL_FILE), 1),
            state: Readers::new(file(STATE_FILE), 1),
        };
        archive.check(JOURNAL_FILE, &archive.journal, JOURNAL_STEPS.len())?;
        Ok(archive)
    }

    /// Looks whether there is a state beside the journal that can be read.
    pub(super) fn check_state(&self) -> Result<(), ProofError> {
        if !self.folder.join(STATE_FILE).is_file() {
            return Err(ProofError::NotJudged);
        }
        self.check(STATE_FILE, &self.state, STATE_STEPS.len())
    }

    fn check(&self, name: &str, readers: &Readers, known: usize) -> Result<(), ProofError> {
        let version =
            |conn: &Connection| Ok(conn.pragma_query_value(None, "user_version", |row| row.get(0))?);
        let found: u32 = self.said(name, readers.ask_here(version))?;
        let (file, known) = (self.folder.join(name), u32::try_from(known).unwrap_or(u32::MAX));
        match found.cmp(&known) {
            std::cmp::Ordering::Less => Err(ProofError::Older { file }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => {
                let source = StoreError::Newer { file: name.to_owned(), found, known };
                Err(ProofError::Unreadable { file, source })
            }
        }
    }

    /// What the journal said, or that it cannot be read.
    pub(super) fn journal_said<T>(&self, said: Result<T, StoreError>) -> Result<T, ProofError> {
        self.said(JOURNAL_FILE, said)
    }

    /// What the state said, or that it cannot be read.
    pub(super) fn state_said<T>(&self, said: Result<T, StoreError>) -> Result<T, ProofError> {
        self.said(STATE_FILE, said)
    }

    fn said<T>(&self, name: &str, said: Result<T, StoreError>) -> Result<T, ProofError> {
        said.map_err(|source| ProofError::Unreadable { file: self.folder.join(name), source })
    }

    /// A reader of the journal; what it counts is nobody's.
    pub(super) fn reader(&self) -> Reader {
        Reader::new(self.journal.clone(), Arc::new(Metrics::new()))
    }

    /// The inventory by which `moment` was judged.
    pub(crate) fn inventory(&self, moment: &Moment) -> Result<Inventory, ProofError> {
        let read = |known: &InForce| self.journal.ask_here(|conn| inventories::read(conn, known.id));
        let last = self.in_force(moment).and_then(|known| read(known.last().ok_or(StoreError::Unrecorded)?));
        self.journal_said(last)
    }

    /// The inventories that were in force up to `moment`.
    pub(super) fn in_force(&self, moment: &Moment) -> Result<Vec<InForce>, StoreError> {
        let mut known = self.journal.ask_here(inventories::list)?;
        let first = known.first().map(|first| first.id);
        known.retain(|known| {
            // The first applies to all that was before it.
            Some(known.id) == first || (known.position <= moment.position && known.since <= moment.as_of)
        });
        // At the very moment at which one is taken over it may have been judged by the one before.
        let meant = |known: &InForce| moment.inventory.as_ref().is_none_or(|meant| known.digest == *meant);
        while let [.., _, last] = &known[..]
            && last.since == moment.as_of
            && !meant(last)
        {
            known.pop();
        }
        Ok(known)
    }

    /// The first entry that is kept, and from when on a replay of what is kept holds; none when all is kept.
    pub(super) fn reach(&self) -> Result<(Position, Option<Timestamp>), StoreError> {
        let first = self.journal.ask_here(|conn| journal::after(conn, 0, 1))?;
        Ok(first.first().map_or((1, None), |first| {
            let from = Timestamp::from_millis(first.received_at.as_millis() + SETTLING_MS);
            (first.position, (first.position > 1).then_some(from))
        }))
    }

    /// When the collector did not run, as it was known at `as_of`.
    pub(super) fn downtimes(&self, as_of: Timestamp) -> Result<Vec<Downtime>, StoreError> {
        let known = self.journal.ask_here(|conn| runs::downtimes(conn, 0))?;
        Ok(known.into_iter().filter_map(|(_, down)| down).filter(|down| down.to <= as_of).collect())
    }
}
