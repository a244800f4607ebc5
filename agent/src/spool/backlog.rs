//! What waits for delivery: which batch is next, and how one leaves.
//!
//! A batch leaves when the collector has it, when it can never have it, or when there is no more room; the last two are
//! counted.

use std::time::Duration;

use kentongan_model::{plan::PlanRevision, time::Stamp, wire::Batch};

use super::{BatchName, Kept, Place, Spool, SpoolError, folder::Folder, segment::Label};

impl<F: Folder> Spool<F> {
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

    /// Bytes of all batches that wait.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.batches.values().map(|kept| u64::from(kept.spot.length)).sum()
    }

    /// The sealed bytes of a batch. One that is damaged is given up and counted, and none is returned.
    ///
    /// # Errors
    /// When its file cannot be read just now.
    pub fn read(&mut self, batch: BatchName) -> Result<Option<Vec<u8>>, SpoolError> {
        Ok(self.read_labelled(batch)?.map(|(_, sealed)| sealed))
    }

    pub(super) fn read_labelled(&mut self, batch: BatchName) -> Result<Option<(Label, Vec<u8>)>, SpoolError> {
        let Some(kept) = self.batches.get(&batch).copied() else { return Ok(None) };
        let shelf = self.shelf(kept.place);
        let found = shelf.read(&kept.spot);
        let found = found.map_err(|source| SpoolError::Read(shelf.folder.path().to_owned(), source))?;
        let found = found.filter(|(label, _)| label.name == batch);
        if found.is_some() {
            return Ok(found);
        }
        self.losses.damaged_batches += 1;
        let (sequence, rounds) = (batch.sequence, kept.rounds);
        tracing::error!(sequence, rounds, "a spooled batch is damaged and dropped");
        self.drop_rounds(rounds);
        self.remove(batch, false);
        Ok(None)
    }

    /// The collector has the batch.
    pub fn acknowledge(&mut self, batch: BatchName) {
        self.is_away = false;
        self.remove(batch, false);
    }

    /// The collector will never take the batch: it is dropped and counted. Flash is written for it once a minute at most, and
    /// for all that has gone since: who is killed in between has the batch refused again, and tells too much.
    pub fn refuse(&mut self, batch: BatchName, now: &Stamp) {
        self.is_away = false;
        let Some(kept) = self.batches.get(&batch).copied() else { return };
        self.drop_rounds(kept.rounds);
        let now = Duration::from_millis(now.mono_ms);
        let for_good = kept.place == Place::Disk && self.flash.is_due(now);
        if for_good {
            self.flash.written(now);
        }
        self.remove(batch, for_good);
    }

    /// The collector knows other bytes by this batch's name (a spool was copied or set back): it goes on under a new
    /// series, and so does everything that follows.
    ///
    /// # Errors
    /// When it cannot be written anew; it keeps its name then.
    pub fn rename(&mut self, batch: BatchName, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        let Some(bytes) = self.read(batch)? else { return Ok(()) };
        let mut renamed = Batch::open(&bytes)?;
        // What the logs hold keeps its own series: only one is current.
        self.prepare_logs(plan, now)?;
        self.seal_filled(now)?;
        let first = BatchName { order: batch.order, series: crate::chance::u32(), sequence: 1 };
        self.next = BatchName { order: self.next.order, ..first.following() };
        self.begin_logs(plan, now)?;
        (renamed.series, renamed.sequence) = (first.series, first.sequence);
        let sealed = renamed.seal()?;
        while !self.has_room(sealed.len()) && self.make_room() {}
        // It may have been the oldest itself.
        let Some(Kept { chain, rounds, .. }) = self.batches.get(&batch).copied() else { return Ok(()) };
        self.put(chain, first, rounds, [batch.order, 0], &sealed)?;
        self.remove(batch, true);
        Ok(())
    }

    /// Forgets a batch. What goes `for_good` does not come back when the agent is killed or the power is cut; anything else
    /// may, from a disk that would have to be written for it: it is delivered, refused or found damaged once more.
    pub(super) fn remove(&mut self, batch: BatchName, for_good: bool) {
        let Some(Kept { place, spot, .. }) = self.batches.remove(&batch) else { return };
        match place {
            Place::Memory => {
                self.memory.gone(&spot, batch.order);
                self.memory.note();
            }
            Place::Disk if for_good => self.disk.gone_for_good(&spot, batch.order),
            Place::Disk => self.disk.gone(&spot, batch.order),
        }
    }
}
