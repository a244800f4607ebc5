//! How far the stored timelines and incidents are judged, so that whoever reads them alone knows up to when they hold.
//!
//! The rule it guards: it is written in one transaction with what it is about.

use kentongan_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, journal::Position};

/// What the state was judged from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The journal up to here is in it.
    pub(crate) position: Position,
    /// The moment that it was judged for.
    pub(crate) as_of: Timestamp,
    /// The inventory that it was judged by.
    pub(crate) inventory: String,
}

/// Notes it instead of what was noted before.
pub(crate) fn note(conn: &Connection, judged: &Judged) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO judged (one, position, as_of, inventory) VALUES (1, ?1, ?2, ?3)",
    )?
    .execute(params![judged.position, judged.as_of.as_millis(), judged.inventory])?;
    Ok(())
}

/// What was noted last; none when nothing was ever judged.
pub(crate) fn last(conn: &Connection) -> Result<Option<Judged>, StoreError> {
    let read = |row: &Row<'_>| {
        let as_of = Timestamp::from_millis(row.get(1)?);
        Ok(Judged { position: row.get(0)?, as_of, inventory: row.get(2)? })
    };
    Ok(conn.query_row("SELECT position, as_of, inventory FROM judged", [], read).optional()?)
}
