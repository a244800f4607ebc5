//! Accounts: what each agent brought and cost in each calendar month, for whoever pays for its link.
//!
//! Two counts stand side by side: the bytes of deliveries and answers as the collector sees them, and what the agent says
//! that went through its socket. The rule: nothing is counted twice, however the network repeats and reorders; what cannot be
//! known (an agent that is killed between two tellings) is missing.

use std::sync::Arc;

use kentongan_model::{
    id::Vantage,
    time::{BootId, Timestamp},
};
use kentongan_reports::Month;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::StoreError;

/// Bytes each way, as the agent's link sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// From the agent to the collector.
    pub(crate) up: u64,
    /// From the collector to the agent.
    pub(crate) down: u64,
}

/// Where an agent's own counters stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// In which boot.
    pub(crate) boot: BootId,
    /// How long after its beginning.
    pub(crate) mono_ms: u64,
    /// What they said: bytes since the agent was started.
    pub(crate) count: Count,
}

/// What is booked with one delivery.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The month in which it was received.
    pub(crate) month: Month,
    /// What passed between agent and collector since the entry before.
    pub(crate) passed: Count,
    /// Rounds that the agent says it dropped.
    pub(crate) dropped_rounds: u64,
    /// Where its own counters stood, if it says so.
    pub(crate) reading: Option<Reading>,
    /// The version of the program that delivers.
    pub(crate) version: Option<Arc<str>>,
}

/// One month of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Deliveries that are in the journal.
    pub(crate) deliveries: u64,
    /// What passed, as the collector counts it.
    pub(crate) passed: Count,
    /// What passed, as the agent counts it.
    pub(crate) told: Count,
    /// Rounds that the agent dropped.
    pub(crate) dropped_rounds: u64,
    /// The last delivery.
    pub(crate) seen_at: Timestamp,
    /// The version that delivered last.
    pub(crate) version: Option<String>,
}

/// An agent with its months, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Booked {
    /// The agent.
    pub(crate) agent: Vantage,
    /// Its months.
    pub(crate) months: Vec<(String, Account)>,
}

/// Books a delivery within the writer's transaction. One that was there before is only traffic.
pub(super) fn book(
    conn: &Connection,
    agent: i64,
    received_at: Timestamp,
    entry: &Entry,
    is_new: bool,
) -> Result<(), StoreError> {
    let told = match entry.reading.filter(|_| is_new) {
        Some(reading) => grown(conn, agent, &reading)?,
        None => Count::default(),
    };
    conn.prepare_cached(
        "INSERT INTO accounts (agent, month, deliveries, came_bytes, went_bytes, sent_bytes, received_bytes,
           dropped_rounds, seen_at, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (agent, month) DO UPDATE SET
           deliveries = deliveries + ?3, came_bytes = came_bytes + ?4, went_bytes = went_bytes + ?5,
           sent_bytes = sent_bytes + ?6, received_bytes = received_bytes + ?7,
           dropped_rounds = dropped_rounds + ?8, seen_at = max(seen_at, ?9), version = coalesce(?10, version)",
    )?
    .execute(params![
        agent,
        entry.month.to_string(),
        i64::from(is_new),
        signed(entry.passed.up),
        signed(entry.passed.down),
        signed(told.up),
        signed(told.down),
        if is_new { signed(entry.dropped_rounds) } else { 0 },
        received_at.as_millis(),
        entry.version.as_deref(),
    ])?;
    Ok(())
}

/// How far the agent's counters have come since they were last told. What is told late counts for nothing: a later
/// reading had it.
fn grown(conn: &Connection, agent: i64, now: &Reading) -> Result<Count, StoreError> {
    let before: Option<Reading> = conn
        .prepare_cached("SELECT boot, mono_ms, sent_bytes, received_bytes FROM counters WHERE agent = ?1")?
        .query_row([agent], |row| {
            let count = Count { up: unsigned(row, 2)?, down: unsigned(row, 3)? };
            Ok(Reading { boot: BootId(row.get(0)?), mono_ms: unsigned(row, 1)?, count })
        })
        .optional()?;
    let same_boot = before.filter(|before| before.boot == now.boot);
    if same_boot.is_some_and(|before| before.mono_ms >= now.mono_ms) {
        return Ok(Count::default());
    }
    conn.prepare_cached(
        "INSERT INTO counters (agent, boot, mono_ms, sent_bytes, received_bytes) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (agent) DO UPDATE SET boot = ?2, mono_ms = ?3, sent_bytes = ?4, received_bytes = ?5",
    )?
    .execute(params![
        agent,
        now.boot.0,
        signed(now.mono_ms),
        signed(now.count.up),
        signed(now.count.down)
    ])?;
    // A counter that has fallen began anew.
    let goes_on =
        same_boot.filter(|before| before.count.up <= now.count.up && before.count.down <= now.count.down);
    let from = goes_on.map_or(Count::default(), |before| before.count);
    Ok(Count { up: now.count.up - from.up, down: now.count.down - from.down })
}

