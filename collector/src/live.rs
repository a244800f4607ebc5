//! The judge: reads the journal by position, feeds the live timeline, and makes the store agree with what it says.
//!
//! The rule it guards: it trusts nobody's word that something arrived, only the journal. So it can fall behind, fail and
//! be started again, and ends where a replay of the journal ends.

use std::{
    io::{Read as _, Write as _},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use kentongan_model::{inventory::Network, observation::Observation, time::Timestamp};
use kentongan_timeline::{Checkpoint, Live};
use rusqlite::Connection;

use crate::{
    board::Board,
    inventory::Inventory,
    latest::{self, Latest},
    ledger::Ledger,
    metrics::Metrics,
    reader::{Read, Reader},
    store::{
        StoreError,
        journal::{self, Position},
        judged::{self, Judged},
        readers::Readers,
        runs::{self, Run},
        state,
    },
    unfold::Unfolded,
};

/// Entries that are read at once.
const CHUNK: usize = 500;
/// How often the timeline's memory is put away.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Bytes of a checkpoint that are unpacked at most; one that is larger is not taken up, and the journal judged anew.
const LARGEST_CHECKPOINT: u64 = 512 << 20;
/// Rows of each kind that one sweep of the retention drops at most.
const SWEEP: usize = 2_000;

/// The judge with its books.
#[derive(Debug)]
pub(crate) struct Judge {
    reader: Reader,
    state: Connection,
    inventory: Arc<Inventory>,
    live: Live,
    position: Position,
    run: Run,
    ledger: Option<Ledger>,
    judged: Option<(u64, Board)>,
    last_event: i64,
    checkpointed: Option<Timestamp>,
    keep: Duration,
    latest: Arc<RwLock<Latest>>,
    metrics: Arc<Metrics>,
}

impl Judge {
    /// Goes on where the last checkpoint was made.
    pub(crate) fn open(
        journal: Readers,
        state: Connection,
        inventory: Arc<Inventory>,
        journal_days: u32,
        metrics: Arc<Metrics>,
        now: Timestamp,
    ) -> Result<Judge, StoreError> {
        let last = journal.ask_here(journal::last_position)?;
        let found = state::checkpoint(&state)?.filter(|found| {
            let fits = found.position <= last;
            if !fits {
                tracing::warn!("the state is of another journal than this; it is judged anew from this one");
            }
            fits
        });
        let taken_up = found.and_then(|found| {
            let read = unpack(&found.live, LARGEST_CHECKPOINT);
            let live = read.map(|checkpoint| Live::restore(&inventory.network, checkpoint));
            let live = live.inspect_err(|error| tracing::warn!(%error, "the checkpoint cannot be taken up; the journal is judged anew"));
            Some((live.ok()?, found.position, found.run))
        });
        let (live, position, run) = taken_up.unwrap_or_else(|| (Live::new(&inventory.network), 0, 0));
        let mut judge = Judge {
            reader: Reader::new(journal, Arc::clone(&metrics)),
            inventory,
            live,
            position,
            run,
            ledger: None,
            judged: None,
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
        Ok(self.reader.journal().ask_here(journal::last_position)? - self.position)
    }

    /// Reads on in the journal; says whether there may be more.
    pub(crate) fn read_on(&mut self) -> Result<bool, StoreError> {
        let entries = self.reader.after(self.position, CHUNK)?;
        let more = entries.len() == CHUNK;
        for entry in entries {
            self.position = entry.position;
            self.show(&entry);
            let observations = entry.unfolded.into_iter().flat_map(Unfolded::into_observations);
            observations.for_each(|observation| self.live.observe(&observation));
        }
        Ok(more)
    }

    /// Judges as of `now` and makes the store agree.
    pub(crate) fn judge(&mut self, now: Timestamp) -> Result<Board, StoreError> {
        self.live.judge(now);
        self.metrics.timeline(self.live.counters());
        let revision = self.live.revision();
        let judgement = self.live.judge(now); // Known already: this only borrows it.
        if let Some((judged, board)) = &mut self.judged
            && *judged == revision
        {
            *board = board.later(judgement.until, self.position);
            return Ok(board.clone());
        }
        let mut ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => state::ledger(&self.state, judgement.from, judgement.until)?,
        };
        let changes = ledger.compare(judgement, &self.inventory.network);
        let inventory = self.inventory.digest.clone();
        let judged = Judged { position: self.position, as_of: judgement.until, inventory };
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
        let board = Board::of(judgement, self.position, Arc::clone(&self.inventory));
        self.ledger = Some(ledger);
        self.metrics.judgements.inc();
        self.judged = Some((revision, board.clone()));
        Ok(board)
    }

    /// Goes on with another inventory.
    pub(crate) fn change_inventory(&mut self, inventory: Arc<Inventory>) {
        let live = std::mem::replace(&mut self.live, Live::new(&inventory.network));
        self.live = live.with_inventory(&inventory.network);
        self.inventory = inventory;
        self.judged = None;
        self.change_latest(Latest::change_inventory);
    }

    /// Puts the timeline's memory away when it is time, and lets go what is too old; `now` at once at the end.
    pub(crate) fn tidy(&mut self, now: Timestamp, at_once: bool) -> Result<(), StoreError> {
        let due = self.checkpointed.is_none_or(|last| now.since(last) >= CHECKPOINT_EVERY);
        if !due && !at_once {
            return Ok(());
        }
        let live = pack(&self.live.checkpoint()).map_err(|_| StoreError::Damaged { what: "checkpoint" })?;
        let (position, run, inventory) = (self.position, self.run, self.inventory.digest.clone());
        state::keep_checkpoint(&self.state, &state::Checkpoint { position, run, inventory, live })?;
        if let Some((_, board)) = &self.judged {
            let inventory = board.inventory.digest.clone();
            judged::note(&self.state, &Judged { position: board.position, as_of: board.as_of, inventory })?;
        }
        self.checkpointed = Some(now);
        let gone = state::forget(&mut self.state, now - self.keep, SWEEP)?;
        self.metrics.state_dropped.inc_by(gone as u64);
        Ok(())
    }

    /// The end of the journal gives back what was measured last.
    fn remember_latest(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let since = now - Duration::from_millis(latest::REACH_MS.unsigned_abs());
        let mut position = self.reader.journal().ask_here(|conn| journal::position_at(conn, since))? - 1;
        while position < self.position {
            let entries = self.reader.after(position, CHUNK)?;
            let Some(last) = entries.last().map(|entry| entry.position) else { break };
            for entry in entries.iter().filter(|entry| entry.position <= self.position) {
                self.show(entry);
            }
            position = last;
        }
        Ok(())
    }

    fn learn_downtimes(&mut self) -> Result<(), StoreError> {
        let since = self.run;
        for (run, downtime) in self.reader.journal().ask_here(|conn| runs::downtimes(conn, since))? {
            if let Some(downtime) = downtime {
                self.live.observe(&Observation::CollectorDown(downtime));
            }
            self.run = run;
        }
        Ok(())
    }

    fn show(&self, entry: &Read) {
        if let Some(unfolded) = &entry.unfolded {
            self.change_latest(|latest, network| {
                latest.take(network, entry.received_at, unfolded, entry.dropped_rounds);
            });
        }
    }

    fn change_latest(&self, change: impl FnOnce(&mut Latest, &Network)) {
        change(&mut self.latest.write().unwrap_or_else(PoisonError::into_inner), &self.inventory.network);
    }
}

/// The timeline's memory as it is stored: JSON, deflated.
fn pack(checkpoint: &Checkpoint) -> std::io::Result<Vec<u8>> {
    let json = serde_json::to_vec(checkpoint)?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&json)?;
    packed.finish()
}

fn unpack(packed: &[u8], most: u64) -> std::io::Result<Checkpoint> {
    let mut json = Vec::new();
    ZlibDecoder::new(packed).take(most.saturating_add(1)).read_to_end(&mut json)?;
    if json.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests;
