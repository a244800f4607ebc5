//! The judge: reads the journal by position, feeds the live timeline, and makes the store agree with what it says.
//!
//! The rule it guards: it trusts nobody's word that something arrived, only the journal, and judges each entry by the
//! inventory that the journal says was in force there. So it can fall behind, fail and be started again, and ends where
//! a replay of the journal ends.

pub(crate) mod absences;
pub(crate) mod course;
mod memory;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use kentongan_model::{inventory::Network, time::Timestamp};
use rusqlite::Connection;

use self::{
    course::{CHUNK, Course, Halt, take_up},
    memory::{Memory, pack},
};
use crate::{
    board::Board,
    inventory::Inventory,
    latest::{self, Latest},
    ledger::{Ledger, Reasons},
    metrics::Metrics,
    reader::{Read, Reader},
    store::{
        StoreError,
        inventories::{self, InForce, InForceId, TakenOver},
        journal::{self, Position},
        judged::{self, Judged},
        readers::Readers,
        runs::{self, Run},
        state,
        traces::{self, PlacedTrace},
    },
};

/// How often the timeline's memory is put away.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Rows of each kind that one sweep of the retention drops at most.
const SWEEP: usize = 2_000;

/// The judge with its books.
#[derive(Debug)]
pub(crate) struct Judge {
    course: Course,
    state: Connection,
    run: Run,
    ledger: Option<Ledger>,
    /// What came since the last judgement that can have changed the past.
    reasons: Reasons,
    /// Ways to targets that had gone down, until they are put away.
    traces: Vec<PlacedTrace>,
    judged: Option<(u64, Board)>,
    /// Up to when the store is judged. What the course passes before that, after a restart, is in it already.
    stored: Timestamp,
    /// The last entry that is in the store.
    reached: Position,
    last_event: i64,
    checkpointed: Option<Timestamp>,
    keep: Duration,
    latest: Arc<RwLock<Latest>>,
    metrics: Arc<Metrics>,
}

impl Judge {
    /// Goes on where the last checkpoint was made. `today` is the inventory of today, which the journal knows to apply
    /// from its present end on, if it is another than before.
    pub(crate) fn open(
        journal: &Readers,
        state: Connection,
        today: Arc<Inventory>,
        journal_days: u32,
        metrics: Arc<Metrics>,
        now: Timestamp,
    ) -> Result<Judge, StoreError> {
        let last = journal.ask_here(journal::last_position)?;
        let in_force = journal.ask_here(inventories::list)?;
        let found = state::checkpoint(&state)?.filter(|found| {
            let fits = found.position <= last;
            if !fits {
                tracing::warn!("the state is of another journal than this; it is judged anew from this one");
            }
            fits
        });
        let reader = || Reader::new(journal.clone(), Arc::clone(&metrics));
        let taken_up = found.and_then(|found| {
            let run = found.run;
            let course = take_up(&found, reader(), &in_force, &today);
            let told = |error: &std::io::Error| {
                tracing::warn!(%error, "the checkpoint cannot be taken up; the journal is judged anew");
            };
            course.inspect_err(told).ok().map(|course| (course, run))
        });
        let (course, run) = match taken_up {
            Some(taken_up) => taken_up,
            None => (Course::new(reader(), in_force, Some(today))?, 0),
        };
        let stored = judged::last(&state)?.filter(|judged| judged.position <= last);
        let mut judge = Judge {
            course,
            run,
            ledger: None,
            reasons: Reasons::default(),
            traces: Vec::new(),
            judged: None,
            stored: stored.as_ref().map_or(Timestamp::MIN, |judged| judged.as_of),
            reached: stored.map_or(0, |judged| judged.position),
            last_event: state::last_event(&state)?,
            state,
            checkpointed: Some(now),
            keep: Duration::from_secs(u64::from(journal_days.max(1)) * 86_400),
            latest: Arc::default(),
            metrics,
        };
        judge.remember_latest(now)?;
        judge.learn_downtimes()?;
        Ok(judge)
    }

