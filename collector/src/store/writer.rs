//! The writer: the one thread that writes the journal.
//!
//! It commits in groups: whatever waits when a transaction begins shares it, and its one sync of the disk. The rule it
//! guards: nobody is answered before what he gave is on disk. A group that cannot be written is refused as a whole.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::JoinHandle,
    time::Duration,
};

use jiff::tz::TimeZone;
use kentongan_model::{
    enrolment::Enrolment,
    id::Vantage,
    plan::PlanRevision,
    secret::Secret,
    time::{Clock, Timestamp},
};
use kentongan_reports::Month;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::{
    JOURNAL_FILE, JOURNAL_STEPS, StoreError, accounts, agents, boots, enrolments,
    folder::Folder,
    inventories::{self, InForceId, TakenOver},
    journal::{self, Filed, Filing, Position},
    open, plans,
    runs::{self, Run},
    windows::{self, Ordered, Wanted, WindowId},
};
use crate::{metrics::Metrics, proof::keep_digests};

/// Jobs that share a transaction at most.
const GROUP: usize = 512;
/// How often a run says that it goes on when nothing is delivered.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// Entries that one sweep of the retention drops at most, so that deliveries never wait long for it.
const SWEEP: usize = 2_000;
/// Digests of complete runs of entries that one sweep makes at most.
const RUNS: usize = 4;

/// Something to write.
enum Job {
    File(Box<Filing>, oneshot::Sender<Option<Filed>>),
    KeepPlan { revision: PlanRevision, agent: String, contents: String, reply: oneshot::Sender<Option<()>> },
    AddAgent { vantage: Vantage, token: Secret, reply: oneshot::Sender<Option<()>> },
    Enrol(Box<Enrolment>, oneshot::Sender<Option<enrolments::Outcome>>),
    Begin(oneshot::Sender<Option<Run>>),
    AddWindow { wanted: Box<Wanted>, reply: oneshot::Sender<Option<Ordered>> },
    RemoveWindow { id: WindowId, by: Option<String>, reply: oneshot::Sender<Option<Ordered>> },
    KeepInventory { taken: Box<TakenOver>, reply: oneshot::Sender<Option<InForceId>> },
    End,
}

/// Why something was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwritten {
    /// Too much waits for the disk.
    #[error("too much waits for the disk; try again in a moment")]
    Busy,
    /// The disk refuses, or the collector stops.
    #[error("the journal cannot be written")]
    Refused,
    /// The journal is damaged.
    #[error("journal.db is damaged; the collector's log says what to do")]
    Damaged,
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    jobs: SyncSender<Job>,
    committed: watch::Receiver<Position>,
    damaged: Arc<AtomicBool>,
}

