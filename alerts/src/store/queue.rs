//! The outbox: what waits for an outlet, in order, and what became of it.
//!
//! A message leaves the queue in its own transaction, after the outlet's OK and never before. The messages about one
//! incident go out in order; a message that rests does not hold up those about other incidents.

use std::time::Duration;

use kentongan_model::{
    event::{EventKind, IncidentRecord},
    time::Timestamp,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Counter, Store, StoreError, count};
use crate::{
    decide::OutletId,
    message::Message,
    reason::{GaveUp, Says, Withheld},
    reply::LONGEST_PAUSE,
};

/// A message on its way.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// Its row; 0 for a test.
    pub(crate) id: i64,
    /// Names it for good: the receiver knows a repetition by it.
    pub(crate) key: String,
    /// Names the incident for good, so that a mail program can put its messages together.
    pub(crate) thread: String,
    pub(crate) says: Says,
    pub(crate) message: Message,
    pub(crate) record: Option<IncidentRecord>,
    /// The flapping that it is about, or the end of it.
    pub(crate) flapping: Option<EventKind>,
    pub(crate) decided_at: Timestamp,
    /// Attempts so far.
    pub(crate) attempts: u32,
}

/// What an outlet does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Sends this.
    Send(Box<Letter>),
    /// Rests for a while.
    Rest(Duration),
    /// Has nothing to do.
    Idle,
}

/// Messages that can go now: nothing earlier of the same incident, or of the same site's flapping, waits. One that is due later than any pause is
/// due too: the clock was set back.
const FREE: &str = "from notice where outlet = ?1 and fate = 'queued' and not exists
  (select 1 from notice as earlier where earlier.outlet = notice.outlet and earlier.fate = 'queued'
   and earlier.generation = notice.generation and earlier.id < notice.id
   and (earlier.incident = notice.incident or earlier.site = notice.site))";

impl Store {
    /// What the outlet does next.
    pub(crate) fn next(&self, outlet: &OutletId, now: Timestamp) -> Result<Next, StoreError> {
        let latest = (now + LONGEST_PAUSE).as_millis();
        let paused: Option<i64> = self
            .connection
            .prepare_cached("select until from pause where outlet = ?1 and until > ?2 and until <= ?3")?
            .query_row(params![outlet.as_str(), now.as_millis(), latest], |row| row.get(0))
            .optional()?;
        if let Some(until) = paused {
            return Ok(Next::Rest(Timestamp::from_millis(until).since(now)));
        }
        let letter = self
            .connection
            .prepare_cached(&format!(
                "select id, says, title, body, record, decided_at, attempts, generation, incident, site {FREE}
                 and (due_at <= ?2 or due_at > ?3) order by id limit 1"
            ))?
            .query_row(params![outlet.as_str(), now.as_millis(), latest], |row| {
                let (id, generation, incident): (i64, i64, Option<i64>) =
                    (row.get(0)?, row.get(7)?, row.get(8)?);
                let says: String = row.get(1)?;
                let (record, site): (Option<String>, Option<String>) = (row.get(4)?, row.get(9)?);
                let thread = match (incident, site) {
                    (None, Some(site)) => format!("site-{site}"),
                    (number, _) => number.unwrap_or(0).to_string(),
                };
                Ok(Letter {
                    id,
                    key: format!("{}-{id}", self.installation),
                    thread: format!("{}-{generation}-{thread}", self.installation),
                    says: Says::from_word(&says).unwrap_or(Says::Test),
                    message: Message { title: row.get(2)?, body: row.get(3)? },
                    record: record.as_ref().and_then(|json| serde_json::from_str(json).ok()),
                    flapping: record.and_then(|json| serde_json::from_str(&json).ok()),
                    decided_at: Timestamp::from_millis(row.get(5)?),
                    attempts: row.get(6)?,
                })
            })
            .optional()?;
        if let Some(letter) = letter {
            return Ok(Next::Send(Box::new(letter)));
        }
        let due: Option<i64> = self
            .connection
            .prepare_cached(&format!("select min(due_at) {FREE}"))?
            .query_row([outlet.as_str()], |row| row.get(0))?;
        Ok(due.map_or(Next::Idle, |due| Next::Rest(Timestamp::from_millis(due).since(now))))
    }

