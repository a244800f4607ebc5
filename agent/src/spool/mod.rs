//! The spool: what was measured stays here until the collector has acknowledged it.
//!
//! Rounds go into an open log in memory (tmpfs) at once; a report seals the log into a batch; a batch leaves when it is
//! acknowledged, and moves to disk (flash) only when a delivery fails. When a shelf is full its oldest batches go first, and the
//! next batch says how many rounds that were. (series, sequence) names a batch for good: the same name is always
//! the same bytes, whenever the agent was killed.

mod lock;
mod open_log;
pub(crate) mod record;
mod recovery;
mod shelf;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, path::PathBuf};

use kentongan_model::{
    id::Vantage,
    plan::PlanRevision,
    time::Stamp,
    wire::{Batch, WireError},
};

use lock::FolderLock;
pub use lock::LockError;
use open_log::{Content, Head, OpenLog};
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

/// What names a batch: its place in the order of all batches, and what the collector knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchName {
    /// Grows from batch to batch, across series.
    pub order: u64,
    /// The series.
    pub series: u64,
    /// The number in the series.
    pub sequence: u64,
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
    /// The batch that was sealed last, while it is undelivered: it is sent before the backlog.
    fresh: Option<BatchName>,
    /// Dropped, and not written down yet.
    unreported: u64,
    losses: Losses,
    _locks: [FolderLock; 2],
}

impl Spool {
    /// Puts a record into the batch that is being filled under this plan. What was filled under another plan is
    /// sealed first.
    ///
    /// # Errors
    /// When it cannot be written; it is counted as dropped then.
    pub fn append(&mut self, plan: PlanRevision, record: &Record, now: &Stamp) -> Result<(), SpoolError> {
        let appended = self.append_to(plan, record, now);
        if appended.is_err() {
            self.drop_rounds(u64::from(matches!(record, Record::Round(_))));
        }
        appended
    }

    fn append_to(&mut self, plan: PlanRevision, record: &Record, now: &Stamp) -> Result<(), SpoolError> {
        if self.log.as_ref().is_some_and(OpenLog::is_full) {
            self.seal(plan, now)?;
        }
        let log = self.log_under(plan, now)?;
        log.append(record).map_err(|source| SpoolError::Write(log.path.clone(), source))
    }

    /// Seals what has been measured into a batch, an empty one included: a heartbeat.
    ///
    /// # Errors
    /// When it cannot be written; everything stays in the log then.
    pub fn seal(&mut self, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        self.log_under(plan, now)?;
        // Taken out, so that what is dropped to make room is written into the next one.
        let Some(log) = self.log.take() else { return Ok(()) };
        let sealed = self.seal_log(&log, now);
        if sealed.is_err() {
            self.log = Some(log);
            return sealed;
        }
        let begun = self.begin(log.head.plan, now);
        if self.log.as_ref().is_none_or(|next| next.path != log.path) {
            let _ = std::fs::remove_file(&log.path);
        }
        begun
    }

    fn seal_log(&mut self, log: &OpenLog, now: &Stamp) -> Result<(), SpoolError> {
        let content =
            open_log::read(&log.path).map_err(|source| SpoolError::Read(log.path.clone(), source))?;
        let content = content.unwrap_or(Content { head: log.head, records: Vec::new(), torn: 1 });
        self.losses.torn_logs += u64::from(content.torn > 0);
        let rounds = content.records.iter().filter(|record| matches!(record, Record::Round(_))).count();
        match self.shelve(content, now) {
            Err(SpoolError::Seal(error)) => {
                // It will not fit later either.
                tracing::error!(rounds, "what was measured fits in no batch and is dropped: {error}");
                self.drop_rounds(rounds as u64);
                Ok(())
            }
            shelved => shelved,
        }
    }

    /// Whether anything has been measured that is in no batch yet.
    #[must_use]
    pub fn has_open_records(&self) -> bool {
        self.unreported > 0 || self.log.as_ref().is_some_and(|log| !log.is_empty)
    }

