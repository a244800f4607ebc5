//! What an agent finds in its folders when it starts, whatever way the last one ended.
//!
//! A batch tells what it was made of: those logs, or the batch that was renamed, count no more. What other logs hold is
//! sealed at once: a batch has one boot and one plan, and both may be others now. What lies in memory goes before its
//! copy on disk, which may be torn. Nothing that is damaged is a reason not to start.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use kentongan_model::{id::Vantage, plan::Precision, time::Stamp};

use super::{
    BatchName, Chain, Directory, Kept, Limits, Losses, MAX_BATCHES, Place, Spool, SpoolError,
    flash::Flash,
    folder::Folder,
    open_log::{self, Head},
    segment::{self, Item, Label},
    shelf::{self, Shelf},
};

/// What was found on a shelf.
#[derive(Debug, Default)]
struct Finds {
    batches: Vec<(u32, Chain, Label, u64)>,
    /// By segment and order: of a batch that was written twice, the other copy counts.
    gone: BTreeSet<(u32, u64)>,
}

/// A log that was found, and whether it holds anything.
#[derive(Debug, Clone, Copy)]
struct FoundLog {
    head: Head,
    is_empty: bool,
}

impl Spool {
    /// Opens the spool of an agent: `memory` is the folder of the open logs, `disk` that of what could not be delivered.
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
        Spool::take_up(agent, Directory::take(memory)?, Directory::take(disk)?, limits, now)
    }
}

impl<F: Folder> Spool<F> {
    /// Opens the spool of an agent in folders that are its own.
    ///
    /// # Errors
    /// When a folder cannot be read, or what is left of an earlier agent cannot be sealed for lack of room.
    pub fn take_up(
        agent: Vantage,
        memory: F,
        disk: F,
        limits: Limits,
        now: &Stamp,
    ) -> Result<Spool<F>, SpoolError> {
        let mut spool = Spool {
            agent,
            memory: Shelf::new(memory, limits.memory, false),
            disk: Shelf::new(disk, limits.disk, true),
            batches: BTreeMap::new(),
            logs: None,
            next: BatchName { order: 1, series: crate::chance::u32(), sequence: 1 },
            precision: Precision::Full,
            fresh: None,
            is_away: false,
            flash: Flash::default(),
            unreported: 0,
            losses: Losses::default(),
        };
        let finds = [spool.look_through(Place::Memory)?, spool.look_through(Place::Disk)?];
        let labels = || finds.iter().flat_map(|of_one| &of_one.batches).map(|(_, _, label, _)| label);
        let superseded: BTreeSet<u64> = labels().flat_map(|label| label.made_of).collect();
        let last = labels().map(|label| label.name).max();
        for (place, found) in [Place::Memory, Place::Disk].into_iter().zip(finds.iter()) {
            spool.take_batches(place, found, &superseded);
        }
        spool.fresh = spool.batches.keys().next_back().copied();
        spool.memory.tidy();
        spool.disk.tidy();
        spool.take_logs_up(&superseded, last, now)?;
        for place in [Place::Memory, Place::Disk] {
            while !spool.shelf(place).has_room(0) && spool.drop_oldest(place) {}
        }
        while spool.batches.len() > MAX_BATCHES && spool.make_room() {}
        Ok(spool)
    }

    /// Reads what the segments of a shelf hold.
    fn look_through(&mut self, place: Place) -> Result<Finds, SpoolError> {
        let shelf = match place {
            Place::Memory => &mut self.memory,
            Place::Disk => &mut self.disk,
        };
        let listed = shelf.folder.list();
        let names = listed.map_err(|source| SpoolError::Read(shelf.folder.path().to_owned(), source))?;
        let mut finds = Finds::default();
        for (name, number, chain) in names
            .iter()
            .filter_map(|name| shelf::segment_of(name).map(|(number, chain)| (name, number, chain)))
        {
            let scanned = segment::scan(&shelf.folder, name, |item| match item {
                Item::Batch(label, at) => finds.batches.push((number, chain, label, at)),
                Item::Gone(order) => finds.gone.extend([(number, order)]),
            });
            match scanned {
                Ok((whole, torn)) => {
                    if torn > 0 {
                        self.losses.torn_tails += 1;
                        tracing::warn!(bytes = torn, "the end of a segment is torn and skipped");
                        // If it cannot be cut off now, it is before anything is written behind it.
                        let _ = shelf.folder.reopen(name, whole);
                    }
                    shelf.found(number, chain, whole);
                }
                Err(error) => {
                    self.losses.damaged_batches += 1;
                    tracing::error!("a segment of the spool cannot be read and is given up: {error}");
                    finds.batches.retain(|(of, ..)| *of != number);
                    shelf.found(number, chain, 0);
                }
            }
        }
        finds.batches.sort_unstable_by_key(|(.., label, _)| label.name);
        Ok(finds)
    }

