//! The boots in the journal: what is known of the clock of each boot in which an agent has delivered.
//!
//! Learnt from and written by the journal's one writer, in the transaction that files the delivery; so how a delivery is
//! placed is settled by what was filed before it. Kept as long as deliveries, [`MOST`] of each agent at most; what goes
//! is counted in `kentongan_boots_dropped_total`, and what is delivered of such a boot afterwards is untrusted.

use std::time::Duration;

use kentongan_model::time::{BootId, Clock, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use crate::{
    boot::{Boot, Sight, Worth},
    placing::{Placing, Readings, Trust},
};

/// Boots of one agent that are kept; the one that taught nothing for longest goes.
const MOST: i64 = 64;
/// An agent is asked to come again once in so long.
const ASKED: Duration = Duration::from_secs(60);
/// The collector's clock was set when it has moved by more against the time since boot.
const SET_MS: i64 = 250;
/// A reading of the collector's two clocks that took longer tells nothing.
const AT_ONCE: Duration = Duration::from_millis(50);

/// What is said to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is placed so.
    At(Placing),
    /// Its boot's clock is not known yet. If it comes again in a moment, it will be.
    ComeAgain,
}

/// Learns from a delivery, and places it.
pub(crate) fn place(
    conn: &Connection,
    agent: i64,
    readings: &Readings,
    received_at: Timestamp,
) -> Result<Place, StoreError> {
    let (sent, sealed) = (&readings.sent, &readings.sealed);
    let known = load(conn, agent, sent.boot)?;
    let mut sending = known.clone().unwrap_or_default();
    let worth = sending.see(Sight::of(sent, received_at));
    if known.as_ref() != Some(&sending) {
        keep(conn, agent, sent.boot, &sending, received_at)?;
    }
    let earlier = if sent.boot == sealed.boot { None } else { load(conn, agent, sealed.boot)? };
    let measuring = if sent.boot == sealed.boot { Some(&sending) } else { earlier.as_ref() };
    let placing = Placing::by(readings, received_at, &sending, measuring);
    let may_be_known_soon = worth == Worth::First && sent.boot == sealed.boot;
    if may_be_known_soon
        && placing.trust == Trust::Untrusted
        && !another_began(conn, agent, sent.boot, received_at)?
    {
        return Ok(Place::ComeAgain);
    }
    Ok(Place::At(placing))
}

fn load(conn: &Connection, agent: i64, boot: BootId) -> Result<Option<Boot>, StoreError> {
    let json: Option<String> = conn
        .prepare_cached("SELECT clock FROM boots WHERE agent = ?1 AND boot = ?2")?
        .query_row(params![agent, boot.0], |row| row.get(0))
        .optional()?;
    json.map(|json| read(&json)).transpose()
}

fn read(json: &str) -> Result<Boot, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Damaged { what: "boot" })
}

fn written(boot: &Boot) -> Result<String, StoreError> {
    serde_json::to_string(boot).map_err(|_| StoreError::Damaged { what: "boot" })
}

fn keep(
    conn: &Connection,
    agent: i64,
    boot: BootId,
    clock: &Boot,
    received_at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO boots (agent, boot, first_at, learnt_at, clock) VALUES (?1, ?2, ?3, ?3, ?4)
         ON CONFLICT (agent, boot) DO UPDATE SET learnt_at = ?3, clock = ?4",
    )?
    .execute(params![agent, boot.0, received_at.as_millis(), written(clock)?])?;
    Ok(())
}

/// Whether another boot of the agent began just now: one whose boots come and go is not put off again and again.
fn another_began(
    conn: &Connection,
    agent: i64,
    boot: BootId,
    received_at: Timestamp,
) -> Result<bool, StoreError> {
    let after = (received_at - ASKED).as_millis();
    let found = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM boots WHERE agent = ?1 AND boot != ?2 AND first_at > ?3)",
        )?
        .query_row(params![agent, boot.0, after], |row| row.get(0))?;
    Ok(found)
}

/// Looks whether the collector's own clock was set since it was looked at last, which can be seen as long as its machine
/// has not been started anew, and moves all boots along; says by how much it was set.
pub(crate) fn follow_own_clock(conn: &Connection, clock: &dyn Clock) -> Result<i64, StoreError> {
    let (before, stamp, after) = (clock.since_boot(), clock.stamp(), clock.since_boot());
    if after.saturating_sub(before) > AT_ONCE {
        return Ok(0);
    }
    let zero_at = stamp.wall.as_millis() - crate::boot::shown(stamp.mono_ms);
    let known: Option<(u32, i64)> = conn
        .prepare_cached("SELECT boot, zero_at FROM own_clock")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let set_by = known.filter(|(boot, _)| *boot == stamp.boot.0).map(|(_, known)| zero_at - known);
    if set_by.is_some_and(|by| by.abs() <= SET_MS) {
        return Ok(0);
    }
    conn.execute(
        "INSERT OR REPLACE INTO own_clock (one, boot, zero_at) VALUES (1, ?1, ?2)",
        params![stamp.boot.0, zero_at],
    )?;
    let Some(by) = set_by else { return Ok(0) };
    let mut query = conn.prepare("SELECT agent, boot, clock FROM boots")?;
    let rows: Vec<(i64, u32, String)> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
    for (agent, boot, json) in rows {
        let mut known = read(&json)?;
        known.shift(by);
        conn.prepare_cached("UPDATE boots SET clock = ?3 WHERE agent = ?1 AND boot = ?2")?
            .execute(params![agent, boot, written(&known)?])?;
    }
    Ok(by)
}

/// Lets go of boots that taught nothing since `before`, and of those that are too many; says how many went.
pub(crate) fn forget(conn: &Connection, before: Timestamp) -> Result<usize, StoreError> {
    let old = conn.execute("DELETE FROM boots WHERE learnt_at < ?1", [before.as_millis()])?;
    let many = conn.execute(
        "DELETE FROM boots WHERE (agent, boot) IN (SELECT agent, boot FROM
           (SELECT agent, boot, row_number() OVER (PARTITION BY agent ORDER BY learnt_at DESC) AS place FROM boots)
           WHERE place > ?1)",
        [MOST],
    )?;
    Ok(old + many)
}

#[cfg(test)]
mod tests;
