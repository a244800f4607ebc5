//! What waits for delivery: which batch is next, and how one leaves.
//!
//! A batch leaves when the collector has it, when it can never have it, or when a shelf is full and it is the oldest;
//! the last two are counted.

use std::io;

use kentongan_model::{plan::PlanRevision, time::Stamp, wire::Batch};

use super::{BatchName, Place, Spool, SpoolError, shelf::Sealed};

impl Spool {
    /// The batch to send next: the present first, then the backlog from its oldest.
    #[must_use]
    pub fn next(&self) -> Option<BatchName> {
        self.fresh
            .filter(|name| self.batches.contains_key(name))
            .or_else(|| self.batches.keys().next().copied())
    }

    /// Whether this is the batch that was sealed last.
    #[must_use]
    pub fn is_newest(&self, batch: BatchName) -> bool {
        self.fresh == Some(batch)
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
        self.next = BatchName { order: self.next.order, series: crate::chance::u32(), sequence: 1 };
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

    /// Drops the oldest batches of a shelf until so many bytes more fit.
    pub(super) fn make_room(&mut self, place: Place, bytes: u64) {
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

    pub(super) fn remove(&mut self, batch: BatchName) -> Option<Sealed> {
        let (place, sealed) = self.batches.remove(&batch)?;
        if let Err(error) = self.shelf(place).remove(&sealed) {
            // It will be sent again after a restart, which changes nothing at the collector.
            tracing::warn!("cannot remove a delivered batch: {error}");
        }
        Some(sealed)
    }
}
