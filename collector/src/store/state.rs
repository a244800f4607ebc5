//! The state on disk: timelines, incidents, the feed and the judge's checkpoint. Written by the judge alone.
//!
//! The rule it guards: what changed and what the feed tells of it are one transaction.

use kentongan_model::{
    event::{Event, EventKind},
    id::SiteId,
    state::State,
    time::Timestamp,
};
use kentongan_timeline::Interval;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, flaps, journal::Position, judged, judged::Judged, runs::Run};
use crate::ledger::{Changes, Kept, Ledger};

/// Writes `changes` at `now`, and how far they are judged.
pub(crate) fn write(
    conn: &mut Connection,
    changes: &Changes,
    judged: &Judged,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tx = conn.transaction()?;
    judged::note(&tx, judged)?;
    flaps::note(&tx, &changes.flaps)?;
    for rewrite in &changes.rewrites {
        let (site, cut) = (rewrite.site.as_str(), rewrite.cut.as_millis());
        tx.prepare_cached("DELETE FROM intervals WHERE site = ?1 AND from_ms >= ?2")?
            .execute(params![site, cut])?;
        let goes_on = rewrite.open && rewrite.intervals.is_empty();
        tx.prepare_cached(
            "UPDATE intervals SET to_ms = ?3 WHERE site = ?1 AND from_ms < ?2 AND (to_ms IS NULL OR to_ms >= ?2)",
        )?
        .execute(params![site, cut, (!goes_on).then_some(cut)])?;
        for (k, interval) in rewrite.intervals.iter().enumerate() {
            let last = k + 1 == rewrite.intervals.len();
            let to = (!(last && rewrite.open)).then_some(interval.to.as_millis());
            tx.prepare_cached(
                "INSERT INTO intervals (site, from_ms, to_ms, state, roots) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                site,
                interval.from.as_millis(),
                to,
                interval.state.as_str(),
                json(&interval.roots)
            ])?;
        }
    }
    for kept in &changes.incidents {
        let record = &kept.record;
        tx.prepare_cached(
            "INSERT INTO incidents (id, root, started_at, ended_at, record) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET started_at = ?3, ended_at = ?4, record = ?5",
        )?
        .execute(params![
            record.id,
            record.root.id,
            record.started_at.as_millis(),
            record.ended_at.map(Timestamp::as_millis),
            json(kept),
        ])?;
    }
    for id in &changes.withdrawn {
        tx.prepare_cached("DELETE FROM incidents WHERE id = ?1")?.execute([id])?;
    }
    for event in &changes.events {
        tx.prepare_cached("INSERT INTO events (at, body) VALUES (?1, ?2)")?
            .execute(params![now.as_millis(), json(event)])?;
    }
    Ok(tx.commit()?)
}

/// What the store says, as far as a judgement that begins at `from` may change it.
pub(crate) fn ledger(conn: &Connection, from: Timestamp, now: Timestamp) -> Result<Ledger, StoreError> {
    let mut ledger = Ledger { next_incident: last_number(conn, "incidents")? + 1, ..Ledger::default() };
    ledger.flaps = flaps::all(conn)?;
    ledger.until = now;
    ledger.as_of = judged::last(conn)?.map(|judged| judged.as_of);
    for (site, interval) in intervals(conn, None, (from, Timestamp::MAX), now)? {
        ledger.timelines.entry(site).or_default().push(interval);
    }
    let mut query = conn.prepare("SELECT record FROM incidents WHERE ended_at IS NULL OR ended_at >= ?1")?;
    let mut rows = query.query([from.as_millis()])?;
    while let Some(row) = rows.next()? {
        let kept = incident(row)?;
        ledger.incidents.insert(kept.record.id, kept);
    }
    Ok(ledger)
}

/// The intervals that overlap [from, to), of one site or of all, by site and time; `now` ends what is open.
pub(crate) fn intervals(
    conn: &Connection,
    site: Option<&SiteId>,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Vec<(SiteId, Interval)>, StoreError> {
    const COLUMNS: &str = "SELECT site, from_ms, to_ms, state, roots FROM intervals";
    let (from, to) = (from.as_millis(), to.as_millis());
    let mut query;
    let mut rows = if let Some(site) = site {
        let of_one = "WHERE site = ?1 AND from_ms < ?3 AND (to_ms IS NULL OR to_ms > ?2) ORDER BY from_ms";
        query = conn.prepare_cached(&format!("{COLUMNS} {of_one}"))?;
        query.query(params![site.as_str(), from, to])?
    } else {
        // Two halves, so that each goes by the index on the end.
        let (ended, open) = ("WHERE to_ms > ?1 AND from_ms < ?2", "WHERE to_ms IS NULL AND from_ms < ?2");
        query =
            conn.prepare_cached(&format!("{COLUMNS} {ended} UNION ALL {COLUMNS} {open} ORDER BY 1, 2"))?;
        query.query(params![from, to])?
    };
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (state, roots): (String, String) = (row.get(3)?, row.get(4)?);
        let to: Option<i64> = row.get(2)?;
        let interval = Interval {
            state: state_of(&state)?,
            from: Timestamp::from_millis(row.get(1)?),
            to: to.map_or(now, Timestamp::from_millis),
            roots: serde_json::from_str(&roots).map_err(|_| StoreError::Damaged { what: "interval" })?,
        };
        let id = row.get::<_, String>(0)?.parse().map_err(|_| StoreError::Damaged { what: "site" })?;
        found.push((id, interval));
    }
    Ok(found)
}