    /// The batch to send next: the present first, then the backlog from its oldest.
    #[must_use]
    pub fn next(&self) -> Option<BatchName> {
        self.fresh
            .filter(|name| self.batches.contains_key(name))
            .or_else(|| self.batches.keys().next().copied())
    }

    /// Batches that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.batches.len()
    }

    /// The sealed bytes of a batch. One that is damaged is given up and counted, and none is returned.
    ///
    /// # Errors
    /// When its file cannot be read just now.
    pub fn read(&mut self, batch: BatchName) -> Result<Option<Vec<u8>>, SpoolError> {
        let Some(&(place, sealed)) = self.batches.get(&batch) else { return Ok(None) };
        let found = match self.shelf(place).get(&sealed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => found.map_err(|source| SpoolError::Read(self.shelf(place).folder.clone(), source))?,
        };
        if found.is_none() {
            self.losses.damaged_batches += 1;
            tracing::error!(
                sequence = batch.sequence,
                rounds = sealed.rounds,
                "a spooled batch is damaged and dropped"
            );
            self.remove(batch);
            self.drop_rounds(sealed.rounds);
        }
        Ok(found)
    }

    /// The collector has the batch.
    pub fn acknowledge(&mut self, batch: BatchName) {
        self.remove(batch);
    }

    /// The collector will never take the batch: it is dropped and counted.
    pub fn refuse(&mut self, batch: BatchName) {
        if let Some(sealed) = self.remove(batch) {
            self.drop_rounds(sealed.rounds);
        }
    }

    /// The collector knows other bytes by this batch's name (a spool was copied or set back): it goes on under a new
    /// series, and so does everything that follows.
    ///
    /// # Errors
    /// When it cannot be written anew; it keeps its name then.
    pub fn rename(&mut self, batch: BatchName, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        let Some(bytes) = self.read(batch)? else { return Ok(()) };
        let mut renamed = Batch::open(&bytes)?;
        // What the open log holds keeps its own name: only one series is current.
        if self.log.as_ref().is_some_and(|log| !log.is_empty) {
            self.seal(plan, now)?;
        }
        self.next = BatchName { order: self.next.order, series: crate::chance::u64(), sequence: 1 };
        (renamed.series, renamed.sequence) = (self.next.series, self.next.sequence);
        self.shelve_batch(&renamed)?;
        self.remove(batch);
        self.begin(plan, now)
    }

    /// A delivery failed: what is in memory moves to disk, where it outlives a power cut.
    ///
    /// # Errors
    /// When the disk cannot be written; the batches stay in memory then.
    pub fn retreat(&mut self) -> Result<(), SpoolError> {
        let in_memory: Vec<Sealed> = self
            .batches
            .values()
            .filter(|(place, _)| *place == Place::Memory)
            .map(|(_, sealed)| *sealed)
            .collect();
        for batch in in_memory {
            let Some(bytes) = self.read(batch.name)? else { continue };
            self.make_room(Place::Disk, batch.bytes);
            let moved = self.disk.put(batch.name, batch.rounds, &bytes);
            moved.map_err(|source| SpoolError::Write(self.disk.folder.clone(), source))?;
            self.batches.insert(batch.name, (Place::Disk, batch));
            let _ = self.memory.remove(&batch);
        }
        Ok(())
    }

    /// What had to be given up since the agent was started.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// The log that is being filled under this plan.
    fn log_under(&mut self, plan: PlanRevision, now: &Stamp) -> Result<&mut OpenLog, SpoolError> {
        match &self.log {
            Some(log) if log.head.plan == plan => {}
            Some(log) if !log.is_empty => {
                let old = log.head.plan;
                self.seal(old, now)?;
                self.begin(plan, now)?;
            }
            _ => self.begin(plan, now)?,
        }
        self.log
            .as_mut()
            .ok_or_else(|| SpoolError::Write(self.memory.folder.clone(), io::ErrorKind::Other.into()))
    }

    /// Begins a new log in the place of the one there is, whose content has been sealed or is none.
    fn begin(&mut self, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        let folder = &self.memory.folder;
        let head = Head { name: self.next, plan, begun: *now };
        let log =
            OpenLog::create(folder, head).map_err(|source| SpoolError::Write(folder.clone(), source))?;
        if let Some(old) = self.log.replace(log).filter(|old| old.head.name != self.next) {
            let _ = std::fs::remove_file(&old.path);
        }
        self.drop_rounds(0);
        Ok(())
    }

    /// Makes a batch of a log's content and puts it on the memory shelf.
    fn shelve(&mut self, content: Content, sealed: &Stamp) -> Result<(), SpoolError> {
        let Head { name, plan, .. } = content.head;
        let mut batch = Batch {
            agent: self.agent.clone(),
            series: name.series,
            sequence: name.sequence,
            sealed: *sealed,
            plan,
            dropped_rounds: 0,
            rounds: Vec::new(),
            readings: Vec::new(),
        };
        for record in content.records {
            match record {
                Record::Round(round) => batch.rounds.push(round),
                Record::Reading(reading) => batch.readings.push(reading),
                Record::Dropped(rounds) => batch.dropped_rounds += rounds,
            }
        }
        self.shelve_batch(&batch)
    }

    fn shelve_batch(&mut self, batch: &Batch) -> Result<(), SpoolError> {
        let name = BatchName { order: self.next.order, series: batch.series, sequence: batch.sequence };
        let bytes = batch.seal()?;
        let rounds = batch.rounds.len() as u64 + batch.dropped_rounds;
        self.make_room(Place::Memory, bytes.len() as u64 + 4);
        let put = self.memory.put(name, rounds, &bytes);
        let sealed = put.map_err(|source| SpoolError::Write(self.memory.folder.clone(), source))?;
        self.batches.insert(name, (Place::Memory, sealed));
        self.fresh = Some(name);
        self.next = BatchName { order: name.order + 1, series: name.series, sequence: name.sequence + 1 };
        Ok(())
    }

    /// Drops the oldest batches of a shelf until so many bytes more fit.
    fn make_room(&mut self, place: Place, bytes: u64) {
        let on_shelf = |spool: &Self| -> Vec<Sealed> {
            spool.batches.values().filter(|(at, _)| *at == place).map(|(_, sealed)| *sealed).collect()
        };
        let batches = on_shelf(self);
        let mut taken: u64 = batches.iter().map(|sealed| sealed.bytes).sum();
        for oldest in batches {
            if taken + bytes <= self.shelf(place).limit {
                break;
            }
            taken -= oldest.bytes;
            self.remove(oldest.name);
            self.drop_rounds(oldest.rounds);
            tracing::warn!(rounds = oldest.rounds, "the spool is full: its oldest batch is dropped");
        }
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

    fn remove(&mut self, batch: BatchName) -> Option<Sealed> {
        let (place, sealed) = self.batches.remove(&batch)?;
        if let Err(error) = self.shelf(place).remove(&sealed) {
            // It will be sent again after a restart, which changes nothing at the collector.
            tracing::warn!("cannot remove a delivered batch: {error}");
        }
        Some(sealed)
    }

    fn shelf(&self, place: Place) -> &Shelf {
        match place {
            Place::Memory => &self.memory,
            Place::Disk => &self.disk,
        }
    }
}

impl BatchName {
    /// The beginning of the names of its files; sorts as the order does.
    fn stem(&self) -> String {
        format!("{:012}-{:016x}-{:08}", self.order, self.series, self.sequence)
    }

    fn parse(stem: &str) -> Option<BatchName> {
        let mut parts = stem.split('-');
        let order = parts.next()?.parse().ok()?;
        let series = u64::from_str_radix(parts.next()?, 16).ok()?;
        let sequence = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(BatchName { order, series, sequence })
    }
}
