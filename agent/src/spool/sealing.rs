//! How a batch is sealed: what the logs hold, onto the memory shelf.
//!
//! The order of steps is the rule: new logs are begun, the batch is written, the old logs are removed. The batch tells
//! which logs it was made of. Whenever the agent is killed between the steps, [`recovery`](super::recovery) can tell
//! what had been done.

use std::time::Duration;

use kentongan_model::{
    plan::{PlanRevision, Precision},
    time::Stamp,
    wire::Batch,
};

use super::{
    BatchName, Chain, Kept, MAX_BATCHES, Place, Record, Spool, SpoolError,
    folder::Folder,
    open_log::{self, Head, OpenLog},
    segment::Label,
};

/// While the collector is away, so much time is gathered before it is sealed: a batch that stands alone costs a
/// beginning of its own, and columns that have to be learnt anew. It is what a power cut takes.
const AWAY_INTERVAL: Duration = Duration::from_secs(600);
/// So much when the disk is [filling up](super::shelf::Shelf::is_filling_up): then it is a long outage, and RTTs are
/// kept to 1 %, too. A week of a village router at 30 s fits into 2 MB that way.
const LONG_AWAY_INTERVAL: Duration = Duration::from_secs(1_800);
/// Or so much of a log, since a batch is made in memory.
const AWAY_LENGTH: u64 = 96 << 10;

impl<F: Folder> Spool<F> {
    /// Seals what has been measured into a batch, an empty one included: a heartbeat. While the collector is away less
    /// is sealed: what tells of a decided change at once, the rest when there is enough of it.
    ///
    /// # Errors
    /// When it cannot be written; everything stays in the logs then.
    pub fn seal(&mut self, plan: PlanRevision, now: &Stamp) -> Result<(), SpoolError> {
        self.prepare_logs(plan, now)?;
        if !self.is_away || self.batches.is_empty() {
            return self.seal_logs(&Chain::BOTH, now);
        }
        let interval = if self.disk.is_filling_up() { LONG_AWAY_INTERVAL } else { AWAY_INTERVAL };
        let is_due = |log: &OpenLog<F>| {
            let passed = now.mono_ms.saturating_sub(log.head.begun.mono_ms);
            log.is_urgent || log.length >= AWAY_LENGTH || Duration::from_millis(passed) >= interval
        };
        let filled = self.filled().into_iter();
        let due: Vec<Chain> = filled.filter(|chain| self.log(*chain).is_some_and(is_due)).collect();
        due.into_iter().try_for_each(|chain| self.seal_logs(&[chain], now))
    }

    /// Seals all that the logs hold: in one batch while the collector takes them, apart while it is away.
    pub(super) fn seal_filled(&mut self, now: &Stamp) -> Result<(), SpoolError> {
        // Twice, since what is given up for the first batch stands in the new log.
        for _ in 0..2 {
            let filled = self.filled();
            if self.is_away {
                filled.into_iter().try_for_each(|chain| self.seal_logs(&[chain], now))?;
            } else if !filled.is_empty() {
                self.seal_logs(&Chain::BOTH, now)?;
            }
        }
        Ok(())
    }

    /// Seals the logs of these chains into one batch.
    pub(super) fn seal_logs(&mut self, chains: &[Chain], now: &Stamp) -> Result<(), SpoolError> {
        let Some(old) = &self.logs else { return Ok(()) };
        let heads: Vec<Head> = chains.iter().map(|chain| old[*chain as usize].head).collect();
        let (name, plan) = (self.next.following(), old[0].head.plan);
        let begun = self.new_logs(chains, |chain| Head { chain, name, skipped: 1, plan, begun: *now })?;
        match self.shelve_logs(&heads, now) {
            Ok(given_up) => {
                self.take_logs(begun, given_up);
                Ok(())
            }
            Err(error) => {
                begun.iter().for_each(|log| drop(self.memory.folder.remove(&log.file_name)));
                Err(error)
            }
        }
    }