impl Writer {
    /// Opens the journal and starts its thread, which ends when every `Writer` is gone.
    pub(crate) fn start(
        folder: Arc<Folder>,
        waiting: usize,
        journal_days: u32,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<(Writer, JoinHandle<()>), StoreError> {
        let conn = open(&folder.file(JOURNAL_FILE), JOURNAL_STEPS)?;
        let (told, committed) = watch::channel(journal::last_position(&conn)?);
        let (jobs, inbox) = mpsc::sync_channel(waiting.max(1));
        let keep = Duration::from_secs(u64::from(journal_days.max(1)) * 86_400);
        let damaged = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&damaged);
        let mut desk =
            Desk { conn, clock, metrics, told, keep, run: None, swept: None, damaged: seen, _folder: folder };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || desk.work(&inbox))
            .map_err(|_| StoreError::Closed)?;
        Ok((Writer { jobs, committed, damaged }, thread))
    }

    /// The last position on disk, to be followed.
    pub(crate) fn committed(&self) -> watch::Receiver<Position> {
        self.committed.clone()
    }

    /// Returns when the thread has ended, by a panic if a `Writer` is left.
    pub(crate) async fn ended(&self) {
        let mut committed = self.committed();
        while committed.changed().await.is_ok() {}
    }

    /// Files a delivery; returns when it is on disk.
    pub(crate) async fn file(&self, filing: Filing) -> Result<Filed, Unwritten> {
        self.give(|reply| Job::File(Box::new(filing), reply)).await
    }

    /// Keeps the contents of a plan; returns when they are on disk.
    pub(crate) async fn keep_plan(
        &self,
        revision: PlanRevision,
        agent: String,
        contents: String,
    ) -> Result<(), Unwritten> {
        self.give(|reply| Job::KeepPlan { revision, agent, contents, reply }).await
    }

    /// Adds an agent, or replaces its token; returns when it is on disk.
    pub(crate) async fn add_agent(&self, vantage: Vantage, token: Secret) -> Result<(), Unwritten> {
        self.give(|reply| Job::AddAgent { vantage, token, reply }).await
    }

    /// Exchanges a code for the right to deliver; returns when that is on disk.
    pub(crate) async fn enrol(&self, asked: Enrolment) -> Result<enrolments::Outcome, Unwritten> {
        self.give(|reply| Job::Enrol(Box::new(asked), reply)).await
    }

    /// Adds a maintenance window; returns when it is on disk.
    pub(crate) async fn add_window(&self, wanted: Wanted) -> Result<Ordered, Unwritten> {
        self.give(|reply| Job::AddWindow { wanted: Box::new(wanted), reply }).await
    }

    /// Removes a maintenance window, or ends it; returns when that is on disk.
    pub(crate) async fn remove_window(&self, id: WindowId, by: Option<String>) -> Result<Ordered, Unwritten> {
        self.give(|reply| Job::RemoveWindow { id, by, reply }).await
    }

    /// Records an inventory that is taken over; returns when that is on disk.
    pub(crate) async fn keep_inventory(&self, taken: TakenOver) -> Result<InForceId, Unwritten> {
        self.give(|reply| Job::KeepInventory { taken: Box::new(taken), reply }).await
    }

    /// A run of the collector begins.
    pub(crate) async fn begin(&self) -> Result<Run, Unwritten> {
        self.give(Job::Begin).await
    }

    /// The run ends in order, once everything before this is written.
    pub(crate) fn end(&self) {
        // A writer that is gone has nothing to end.
        let _ = self.jobs.send(Job::End);
    }

    async fn give<T>(&self, job: impl FnOnce(oneshot::Sender<Option<T>>) -> Job) -> Result<T, Unwritten> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|error| match error {
            TrySendError::Full(_) => Unwritten::Busy,
            TrySendError::Disconnected(_) => Unwritten::Refused,
        })?;
        let damaged = || self.damaged.load(Ordering::Relaxed);
        let refused = || if damaged() { Unwritten::Damaged } else { Unwritten::Refused };
        answer.await.ok().flatten().ok_or_else(refused)
    }
}

/// What the thread has on its desk.
struct Desk {
    conn: Connection,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    told: watch::Sender<Position>,
    keep: Duration,
    run: Option<Run>,
    swept: Option<Timestamp>,
    damaged: Arc<AtomicBool>,
    _folder: Arc<Folder>,
}

impl Desk {
    fn work(&mut self, inbox: &Receiver<Job>) {
        loop {
            let mut group = match inbox.recv_timeout(ALIVE_EVERY) {
                Ok(first) => vec![first],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            group.extend(inbox.try_iter().take(GROUP - 1));
            self.write(group);
        }
    }

    /// One transaction for the whole group; answers when it is on disk.
    fn write(&mut self, group: Vec<Job>) {
        match self.transact(&group) {
            Ok(outcomes) => {
                self.metrics.journal_commits.inc();
                self.metrics.journal_faulty.set(0);
                self.damaged.store(false, Ordering::Relaxed);
                if let Some(last) = outcomes.iter().filter_map(Outcome::position).max() {
                    self.told.send_replace(last);
                }
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    self.answer(job, outcome);
                }
            }
            Err(error) => {
                self.metrics.journal_failures.inc();
                self.metrics.journal_faulty.set(1);
                self.damaged.store(matches!(error, StoreError::Corrupt { .. }), Ordering::Relaxed);
                tracing::error!(%error, cause = ?std::error::Error::source(&error), "the journal cannot be written");
                // Each job's reply is dropped with it, which tells its giver.
            }
        }
    }