/// At most `limit` incidents that overlap [from, to), the latest first.
pub(crate) fn incidents(
    conn: &Connection,
    (from, to): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Kept>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT record FROM incidents WHERE started_at < ?2 AND (ended_at IS NULL OR ended_at >= ?1)
         ORDER BY started_at DESC, id DESC LIMIT ?3",
    )?;
    let rows = query.query(params![from.as_millis(), to.as_millis(), limit])?;
    rows.mapped(|row| Ok(incident(row))).map(|read| read?).collect()
}

/// At most `limit` incidents that last, the latest first.
pub(crate) fn open_incidents(conn: &Connection, limit: i64) -> Result<Vec<Kept>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT record FROM incidents WHERE ended_at IS NULL ORDER BY started_at DESC, id DESC LIMIT ?1",
    )?;
    let rows = query.query([limit])?;
    rows.mapped(|row| Ok(incident(row))).map(|read| read?).collect()
}

/// The incident of that number.
pub(crate) fn incident_numbered(conn: &Connection, id: i64) -> Result<Option<Kept>, StoreError> {
    let mut query = conn.prepare_cached("SELECT record FROM incidents WHERE id = ?1")?;
    let mut rows = query.query([id])?;
    rows.next()?.map(incident).transpose()
}

/// At most `limit` events after the cursor, in order.
pub(crate) fn events(conn: &Connection, after: i64, limit: usize) -> Result<Vec<Event>, StoreError> {
    let mut query =
        conn.prepare_cached("SELECT id, at, body FROM events WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut rows = query.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let body: String = row.get(2)?;
        let kind: EventKind =
            serde_json::from_str(&body).map_err(|_| StoreError::Damaged { what: "event" })?;
        found.push(Event { id: row.get(0)?, at: Timestamp::from_millis(row.get(1)?), kind });
    }
    Ok(found)
}

/// The number of the last event that was ever written.
pub(crate) fn last_event(conn: &Connection) -> Result<i64, StoreError> {
    last_number(conn, "events")
}

/// Where the judge stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The journal up to here is in it.
    pub(crate) position: Position,
    /// The downtimes up to the beginning of this run are in it.
    pub(crate) run: Run,
    /// The inventory that it was judged by.
    pub(crate) inventory: String,
    /// The timeline's own memory.
    pub(crate) live: Vec<u8>,
}

/// Keeps a checkpoint instead of the one before.
pub(crate) fn keep_checkpoint(conn: &Connection, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO checkpoint (one, position, run, inventory, live) VALUES (1, ?1, ?2, ?3, ?4)",
    )?
    .execute(params![checkpoint.position, checkpoint.run, checkpoint.inventory, checkpoint.live])?;
    Ok(())
}

/// The last checkpoint.
pub(crate) fn checkpoint(conn: &Connection) -> Result<Option<Checkpoint>, StoreError> {
    let query = "SELECT position, run, inventory, live FROM checkpoint";
    let read = |row: &Row<'_>| {
        Ok(Checkpoint { position: row.get(0)?, run: row.get(1)?, inventory: row.get(2)?, live: row.get(3)? })
    };
    Ok(conn.query_row(query, [], read).optional()?)
}

/// Drops what ended before `before`, at most `limit` of each; says how much went.
pub(crate) fn forget(conn: &mut Connection, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let bounds = params![before.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)];
    let tx = conn.transaction()?;
    let mut gone = 0;
    for query in [
        "DELETE FROM intervals WHERE (site, from_ms) IN (SELECT site, from_ms FROM intervals WHERE to_ms < ?1 LIMIT ?2)",
        "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE ended_at < ?1 LIMIT ?2)",
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 ORDER BY id LIMIT ?2)",
        "DELETE FROM traces WHERE (site, at, target, vantage) IN
           (SELECT site, at, target, vantage FROM traces WHERE at < ?1 LIMIT ?2)",
    ] {
        gone += tx.execute(query, bounds)?;
    }
    tx.commit()?;
    Ok(gone)
}

fn last_number(conn: &Connection, table: &str) -> Result<i64, StoreError> {
    let query = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    Ok(conn.prepare_cached(query)?.query_row([table], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn incident(row: &Row<'_>) -> Result<Kept, StoreError> {
    let record: String = row.get(0)?;
    serde_json::from_str(&record).map_err(|_| StoreError::Damaged { what: "incident" })
}

fn state_of(word: &str) -> Result<State, StoreError> {
    let states = [State::Up, State::Degraded, State::Down, State::Unreachable, State::Unknown];
    let known = states.into_iter().find(|state| state.as_str() == word);
    known.ok_or(StoreError::Damaged { what: "state" })
}

fn json(value: &impl serde::Serialize) -> String {
    // Plain data: a failure would be one of memory.
    serde_json::to_string(value).unwrap_or_default()
}
