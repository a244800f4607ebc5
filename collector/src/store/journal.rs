//! The journal: every delivery as it came, numbered in the order in which it was written. The truth that everything
//! shown can be computed from again.
//!
//! The rule it guards: (agent, series, sequence) names a batch for good. The same batch again changes nothing; other
//! bytes under the same name are refused.

use bytes::Bytes;
use kentongan_model::{id::Vantage, plan::PlanRevision, time::Timestamp, wire::Delivery};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::{
    StoreError, accounts,
    boots::{self, Place},
};
use crate::placing::{Placing, Readings, Trust};

/// The number of an entry, counted from 1.
pub(crate) type Position = i64;

/// A delivery on its way into the journal.
#[derive(Debug, Clone)]
pub(crate) struct Filing {
    /// Who delivers.
    pub(crate) agent: Vantage,
    /// The run of sequence numbers.
    pub(crate) series: u32,
    /// The number in it.
    pub(crate) sequence: u64,
    /// When it reached the collector.
    pub(crate) received_at: Timestamp,
    /// What its clocks showed.
    pub(crate) readings: Readings,
    /// The plan that its indices refer to.
    pub(crate) plan: PlanRevision,
    /// What tells its sealed batch from every other.
    pub(crate) digest: BatchDigest,
    /// The delivery as it came.
    pub(crate) bytes: Bytes,
    /// What is booked of its agent with it.
    pub(crate) entry: accounts::Entry,
}

/// SHA-256 of a sealed batch, cut to 128 bits. The moment of sending is not in it: it differs when a batch is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchDigest([u8; 16]);

impl BatchDigest {
    /// The digest of a sealed batch.
    pub(crate) fn of(sealed: &[u8]) -> Self {
        let mut cut = [0; 16];
        cut.copy_from_slice(&Sha256::digest(sealed)[..16]);
        BatchDigest(cut)
    }
}

/// What became of a filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filed {
    /// It is in the journal now.
    New(Position),
    /// It is in the journal now, and counts for nothing: it cannot be placed.
    Untrusted(Position),
    /// It is not in the journal; if it comes again in a moment, it can be placed.
    ComeAgain,
    /// The same batch was there before.
    Again,
    /// Another batch of that name was there before.
    Conflict,
}

/// An entry of the journal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its number.
    pub(crate) position: Position,
    /// When it reached the collector.
    pub(crate) received_at: Timestamp,
    /// How it was placed; none when it was filed before boots were known.
    pub(crate) placing: Option<Placing>,
    /// The delivery as it came.
    pub(crate) bytes: Vec<u8>,
}

/// Files a delivery within the writer's transaction, and books it.
pub(crate) fn file(conn: &Connection, filing: &Filing) -> Result<Filed, StoreError> {
    let agent: i64 = conn
        .prepare_cached("SELECT id FROM agents WHERE vantage = ?1")?
        .query_row([filing.agent.to_string()], |row| row.get(0))?;
    let filed = file_for(conn, agent, filing)?;
    let is_new = matches!(filed, Filed::New(_) | Filed::Untrusted(_));
    accounts::book(conn, agent, filing.received_at, &filing.entry, is_new)?;
    Ok(filed)
}

fn file_for(conn: &Connection, agent: i64, filing: &Filing) -> Result<Filed, StoreError> {
    let (series, sequence) = (i64::from(filing.series), filing.sequence.cast_signed());
    let before: Option<(Vec<u8>, Vec<u8>)> = conn
        .prepare_cached(
            "SELECT digest, bytes FROM deliveries WHERE agent = ?1 AND series = ?2 AND sequence = ?3",
        )?
        .query_row([agent, series, sequence], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((digest, bytes)) = before {
        let is_same = digest == filing.digest.0 || says_the_same(&bytes, &filing.bytes);
        return Ok(if is_same { Filed::Again } else { Filed::Conflict });
    }
    let placing = match boots::place(conn, agent, &filing.readings, filing.received_at)? {
        Place::At(placing) => placing,
        Place::ComeAgain => return Ok(Filed::ComeAgain),
    };
    let span = placing.span(&filing.readings);
    let is_trusted = placing.trust == Trust::Trusted;
    conn.prepare_cached(
        "INSERT INTO deliveries (agent, series, sequence, received_at, first_at, last_at, plan, digest, bytes,
           trusted, zero_at, boot_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        agent,
        series,
        sequence,
        filing.received_at.as_millis(),
        span.map(|(first, _)| first.as_millis()),
        span.map(|(_, last)| last.as_millis()),
        filing.plan.0.cast_signed(),
        filing.digest.0.as_slice(),
        &filing.bytes[..],
        is_trusted,
        placing.zero_ms,
        placing.boot_at.map(Timestamp::as_millis),
    ])?;
    let position = conn.last_insert_rowid();
    Ok(if is_trusted { Filed::New(position) } else { Filed::Untrusted(position) })
}