    fn transact(&mut self, group: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        let now = self.clock.now();
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let set_by = boots::follow_own_clock(&tx, self.clock.as_ref())?;
        let mut run = self.run;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group {
            outcomes.push(match job {
                Job::File(filing, _) => Outcome::Filed(journal::file(&tx, filing)?),
                Job::KeepPlan { revision, agent, contents, .. } => {
                    plans::keep(&tx, *revision, agent, contents, now)?;
                    Outcome::Done
                }
                Job::AddAgent { vantage, token, .. } => {
                    agents::put(&tx, vantage, token, now)?;
                    Outcome::Done
                }
                Job::Enrol(asked, _) => Outcome::Enrolment(enrolments::exchange(&tx, asked, now)?),
                Job::AddWindow { wanted, .. } => Outcome::Ordered(windows::add(&tx, wanted, now, self.keep)?),
                Job::RemoveWindow { id, by, .. } => {
                    Outcome::Ordered(windows::remove(&tx, *id, by.as_deref(), now)?)
                }
                Job::KeepInventory { taken, .. } => Outcome::InForce(inventories::record(&tx, taken)?),
                Job::Begin(_) => {
                    let begun = runs::begin(&tx, now)?;
                    run = Some(begun);
                    Outcome::Begun(begun)
                }
                Job::End => {
                    if let Some(run) = run.take() {
                        runs::end(&tx, run, now)?;
                    }
                    Outcome::Done
                }
            });
        }
        if let Some(run) = run {
            runs::alive(&tx, run, now)?;
        }
        let due = self.swept.is_none_or(|swept| now.since(swept) >= Duration::from_secs(60));
        let (mut dropped, mut runs_dropped, mut boots_dropped, mut inventories_dropped) = (0, 0, 0, 0);
        let mut digests = 0;
        if due {
            let before = now - self.keep;
            runs_dropped = runs::forget(&tx, before, SWEEP)?;
            boots_dropped = boots::forget(&tx, before)?;
            digests = keep_digests(&tx, RUNS)?;
            dropped = journal::forget(&tx, before, SWEEP)?;
            accounts::forget(&tx, &Month::of(before, &TimeZone::UTC).to_string())?;
            if dropped > 0 {
                plans::forget(&tx, before)?;
                inventories_dropped = inventories::forget(&tx)?;
            }
        }
        tx.commit()?;
        self.run = run;
        if set_by != 0 {
            tracing::warn!(
                set_by_ms = set_by,
                "this machine's clock was set; the clocks of agents are moved along"
            );
        }
        if due {
            // A sweep that took all it may goes on with the next group.
            self.swept = (dropped < SWEEP && digests < RUNS).then_some(now);
            self.metrics.journal_dropped.inc_by(dropped as u64);
            self.metrics.runs_dropped.inc_by(runs_dropped as u64);
            self.metrics.inventories_dropped.inc_by(inventories_dropped as u64);
            self.metrics.boots_dropped.inc_by(boots_dropped as u64);
        }
        Ok(outcomes)
    }

    /// Tells the giver. One who has gone meanwhile needs no answer.
    fn answer(&self, job: Job, outcome: Outcome) {
        match (job, outcome) {
            (Job::File(filing, reply), Outcome::Filed(filed)) => {
                if matches!(filed, Filed::New(_) | Filed::Untrusted(_)) {
                    self.metrics.journal_bytes.inc_by(filing.bytes.len() as u64);
                }
                let _ = reply.send(Some(filed));
            }
            (Job::KeepPlan { reply, .. } | Job::AddAgent { reply, .. }, _) => {
                let _ = reply.send(Some(()));
            }
            (Job::Enrol(_, reply), Outcome::Enrolment(outcome)) => {
                let _ = reply.send(Some(outcome));
            }
            (Job::Begin(reply), Outcome::Begun(run)) => {
                let _ = reply.send(Some(run));
            }
            (Job::AddWindow { reply, .. } | Job::RemoveWindow { reply, .. }, Outcome::Ordered(ordered)) => {
                let _ = reply.send(Some(ordered));
            }
            (Job::KeepInventory { reply, .. }, Outcome::InForce(id)) => {
                let _ = reply.send(Some(id));
            }
            _ => {}
        }
    }
}

enum Outcome {
    Filed(Filed),
    Begun(Run),
    InForce(InForceId),
    Ordered(Ordered),
    Enrolment(enrolments::Outcome),
    Done,
}

impl Outcome {
    fn position(&self) -> Option<Position> {
        match self {
            Outcome::Filed(Filed::New(position) | Filed::Untrusted(position)) => Some(*position),
            _ => None,
        }
    }
}