    /// What was measured last, which it keeps up to date.
    pub(crate) fn latest(&self) -> Arc<RwLock<Latest>> {
        Arc::clone(&self.latest)
    }

    /// The number of the last event that it wrote.
    pub(crate) fn last_event(&self) -> i64 {
        self.last_event
    }

    /// How many entries of the journal it has not read.
    pub(crate) fn behind(&self) -> Result<Position, StoreError> {
        Ok(self.course.reader.journal().ask_here(journal::last_position)? - self.course.position)
    }

    /// Reads on in the journal; says whether there may be more.
    pub(crate) fn read_on(&mut self) -> Result<bool, StoreError> {
        self.keep_traces()?; // What could not be written before: nothing more is read until it is.
        let (latest, reasons, traces) = (&self.latest, &mut self.reasons, &mut self.traces);
        let halt = self.course.read_on(Position::MAX, |entry, network| {
            if let Some(delivery) = &entry.unfolded {
                reasons.delivered(entry.received_at, delivery, network);
                traces.extend_from_slice(&delivery.traces);
            }
            show(latest, network, entry);
        })?;
        self.keep_traces()?;
        match halt {
            Halt::End => return Ok(false),
            Halt::Chunk => {}
            Halt::Judge(at) => self.judge_on_the_way(at)?,
            Halt::Inventory(since) => {
                self.judge_on_the_way(since)?;
                // What the inventory takes out ends here, whoever goes on.
                self.note_judged()?;
                let before = Arc::clone(&self.course.inventory);
                self.course.change_inventory()?;
                let now = &self.course.inventory;
                self.reasons.inventory(&before.network, &now.network, before.text != now.text);
                self.judged = None;
                self.change_latest(Latest::change_inventory);
            }
        }
        Ok(true)
    }

    /// Puts away the ways that were passed. What is lost with the process is passed again after the restart.
    fn keep_traces(&mut self) -> Result<(), StoreError> {
        if !self.traces.is_empty() {
            traces::keep(&mut self.state, &self.traces)?;
            self.traces.clear();
        }
        Ok(())
    }

    /// Judges as of a moment that the course has come to. The store may be further already: then it is left alone.
    fn judge_on_the_way(&mut self, at: Timestamp) -> Result<(), StoreError> {
        if at >= self.stored { self.judge(at).map(drop) } else { self.course.judge(at) }
    }