/// All agents with those of their months that are not before `first`.
pub(crate) fn since(conn: &Connection, first: Month) -> Result<Vec<Booked>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT vantage, month, deliveries, came_bytes, went_bytes, sent_bytes, received_bytes, dropped_rounds, seen_at,
           version
         FROM agents LEFT JOIN accounts ON agent = id AND month >= ?1 ORDER BY vantage, month DESC",
    )?;
    let mut rows = query.query([first.to_string()])?;
    let mut booked: Vec<Booked> = Vec::new();
    while let Some(row) = rows.next()? {
        let vantage: String = row.get(0)?;
        let agent = vantage.parse().map_err(|_| StoreError::Damaged { what: "name of an agent" })?;
        if booked.last().is_none_or(|last| last.agent != agent) {
            booked.push(Booked { agent, months: Vec::new() });
        }
        let month: Option<String> = row.get(1)?;
        if let (Some(last), Some(month)) = (booked.last_mut(), month) {
            last.months.push((month, account(row)?));
        }
    }
    Ok(booked)
}

/// Drops the months before `first`.
pub(super) fn forget(conn: &Connection, first: &str) -> Result<usize, StoreError> {
    Ok(conn.prepare_cached("DELETE FROM accounts WHERE month < ?1")?.execute([first])?)
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        deliveries: unsigned(row, 2)?,
        passed: Count { up: unsigned(row, 3)?, down: unsigned(row, 4)? },
        told: Count { up: unsigned(row, 5)?, down: unsigned(row, 6)? },
        dropped_rounds: unsigned(row, 7)?,
        seen_at: Timestamp::from_millis(row.get(8)?),
        version: row.get(9)?,
    })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JOURNAL_STEPS, agents, open};

    const NOVEMBER: Month = Month { year: 2026, month: 11 };

    /// A journal with one agent, and what is booked of it as (boot, time since boot, sent).
    fn told(readings: &[(u32, u64, u64)]) -> Account {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        agents::put(&conn, &Vantage::Core, &agents::draw().unwrap(), Timestamp::default()).unwrap();
        for &(boot, mono_ms, up) in readings {
            let reading = Reading { boot: BootId(boot), mono_ms, count: Count { up, down: up / 10 } };
            let passed = Count { up: 7, down: 1 };
            let reading = Some(reading);
            let entry = Entry { month: NOVEMBER, passed, dropped_rounds: 2, reading, version: None };
            book(&conn, 1, Timestamp::default(), &entry, true).unwrap();
            book(&conn, 1, Timestamp::default(), &entry, false).unwrap();
        }
        since(&conn, NOVEMBER).unwrap().remove(0).months.remove(0).1
    }

    #[test]
    fn what_an_agent_tells_of_itself_adds_up_through_restarts_reboots_repetition_and_late_news() {
        let plain = told(&[(1, 10, 1_000), (1, 20, 1_500)]);
        assert_eq!((plain.told, plain.deliveries), (Count { up: 1_500, down: 150 }, 2));
        assert_eq!((plain.passed, plain.dropped_rounds), (Count { up: 28, down: 4 }, 4));
        assert_eq!(told(&[(1, 10, 1_000), (1, 20, 300)]).told.up, 1_300, "it was started anew");
        assert_eq!(told(&[(1, 10, 1_000), (2, 5, 300)]).told.up, 1_300, "the router was");
        assert_eq!(told(&[(1, 30, 1_500), (1, 20, 1_200), (1, 40, 1_600)]).told.up, 1_600, "late news");
    }

    #[test]
    fn an_agent_that_never_delivered_has_no_month_and_old_months_can_be_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        agents::put(&conn, &Vantage::Core, &agents::draw().unwrap(), Timestamp::default()).unwrap();
        assert_eq!(since(&conn, NOVEMBER).unwrap(), [Booked { agent: Vantage::Core, months: Vec::new() }]);
        let entry = Entry {
            month: NOVEMBER,
            passed: Count::default(),
            dropped_rounds: 0,
            reading: None,
            version: Some("0.1.0".into()),
        };
        book(&conn, 1, Timestamp::default(), &entry, true).unwrap();
        assert_eq!(since(&conn, NOVEMBER).unwrap()[0].months[0].1.version.as_deref(), Some("0.1.0"));
        assert_eq!(forget(&conn, "2026-11").unwrap(), 0);
        assert_eq!(forget(&conn, "2026-12").unwrap(), 1);
    }
}