/// Whether two deliveries hold the same batch in other bytes: one that came leaning was sealed here, maybe by a version
/// that chooses otherwise than its agent's does.
fn says_the_same(one: &[u8], other: &[u8]) -> bool {
    let batch = |bytes| Delivery::decode(bytes).ok().map(|delivery| delivery.batch);
    batch(one).is_some_and(|one| Some(one) == batch(other))
}

/// The delivery of a batch, by its name.
pub(crate) fn find(
    conn: &Connection,
    agent: &Vantage,
    series: u32,
    sequence: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT bytes FROM deliveries
         WHERE agent = (SELECT id FROM agents WHERE vantage = ?1) AND series = ?2 AND sequence = ?3",
    )?;
    let named = params![agent.to_string(), i64::from(series), sequence.cast_signed()];
    Ok(query.query_row(named, |row| row.get(0)).optional()?)
}

/// The last position that was ever used.
pub(crate) fn last_position(conn: &Connection) -> Result<Position, StoreError> {
    let last: Option<Position> = conn
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'deliveries'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0))
}

/// At most `limit` entries after `position`, in order.
pub(crate) fn after(conn: &Connection, position: Position, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT position, received_at, bytes, trusted, zero_at, boot_at FROM deliveries
         WHERE position > ?1 ORDER BY position LIMIT ?2",
    )?;
    let rows = query.query_map(params![position, i64::try_from(limit).unwrap_or(i64::MAX)], entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The first position that was received at `time` or later; one past the last when there is none.
pub(crate) fn position_at(conn: &Connection, time: Timestamp) -> Result<Position, StoreError> {
    let first: Option<Position> = conn
        .prepare_cached("SELECT min(position) FROM deliveries WHERE received_at >= ?1")?
        .query_row([time.as_millis()], |row| row.get(0))?;
    first.map_or_else(|| Ok(last_position(conn)? + 1), Ok)
}

/// The entries of one agent that hold something of [from, to), each given to `take` until it says that it is enough.
pub(crate) fn between(
    conn: &Connection,
    agent: &Vantage,
    (from, to): (Timestamp, Timestamp),
    mut take: impl FnMut(Entry) -> bool,
) -> Result<(), StoreError> {
    let usual = "SELECT position, received_at, bytes, trusted, zero_at, boot_at FROM deliveries
         JOIN agents ON agents.id = agent
         WHERE vantage = ?1 AND last_at >= ?2 AND last_at < ?3 + 21600000 AND first_at < ?3 ORDER BY last_at";
    // Batches that are so long that they end far behind the span; an index knows them.
    let long = "SELECT position, received_at, bytes, trusted, zero_at, boot_at FROM deliveries
         JOIN agents ON agents.id = agent
         WHERE vantage = ?1 AND last_at - first_at >= 21600000 AND last_at >= ?2
           AND last_at >= ?3 + 21600000 AND first_at < ?3 ORDER BY last_at";
    for query in [usual, long] {
        let mut query = conn.prepare_cached(query)?;
        let mut rows = query.query(params![agent.to_string(), from.as_millis(), to.as_millis()])?;
        while let Some(row) = rows.next()? {
            if !take(entry(row)?) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The entries of one agent that were received in [from, to), each given to `take`.
pub(crate) fn received(
    conn: &Connection,
    agent: &Vantage,
    (from, to): (Timestamp, Timestamp),
    mut take: impl FnMut(Entry),
) -> Result<(), StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT position, received_at, bytes, trusted, zero_at, boot_at
         FROM deliveries INDEXED BY deliveries_received
         WHERE received_at >= ?2 AND received_at < ?3 AND agent = (SELECT id FROM agents WHERE vantage = ?1)",
    )?;
    let mut rows = query.query(params![agent.to_string(), from.as_millis(), to.as_millis()])?;
    while let Some(row) = rows.next()? {
        take(entry(row)?);
    }
    Ok(())
}

/// Drops at most `limit` of the entries that were received before `before`, oldest first; says how many went.
pub(crate) fn forget(conn: &Connection, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    Ok(conn.execute(
        "DELETE FROM deliveries WHERE position IN
           (SELECT position FROM deliveries WHERE received_at < ?1 ORDER BY received_at LIMIT ?2)",
        params![before.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)],
    )?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let received_at = Timestamp::from_millis(row.get(1)?);
    let trusted: Option<bool> = row.get(3)?;
    let placing = trusted
        .map(|trusted| {
            let trust = if trusted { Trust::Trusted } else { Trust::Untrusted };
            let boot_at: Option<i64> = row.get(5)?;
            let boot_at = boot_at.map(Timestamp::from_millis);
            Ok::<_, rusqlite::Error>(Placing { received_at, boot_at, zero_ms: row.get(4)?, trust })
        })
        .transpose()?;
    Ok(Entry { position: row.get(0)?, received_at, placing, bytes: row.get(2)? })
}