    /// It arrived. The outlet is alive, so all that rests for it is due.
    pub(crate) fn sent(
        &mut self,
        outlet: &OutletId,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tx = self.transaction()?;
        tx.execute(
            "update notice set fate = 'sent', settled_at = ?2, attempts = ?3, due_at = null where id = ?1",
            params![letter.id, now.as_millis(), letter.attempts + 1],
        )?;
        tx.execute(
            "update notice set due_at = ?2 where outlet = ?1 and fate = 'queued' and due_at > ?2",
            params![outlet.as_str(), now.as_millis()],
        )?;
        count(&tx, Counter::Sent, 1)?;
        Ok(tx.commit()?)
    }

    /// It failed and rests.
    pub(crate) fn failed(
        &mut self,
        letter: &Letter,
        rest: Duration,
        trouble: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tx = self.transaction()?;
        tx.execute(
            "update notice set attempts = ?2, due_at = ?3, trouble = ?4 where id = ?1",
            params![letter.id, letter.attempts + 1, (now + rest).as_millis(), trouble],
        )?;
        count(&tx, Counter::FailedAttempts, 1)?;
        Ok(tx.commit()?)
    }

    /// The receiver wants a pause, for all that waits for it and all that is still to come.
    pub(crate) fn pause(&mut self, outlet: &OutletId, until: Timestamp) -> Result<(), StoreError> {
        self.connection.execute(
            "insert into pause values (?1, ?2) on conflict (outlet) do update set until = ?2",
            params![outlet.as_str(), until.as_millis()],
        )?;
        Ok(())
    }

    /// It is no longer tried, nor is what would follow it about the same incident.
    pub(crate) fn give_up(
        &mut self,
        letter: &Letter,
        reason: GaveUp,
        trouble: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tx = self.transaction()?;
        tx.execute(
            "update notice set fate = 'given_up', reason = ?2, settled_at = ?3, attempts = ?4, trouble = ?5,
               due_at = null where id = ?1",
            params![letter.id, reason.word(), now.as_millis(), letter.attempts + 1, trouble],
        )?;
        count(&tx, Counter::GivenUp, 1)?;
        withdraw_orphans(&tx, now)?;
        Ok(tx.commit()?)
    }

    /// Gives up what waits for outlets that are no longer configured; returns how many messages that were.
    pub(crate) fn drop_removed(
        &mut self,
        configured: &[OutletId],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let limits = self.limits;
        let tx = self.transaction()?;
        let waiting: Vec<String> = tx
            .prepare("select distinct outlet from notice where fate = 'queued'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut dropped = 0;
        for gone in waiting.iter().filter(|outlet| configured.iter().all(|known| known.as_str() != **outlet))
        {
            dropped += tx.execute(
                "update notice set fate = 'given_up', reason = ?2, settled_at = ?3 where outlet = ?1 and fate = 'queued'",
                params![gone, GaveUp::ChannelRemoved.word(), now.as_millis()],
            )?;
        }
        count(&tx, Counter::GivenUp, dropped)?;
        super::page::cut_log(&tx, &limits)?;
        tx.commit()?;
        Ok(dropped)
    }
}

/// Withholds the end of an incident, or of flapping, from an outlet that will never get its beginning.
pub(super) fn withdraw_orphans(tx: &Transaction<'_>, now: Timestamp) -> Result<(), StoreError> {
    let withdrawn = tx.execute(
        "update notice set fate = 'withheld', reason = ?1, settled_at = ?2, due_at = null
         where fate = 'queued' and (says = 'resolved' and exists
           (select 1 from notice as opening where opening.generation = notice.generation
            and opening.incident = notice.incident and opening.outlet = notice.outlet
            and opening.says = 'opened' and opening.fate = 'given_up')
         or says = 'steady' and 'given_up' =
           (select fate from notice as opening where opening.generation = notice.generation
            and opening.site = notice.site and opening.outlet = notice.outlet
            and opening.says = 'flapping' and opening.id < notice.id order by opening.id desc limit 1))",
        params![Withheld::OpeningNotDelivered.word(), now.as_millis()],
    )?;
    count(tx, Counter::Withheld, withdrawn)?;
    Ok(())
}
