//! The log: what was told to whom, what was not, and why. Newest first.

use kentongan_model::time::Timestamp;
use rusqlite::{Row, params};

use super::{Store, StoreError, counted};
use crate::{
    decide::OutletId,
    reason::{GaveUp, Topic, Why, Withheld},
};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The entry of the feed.
    pub event: i64,
    /// What that is about.
    pub topic: Topic,
    /// The incident's number.
    pub incident: Option<i64>,
    /// The name of the incident's root, or of the site.
    pub root: Option<String>,
    /// Who was to be told; none: everybody.
    pub outlet: Option<OutletId>,
    /// The title of the message, where there is one.
    pub title: Option<String>,
    /// Its body.
    pub body: Option<String>,
    /// What became of it, and why.
    pub fate: Fate,
    /// Attempts so far.
    pub attempts: u32,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits for its outlet.
    Queued {
        /// Why it is sent.
        why: Why,
    },
    /// The outlet took it.
    Sent {
        /// Why it was sent.
        why: Why,
        /// When.
        at: Timestamp,
    },
    /// It stands in the program's log: no channel is configured.
    Shown {
        /// Why it was told.
        why: Why,
    },
    /// It was not told.
    Withheld(Withheld),
    /// It is no longer tried.
    GivenUp {
        /// Why not.
        reason: GaveUp,
        /// Since when.
        at: Timestamp,
    },
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fate::Queued { why } => write!(f, "waiting: {why}"),
            Fate::Sent { why, .. } => write!(f, "sent: {why}"),
            Fate::Shown { why } => write!(f, "shown in the log, no channel is configured: {why}"),
            Fate::Withheld(reason) => write!(f, "withheld: {reason}"),
            Fate::GivenUp { reason, .. } => write!(f, "given up: {reason}"),
        }
    }
}

/// The word under which each of [`Counters`] is kept.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counter {
    Sent,
    Withheld,
    FailedAttempts,
    GivenUp,
    OutboxFull,
    LogCut,
}

impl Counter {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Counter::Sent => "sent",
            Counter::Withheld => "withheld",
            Counter::FailedAttempts => "failed_attempts",
            Counter::GivenUp => "given_up",
            Counter::OutboxFull => "outbox_full",
            Counter::LogCut => "log_cut",
        }
    }
}

/// What was counted since the database was made, and what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that wait now.
    pub queued: u64,
    /// Messages that arrived.
    pub sent: u64,
    /// Notices that were withheld.
    pub withheld: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Messages that are no longer tried, those that a full outbox dropped aside.
    pub given_up: u64,
    /// Messages that were dropped because too many waited.
    pub outbox_full: u64,
    /// Entries that were cut from the log.
    pub log_cut: u64,
}

impl std::fmt::Display for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counters { queued, sent, withheld, failed_attempts, given_up, outbox_full, log_cut } = self;
        write!(f, "{queued} waiting, {sent} sent, {withheld} withheld, {failed_attempts} attempts failed, ")?;
        write!(
            f,
            "{given_up} given up, {outbox_full} dropped by a full outbox, {log_cut} entries cut from the log"
        )
    }
}

impl Store {
    /// The newest entries, `limit` at most; `but` leaves one topic out.
    pub(crate) fn log(&self, limit: usize, but: Option<Topic>) -> Result<Vec<Entry>, StoreError> {
        let mut statement = self.connection.prepare(
            "select decided_at, event, topic, incident, root, outlet, title, body, fate, reason, settled_at, attempts,
               trouble from notice where topic is not ?2 order by id desc limit ?1",
        )?;
        let rows = statement
            .query_map(params![i64::try_from(limit).unwrap_or(i64::MAX), but.map(Topic::word)], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The counters.
    pub(crate) fn counters(&self) -> Result<Counters, StoreError> {
        let of = |counter| counted(&self.connection, counter);
        let queued: i64 = self.connection.query_row(
            "select count(*) from notice where fate = 'queued' and outlet is not null",
            [],
            |row| row.get(0),
        )?;
        Ok(Counters {
            queued: queued.unsigned_abs(),
            sent: of(Counter::Sent)?,
            withheld: of(Counter::Withheld)?,
            failed_attempts: of(Counter::FailedAttempts)?,
            given_up: of(Counter::GivenUp)?,
            outbox_full: of(Counter::OutboxFull)?,
            log_cut: of(Counter::LogCut)?,
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (topic, fate, reason): (String, String, String) = (row.get(2)?, row.get(8)?, row.get(9)?);
    let settled: Option<i64> = row.get(10)?;
    let at = Timestamp::from_millis(settled.unwrap_or(0));
    let why = Why::from_word(&reason).unwrap_or(Why::Outage);
    let fate = match fate.as_str() {
        "queued" => Fate::Queued { why },
        "sent" => Fate::Sent { why, at },
        "shown" => Fate::Shown { why },
        "given_up" => Fate::GivenUp { reason: GaveUp::from_word(&reason).unwrap_or(GaveUp::Refused), at },
        _ => Fate::Withheld(Withheld::from_word(&reason).unwrap_or(Withheld::Unreadable)),
    };
    let outlet: Option<String> = row.get(5)?;
    Ok(Entry {
        decided_at: Timestamp::from_millis(row.get(0)?),
        event: row.get(1)?,
        topic: Topic::from_word(&topic).unwrap_or(Topic::Unreadable),
        incident: row.get(3)?,
        root: row.get(4)?,
        outlet: outlet.map(OutletId::new),
        title: row.get(6)?,
        body: row.get(7)?,
        fate,
        attempts: row.get(11)?,
        trouble: row.get(12)?,
    })
}
