//! The digest of a journal: what tells it from every other, whoever computes it.
//!
//! Entries are taken in runs of [`RUN`]: SHA-256 over each entry's position, time of receipt, digest of its batch and
//! stored placing; then SHA-256 over the digests of the runs. The digest of a run that is complete is kept in the
//! journal when it is written, so that a long journal need not be read again, and that a later change is noticed. The
//! rule it guards: the same entries give the same digest, whether it was kept or not.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::{Archive, ProofError};
use crate::store::{StoreError, journal::Position};

/// Entries in a run.
const RUN: i64 = 4096;

type Digest = [u8; 32];

impl Archive {
    /// SHA-256 of the journal up to `position`, in hexadecimal digits.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn digest(&self, position: i64) -> Result<String, ProofError> {
        self.journal_said(self.journal.ask_here(|conn| of(conn, position)))
    }
}

/// SHA-256 of the journal up to `position`, in hexadecimal digits.
pub(crate) fn of(conn: &Connection, position: Position) -> Result<String, StoreError> {
    let mut whole = Sha256::new();
    for number in 0..(position.max(0) + RUN - 1) / RUN {
        let (first, last) = (number * RUN + 1, ((number + 1) * RUN).min(position));
        let kept = if last == (number + 1) * RUN { kept(conn, number)? } else { None };
        let digest = match kept {
            Some(kept) => kept,
            None => run(conn, first, last)?,
        };
        whole.update(digest);
    }
    Ok(hex::encode(whole.finalize()))
}

/// Keeps the digests of at most `limit` runs that have become complete; says how many it were.
pub(crate) fn keep(conn: &Connection, limit: usize) -> Result<usize, StoreError> {
    let next: i64 =
        conn.query_row("SELECT coalesce(max(number) + 1, 0) FROM blocks", [], |row| row.get(0))?;
    let complete = crate::store::journal::last_position(conn)? / RUN;
    let mut done = 0;
    for number in (next..complete).take(limit) {
        let digest = run(conn, number * RUN + 1, (number + 1) * RUN)?;
        conn.execute("INSERT INTO blocks (number, digest) VALUES (?1, ?2)", params![number, digest])?;
        done += 1;
    }
    Ok(done)
}

/// Computes the digests of runs again that are complete, up to `position`, and all there: how many are as they were
/// kept, and the first and last entry of the first run that is not.
pub(super) fn check(
    conn: &Connection,
    position: Position,
) -> Result<(usize, Option<(Position, Position)>), StoreError> {
    let mut query =
        conn.prepare("SELECT number, digest FROM blocks WHERE (number + 1) * ?1 <= ?2 ORDER BY 1")?;
    let mut rows = query.query(params![RUN, position])?;
    let oldest: Position =
        conn.query_row("SELECT coalesce(min(position), 1) FROM deliveries", [], |row| row.get(0))?;
    let mut same = 0;
    while let Some(row) = rows.next()? {
        let (number, kept): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let (first, last) = (number * RUN + 1, (number + 1) * RUN);
        // What was let go because it is too old cannot be held against anything.
        if first < oldest {
            continue;
        }
        if run(conn, first, last)?[..] != kept[..] {
            return Ok((same, Some((first, last))));
        }
        same += 1;
    }
    Ok((same, None))
}

fn kept(conn: &Connection, number: i64) -> Result<Option<Digest>, StoreError> {
    let query = "SELECT digest FROM blocks WHERE number = ?1";
    let found: Option<Vec<u8>> =
        conn.prepare_cached(query)?.query_row([number], |row| row.get(0)).optional()?;
    let damaged = |_| StoreError::Damaged { what: "digest" };
    found.map(|found| Digest::try_from(found).map_err(damaged)).transpose()
}

/// The digest of the entries in [first, last].
fn run(conn: &Connection, first: Position, last: Position) -> Result<Digest, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT position, received_at, digest, trusted, zero_at, boot_at FROM deliveries
         WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
    )?;
    let mut rows = query.query([first, last])?;
    let mut digest = Sha256::new();
    while let Some(row) = rows.next()? {
        for column in [0, 1] {
            digest.update(row.get::<_, i64>(column)?.to_be_bytes());
        }
        digest.update(row.get::<_, Vec<u8>>(2)?);
        for column in [3, 4, 5] {
            let value: Option<i64> = row.get(column)?;
            digest.update([u8::from(value.is_some())]);
            digest.update(value.unwrap_or(0).to_be_bytes());
        }
    }
    Ok(digest.finalize().into())
}
