//! What an agent finds in its folders when it starts, whatever way the last one ended.
//!
//! The log with the highest order is the one that was being filled; a lower one has been sealed already, since a new
//! log is begun only after that. A log whose batch lies on a shelf has been sealed too. What is left of the current log
//! is sealed at once: a batch has one boot and one plan, and both may be others now.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::Path,
};

use kentongan_model::{id::Vantage, plan::Precision, time::Stamp};

use super::{
    BatchName, Limits, Losses, Place, Spool, SpoolError,
    lock::FolderLock,
    open_log,
    shelf::{Sealed, Shelf},
};

impl Spool {
    /// Opens the spool of an agent: `memory` is the folder of the open log, `disk` that of what could not be delivered.
    ///
    /// # Errors
    /// When another agent has one of the folders, or one cannot be used. What is damaged in them is no error.
    pub fn open(
        agent: Vantage,
        memory: &Path,
        disk: &Path,
        limits: Limits,
        now: &Stamp,
    ) -> Result<Spool, SpoolError> {
        let locks = [FolderLock::take(memory)?, FolderLock::take(disk)?];
        let memory = Shelf { folder: memory.to_owned(), limit: limits.memory };
        let disk = Shelf { folder: disk.to_owned(), limit: limits.disk };
        let list =
            |shelf: &Shelf| shelf.list().map_err(|source| SpoolError::Read(shelf.folder.clone(), source));
        let mut batches: BTreeMap<BatchName, (Place, Sealed)> =
            list(&disk)?.into_iter().map(|sealed| (sealed.name, (Place::Disk, sealed))).collect();
        for sealed in list(&memory)? {
            // A batch on both shelves was being moved; it is the same.
            match batches.entry(sealed.name) {
                Entry::Occupied(_) => drop(memory.remove(&sealed)),
                Entry::Vacant(place) => drop(place.insert((Place::Memory, sealed))),
            }
        }
        let last = batches.keys().next_back().copied();
        let mut spool = Spool {
            agent,
            memory,
            disk,
            batches,
            log: None,
            next: BatchName {
                order: last.map_or(1, |name| name.order + 1),
                series: crate::chance::u32(),
                sequence: 1,
            },
            precision: Precision::Full,
            fresh: last,
            unreported: 0,
            losses: Losses::default(),
            _locks: locks,
        };
        spool.take_up_logs(now)?;
        Ok(spool)
    }

    fn take_up_logs(&mut self, now: &Stamp) -> Result<(), SpoolError> {
        let folder = self.memory.folder.clone();
        let unreadable = |source| SpoolError::Read(folder.clone(), source);
        let mut logs = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let stem =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".open"));
            if let Some(name) = stem.and_then(BatchName::parse) {
                logs.push((name, path));
            }
        }
        logs.sort_unstable();
        let Some((name, path)) = logs.pop() else { return Ok(()) };
        for (_, sealed_before) in logs {
            let _ = fs::remove_file(sealed_before);
        }
        let last = self.batches.keys().next_back().map_or(0, |last| last.order);
        self.next = BatchName { order: name.order.max(last + 1), ..name };
        let is_sealed =
            self.batches.keys().any(|other| (other.series, other.sequence) == (name.series, name.sequence));
        self.next.sequence += u64::from(is_sealed);
        if let Some(content) = open_log::read(&path).map_err(unreadable)? {
            let plan = content.head.plan;
            if !is_sealed {
                self.take_up(content, now)?;
            }
            self.begin(plan, now)?;
        } else {
            // Not even the head is whole: nothing had been appended.
            self.losses.torn_logs += 1;
        }
        if self.log.as_ref().is_none_or(|log| log.path != path) {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    fn take_up(&mut self, content: open_log::Content, now: &Stamp) -> Result<(), SpoolError> {
        if content.torn > 0 {
            self.losses.torn_logs += 1;
            tracing::warn!(bytes = content.torn, "the end of the open log is torn and skipped");
        }
        if content.records.is_empty() {
            return Ok(());
        }
        let sealed = if content.head.begun.boot == now.boot { *now } else { content.last_moment() };
        self.shelve(content, &sealed)
    }
}
