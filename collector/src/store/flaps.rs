//! Which sites were told as flapping, so that each burst is told once, restarts or not.
//!
//! The rule it guards: it is written in one transaction with the events about it. At most as many rows as sites.

use std::collections::BTreeMap;

use kentongan_model::{id::SiteId, time::Timestamp};
use rusqlite::{Connection, params};

use super::StoreError;

/// Notes which sites flap from now on, since when, and (none) which no longer do.
pub(crate) fn note(conn: &Connection, flaps: &[(SiteId, Option<Timestamp>)]) -> Result<(), StoreError> {
    for (site, since) in flaps {
        match since {
            Some(since) => conn
                .prepare_cached("INSERT OR REPLACE INTO flaps (site, since) VALUES (?1, ?2)")?
                .execute(params![site.as_str(), since.as_millis()])?,
            None => conn.prepare_cached("DELETE FROM flaps WHERE site = ?1")?.execute([site.as_str()])?,
        };
    }
    Ok(())
}

/// The sites that flap, as far as was told.
pub(crate) fn all(conn: &Connection) -> Result<BTreeMap<SiteId, Timestamp>, StoreError> {
    let mut query = conn.prepare_cached("SELECT site, since FROM flaps")?;
    let mut rows = query.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let site: String = row.get(0)?;
        let site = site.parse().map_err(|_| StoreError::Damaged { what: "site" })?;
        found.insert(site, Timestamp::from_millis(row.get(1)?));
    }
    Ok(found)
}