    fn take_batches(&mut self, place: Place, finds: &Finds, superseded: &BTreeSet<u64>) {
        for (number, chain, label, at) in &finds.batches {
            let order = label.name.order;
            let counts_no_more = finds.gone.contains(&(*number, order)) || superseded.contains(&order);
            if counts_no_more || self.batches.contains_key(&label.name) {
                continue;
            }
            let spot = self.shelf_mut(place).holds(*number, label, *at);
            self.batches.insert(label.name, Kept { place, chain: *chain, spot, rounds: label.rounds });
        }
    }

    /// Seals what the logs of an earlier agent hold, and begins new ones.
    fn take_logs_up(
        &mut self,
        superseded: &BTreeSet<u64>,
        last: Option<BatchName>,
        now: &Stamp,
    ) -> Result<(), SpoolError> {
        let (names, logs) = self.look_for_logs(superseded)?;
        let after_batch = last.map(BatchName::following);
        let after_log = logs.iter().map(|log| BatchName { order: log.head.name.order + 1, ..log.head.name });
        let newest = after_batch.into_iter().chain(after_log).max();
        // Not even one whose head is torn is written over: in the end the old ones are removed.
        let after_name =
            names.iter().filter_map(|name| Head::order_of(name)).max().map_or(1, |order| order + 1);
        self.next.order = newest.map_or(1, |newest| newest.order).max(after_name);
        // Without a log nobody knows which names the last agent gave; then the series is a new one.
        let Some(newest) = newest.filter(|_| !logs.is_empty()) else { return Ok(()) };
        let fresh_series = self.next;
        let sequence = newest.sequence - free_names(&logs, newest);
        self.next = BatchName { sequence, order: self.next.order, ..newest };

        let leftovers = to_seal(&logs);
        let is_same_boot = logs.iter().any(|log| log.head.begun.boot == now.boot);
        let (mut name, mut skipped) = (fresh_series, 0);
        if is_same_boot {
            skipped = leftovers.len() as u64;
            name = BatchName { sequence: self.next.sequence + skipped, ..self.next };
        }
        let plan = logs[logs.len() - 1].head.plan;
        let begun = self.new_logs(&Chain::BOTH, |chain| Head { chain, name, skipped, plan, begun: *now })?;
        self.take_logs(begun, 0);
        for heads in leftovers {
            let given_up = self.shelve_logs(&heads, now)?;
            self.drop_rounds(given_up);
        }
        self.next = BatchName { order: self.next.order, ..name };
        names.iter().for_each(|name| drop(self.memory.folder.remove(name)));
        Ok(())
    }

    /// The names of all logs, and those logs that are in no batch yet, in their order.
    fn look_for_logs(
        &mut self,
        superseded: &BTreeSet<u64>,
    ) -> Result<(Vec<String>, Vec<FoundLog>), SpoolError> {
        let folder = &self.memory.folder;
        let mut names = folder.list().map_err(|source| SpoolError::Read(folder.path().to_owned(), source))?;
        names.retain(|name| Head::order_of(name).is_some());
        let mut logs = Vec::new();
        for name in &names {
            let mut is_empty = true;
            let read = open_log::read_head(folder, name)
                .and_then(|head| Ok((head, open_log::read(folder, name, |_| is_empty = false)?)));
            match read {
                Ok((Some(head), _)) if superseded.contains(&head.name.order) => {}
                Ok((head, torn)) => {
                    if torn > 0 || head.is_none() {
                        self.losses.torn_tails += 1;
                        tracing::warn!(bytes = torn, "the end of an open log is torn and skipped");
                    }
                    logs.extend(head.map(|head| FoundLog { head, is_empty }));
                }
                Err(error) => {
                    self.losses.torn_tails += 1;
                    tracing::error!("an open log cannot be read and is given up: {error}");
                }
            }
        }
        logs.sort_unstable_by_key(|log| log.head.name.order);
        Ok((names, logs))
    }
}

/// How many names before the newest have been left to older logs whose batches were not written.
fn free_names(logs: &[FoundLog], newest: BatchName) -> u64 {
    let told_by = |log: &&FoundLog| {
        let name = log.head.name;
        (name.series, name.sequence) == (newest.series, newest.sequence)
    };
    let waits = |log: &&FoundLog| {
        let older = |other: &&FoundLog| other.head.name.order < log.head.name.order;
        logs.iter().filter(older).any(|other| other.head.chain == log.head.chain)
    };
    // A batch that was written after the logs were begun has taken up one of the names, and tells the next itself.
    let log_is_newest = logs.last().is_some_and(|log| log.head.name.order + 1 == newest.order);
    let skipping = logs.iter().filter(told_by).filter(waits);
    if log_is_newest { skipping.map(|log| log.head.skipped).max().unwrap_or(0) } else { 0 }
}

/// Which logs make a batch: the two of one life together, others alone.
fn to_seal(logs: &[FoundLog]) -> Vec<Vec<Head>> {
    let heads: Vec<Head> = logs.iter().filter(|log| !log.is_empty).map(|log| log.head).collect();
    match heads[..] {
        [one, other]
            if one.chain != other.chain && one.plan == other.plan && one.begun.boot == other.begun.boot =>
        {
            vec![heads]
        }
        _ => heads.into_iter().map(|head| vec![head]).collect(),
    }
}