    /// Judges as of `now` and makes the store agree.
    pub(crate) fn judge(&mut self, now: Timestamp) -> Result<Board, StoreError> {
        self.course.judge(now)?;
        self.metrics.timeline(self.course.live.counters());
        let (revision, position) = (self.course.live.revision(), self.course.position);
        let judgement = self.course.live.judge(now); // Known already: this only borrows it.
        if let Some((judged, board)) = &mut self.judged
            && *judged == revision
            && let Some(ledger) = self.ledger.as_mut().filter(|ledger| !ledger.is_due(judgement.until))
        {
            ledger.later(judgement.until);
            self.reasons = Reasons::default();
            *board = board.later(judgement.until, position);
            return Ok(board.clone());
        }
        let mut ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => state::ledger(&self.state, judgement.from, judgement.until)?,
        };
        ledger.absences.clone_from(&self.course.absences);
        let changes = ledger.compare(judgement, &self.course.inventory.network, &self.reasons);
        let inventory = self.course.inventory.digest.clone();
        let judged = Judged { position, as_of: judgement.until, inventory };
        if !changes.is_empty() {
            let written = state::write(&mut self.state, &changes, &judged, now);
            if let Err(error) = written {
                // What the store says is read again next time.
                self.metrics.judge_failures.inc();
                return Err(error);
            }
            self.metrics.events.inc_by(changes.events.len() as u64);
            self.last_event = state::last_event(&self.state)?;
        }
        ledger.written(judgement, &changes);
        self.reasons = Reasons::default();
        let board = Board::of(judgement, position, Arc::clone(&self.course.inventory));
        self.stored = self.stored.max(judgement.until);
        self.ledger = Some(ledger);
        self.metrics.judgements.inc();
        self.judged = Some((revision, board.clone()));
        Ok(board)
    }

    /// What has to be recorded before the judge goes on with another inventory; none while it still catches up with
    /// those that came before, or with what the store was judged from already.
    pub(crate) fn takes_over(&self, inventory: &Arc<Inventory>, since: Timestamp) -> Option<TakenOver> {
        let taken = || TakenOver { inventory: Arc::clone(inventory), position: self.course.position, since };
        (self.course.is_up_to_date() && self.course.position >= self.reached).then(taken)
    }

    /// Goes on with another inventory, which was recorded under that number.
    pub(crate) fn change_inventory(&mut self, id: InForceId, taken: TakenOver) {
        let TakenOver { inventory, position, since } = taken;
        self.course.expect(InForce { id, position, since, digest: inventory.digest.clone() }, inventory);
    }

    /// Puts the timeline's memory away when it is time, and lets go what is too old; `now` at once at the end.
    pub(crate) fn tidy(&mut self, now: Timestamp, at_once: bool) -> Result<(), StoreError> {
        let due = self.checkpointed.is_none_or(|last| now.since(last) >= CHECKPOINT_EVERY);
        if !due && !at_once {
            return Ok(());
        }
        let (absences, live) = (self.course.absences.clone(), self.course.live.checkpoint());
        let live =
            pack(&Memory { absences, live }).map_err(|_| StoreError::Damaged { what: "checkpoint" })?;
        let (position, run) = (self.course.position, self.run);
        let inventory = self.course.inventory.digest.clone();
        state::keep_checkpoint(&self.state, &state::Checkpoint { position, run, inventory, live })?;
        self.note_judged()?;
        self.checkpointed = Some(now);
        let gone = state::forget(&mut self.state, now - self.keep, SWEEP)?;
        self.metrics.state_dropped.inc_by(gone as u64);
        Ok(())
    }

    /// Notes how far the store is judged, though nothing had to be written.
    fn note_judged(&self) -> Result<(), StoreError> {
        let Some((_, board)) = &self.judged else { return Ok(()) };
        let inventory = board.inventory.digest.clone();
        judged::note(&self.state, &Judged { position: board.position, as_of: board.as_of, inventory })
    }

    /// The end of the journal gives back what was measured last.
    fn remember_latest(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let since = now - Duration::from_millis(latest::REACH_MS.unsigned_abs());
        let mut position =
            self.course.reader.journal().ask_here(|conn| journal::position_at(conn, since))? - 1;
        let network = &self.course.inventory.network;
        while position < self.course.position {
            let entries = self.course.reader.after(position, CHUNK)?;
            let Some(last) = entries.last().map(|entry| entry.position) else { break };
            for entry in entries.iter().filter(|entry| entry.position <= self.course.position) {
                show(&self.latest, network, entry);
            }
            position = last;
        }
        Ok(())
    }

    fn learn_downtimes(&mut self) -> Result<(), StoreError> {
        let since = self.run;
        for (run, downtime) in self.course.reader.journal().ask_here(|conn| runs::downtimes(conn, since))? {
            if let Some(downtime) = downtime {
                self.course.was_down(downtime);
            }
            self.run = run;
        }
        Ok(())
    }

    fn change_latest(&self, change: impl FnOnce(&mut Latest, &Network)) {
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut latest, &self.course.inventory.network);
    }
}

fn show(latest: &RwLock<Latest>, network: &Network, entry: &Read) {
    if let Some(unfolded) = &entry.unfolded {
        let mut latest = latest.write().unwrap_or_else(PoisonError::into_inner);
        latest.take(network, entry.received_at, unfolded, &entry.gauges, entry.dropped_rounds);
    }
}

#[cfg(test)]
mod tests;
