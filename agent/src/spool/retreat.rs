//! The way to disk: what outlives a power cut, and when flash is written for it.
//!
//! A batch leaves memory only when it is known to be on disk. One whose copy may be there or not is read from memory
//! as long as there is a memory.

use std::{io::ErrorKind, time::Duration};

use kentongan_model::time::Stamp;

use super::{BatchName, Chain, Kept, Place, Spool, SpoolError, folder::Folder, segment::LABEL, shelf::Spot};

impl<F: Folder> Spool<F> {
    /// A delivery failed: what is in memory moves to disk, where it outlives a power cut. Flash is written once a minute,
    /// for changes of state at once.
    ///
    /// # Errors
    /// When the disk cannot be written; the batches stay in memory then.
    pub fn retreat(&mut self, now: &Stamp) -> Result<(), SpoolError> {
        self.is_away = true;
        let now = Duration::from_millis(now.mono_ms);
        let (everything, urgent) = (self.flash.is_due(now), self.flash.is_allowed(now));
        let moving = self.in_memory(|kept| everything || (urgent && kept.chain == Chain::Changes));
        if moving.is_empty() {
            return Ok(());
        }
        self.flash.written(now);
        self.move_to_disk(&moving)
    }

    /// The agent stops: all that was measured and not delivered goes to disk.
    ///
    /// # Errors
    /// When the disk cannot be written; what is not there stays in memory.
    pub fn stow(&mut self, now: &Stamp) -> Result<(), SpoolError> {
        let sealed = self.seal_filled(now);
        let moved = self.move_to_disk(&self.in_memory(|_| true));
        sealed.and(moved)
    }

    fn in_memory(&self, moves: impl Fn(&Kept) -> bool) -> Vec<BatchName> {
        let chosen = self.batches.iter().filter(|(_, kept)| kept.place == Place::Memory && moves(kept));
        chosen.map(|(name, _)| *name).collect()
    }

    fn move_to_disk(&mut self, batches: &[BatchName]) -> Result<(), SpoolError> {
        self.disk.note();
        let mut written = Vec::new();
        let mut copied = Ok(());
        for name in batches {
            // One for which there is no room does not keep a change of state from the disk.
            copied = self.copy_to_disk(*name, &mut written).and(copied);
        }
        let settled = self.settle(&mut written);
        self.memory.note();
        copied.and(settled)
    }

    /// Writes a batch to disk, unless it can never lie there.
    fn copy_to_disk(
        &mut self,
        name: BatchName,
        written: &mut Vec<(BatchName, Spot)>,
    ) -> Result<(), SpoolError> {
        let Some((label, bytes)) = self.read_labelled(name)? else { return Ok(()) };
        if !self.disk.can_hold(bytes.len()) {
            return Ok(());
        }
        while !self.disk.has_room(bytes.len()) {
            // What has been written counts as being there before anything is dropped.
            self.settle(written)?;
            if !self.drop_oldest(Place::Disk) {
                return Ok(());
            }
        }
        let Some(kept) = self.batches.get(&name).copied() else { return Ok(()) };
        if self.disk.is_segment_full(kept.chain) {
            self.settle(written)?;
        }
        let mut freed = 0;
        loop {
            let source = match self.disk.put(kept.chain, &label, &bytes) {
                Ok(spot) => {
                    written.push((name, spot));
                    return Ok(());
                }
                Err(source) => source,
            };
            // Other files may have the room that the limit leaves. What goes first makes place, but not for ever: who knows
            // where the room goes that it leaves.
            let is_full = source.kind() == ErrorKind::StorageFull && freed <= LABEL + bytes.len() as u64;
            if !(is_full && self.disk.gives_way_to(kept.chain)) {
                return Err(SpoolError::Write(self.disk.folder.path().to_owned(), source));
            }
            self.settle(written)?;
            let taken = self.disk.taken();
            self.drop_oldest(Place::Disk);
            freed += taken - self.disk.taken();
        }
    }

    /// Makes sure that what has been written is on disk, and only then lets it go from memory.
    fn settle(&mut self, written: &mut Vec<(BatchName, Spot)>) -> Result<(), SpoolError> {
        let synced = Chain::BOTH.into_iter().try_for_each(|chain| self.disk.sync(chain));
        for (name, spot) in written.drain(..) {
            let Some(kept) = self.batches.get_mut(&name) else { continue };
            if synced.is_ok() {
                let in_memory = std::mem::replace(&mut kept.spot, spot);
                kept.place = Place::Disk;
                self.memory.gone(&in_memory, name.order);
            } else {
                self.disk.gone(&spot, name.order);
            }
        }
        synced.map_err(|source| SpoolError::Write(self.disk.folder.path().to_owned(), source))
    }
}