    /// Makes a batch of what these logs hold and puts it on the memory shelf; tells how many rounds had to be given up
    /// because no batch can hold them.
    pub(super) fn shelve_logs(&mut self, heads: &[Head], now: &Stamp) -> Result<u64, SpoolError> {
        loop {
            let (chain, batch) = self.gather(heads, now)?;
            let rounds = batch.rounds.len() as u64 + batch.dropped_rounds;
            let sealed = match batch.seal() {
                Ok(sealed) => sealed,
                Err(error) => {
                    tracing::error!(rounds, "what was measured fits in no batch and is dropped: {error}");
                    return Ok(rounds);
                }
            };
            if self.has_room(sealed.len()) {
                let made_of = [0, 1].map(|n| heads.get(n).map_or(0, |head: &Head| head.name.order));
                self.put(chain, self.next, rounds, made_of, &sealed)?;
                self.next = BatchName { order: self.next.order, ..self.next.following() };
                return Ok(0);
            }
            // What is dropped for it is told by it.
            if !self.memory.can_hold(sealed.len()) || !self.make_room() {
                tracing::error!(rounds, "what was measured fits in no spool and is dropped");
                return Ok(rounds);
            }
        }
    }

    /// Whether so long a batch can be put on the memory shelf.
    pub(super) fn has_room(&self, sealed: usize) -> bool {
        self.memory.has_room(sealed) && self.batches.len() < MAX_BATCHES
    }

    /// Drops what goes first; tells whether there was anything.
    pub(super) fn make_room(&mut self) -> bool {
        let too_many = self.batches.len() >= MAX_BATCHES;
        (too_many && self.drop_oldest(Place::Disk)) || self.drop_oldest(Place::Memory)
    }

    /// Puts a batch on the memory shelf. It is the present.
    pub(super) fn put(
        &mut self,
        chain: Chain,
        name: BatchName,
        rounds: u64,
        made_of: [u64; 2],
        sealed: &[u8],
    ) -> Result<(), SpoolError> {
        let name = BatchName { order: self.next.order, ..name };
        let put = self.memory.put(chain, &Label::of(name, rounds, made_of, sealed), sealed);
        let spot = put.map_err(|source| SpoolError::Write(self.memory.folder.path().to_owned(), source))?;
        self.batches.insert(name, Kept { place: Place::Memory, chain, spot, rounds });
        self.fresh = Some(name);
        self.next.order += 1;
        Ok(())
    }

    /// What logs hold, as a batch, and where that belongs.
    fn gather(&self, heads: &[Head], now: &Stamp) -> Result<(Chain, Batch), SpoolError> {
        let BatchName { series, sequence, .. } = self.next;
        let mut batch = Batch {
            agent: self.agent.clone(),
            series,
            sequence,
            sealed: *now,
            plan: heads[0].plan,
            dropped_rounds: 0,
            rounds: Vec::new(),
            readings: Vec::new(),
            gauges: Vec::new(),
            traces: Vec::new(),
        };
        let (mut chain, mut latest_ms) = (Chain::Rounds, 0);
        for head in heads {
            let (folder, name) = (&self.memory.folder, head.file_name());
            let read = open_log::read(folder, &name, |record| {
                chain = chain.max(record.chain());
                latest_ms = latest_ms.max(record.mono_ms().unwrap_or(0));
                match record {
                    Record::Round(round, _) => batch.rounds.push(round),
                    Record::Reading(reading) => batch.readings.push(reading),
                    Record::Gauges(reading) => batch.gauges.push(reading),
                    Record::Trace(trace) => batch.traces.push(trace),
                    Record::Dropped(rounds) => batch.dropped_rounds += rounds,
                }
            });
            read.map_err(|source| SpoolError::Read(folder.path().join(name), source))?;
        }
        batch.sealed = heads[0].sealed_at(latest_ms, now);
        let is_long_backlog = self.is_away && chain == Chain::Rounds && self.disk.is_filling_up();
        if self.precision == Precision::Thin || is_long_backlog {
            batch.thin();
        }
        Ok((chain, batch))
    }
}
