//! Ways to targets that had gone down, for the eye of who looks at an incident. Derived from the journal like all of the
//! state: the judge puts them here as it passes them, however often it does.

use std::net::IpAddr;

use kentongan_model::{
    id::{SiteId, Subject, TargetId, Vantage},
    time::Timestamp,
};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// A way, with its place and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedTrace {
    /// When it was walked.
    pub(crate) at: Timestamp,
    /// Who walked it.
    pub(crate) vantage: Vantage,
    /// Where to.
    pub(crate) target: Subject,
    /// What was found.
    pub(crate) walked: Walked,
}

/// What was found on a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Walked {
    /// Whether the target itself answered.
    pub(crate) reached: bool,
    /// Who answered at each distance, from 1 on, and after how many microseconds.
    pub(crate) hops: Vec<Option<(IpAddr, u32)>>,
}

/// A way to a target of a site, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptTrace {
    /// When it was walked.
    pub(crate) at: Timestamp,
    /// Who walked it.
    pub(crate) vantage: String,
    /// The site.
    pub(crate) site: SiteId,
    /// Its target.
    pub(crate) target: TargetId,
    /// What was found.
    pub(crate) walked: Walked,
}

/// Keeps ways; those that are there already stay as they are. A way to a reference belongs to no site and is not kept.
pub(crate) fn keep(conn: &mut Connection, traces: &[PlacedTrace]) -> Result<(), StoreError> {
    let tx = conn.transaction()?;
    for trace in traces {
        let Subject::Target { site, target } = &trace.target else { continue };
        let walked =
            serde_json::to_string(&trace.walked).map_err(|_| StoreError::Damaged { what: "trace" })?;
        let vantage = trace.vantage.to_string();
        tx.prepare_cached(
            "INSERT OR IGNORE INTO traces (site, at, target, vantage, walked) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![site.as_str(), trace.at.as_millis(), target.as_str(), vantage, walked])?;
    }
    Ok(tx.commit()?)
}

/// At most `limit` ways to targets of a site that were walked in [from, to), the earliest first.
pub(crate) fn of_site(
    conn: &Connection,
    site: &str,
    (from, to): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<KeptTrace>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT at, vantage, target, walked FROM traces WHERE site = ?1 AND at >= ?2 AND at < ?3 ORDER BY at LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = query.query(params![site, from.as_millis(), to.as_millis(), limit])?;
    let damaged = || StoreError::Damaged { what: "trace" };
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (target, walked): (String, String) = (row.get(2)?, row.get(3)?);
        found.push(KeptTrace {
            at: Timestamp::from_millis(row.get(0)?),
            vantage: row.get(1)?,
            site: site.parse().map_err(|_| damaged())?,
            target: target.parse().map_err(|_| damaged())?,
            walked: serde_json::from_str(&walked).map_err(|_| damaged())?,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{STATE_FILE, STATE_STEPS, open};

    #[test]
    fn the_same_way_is_kept_once_however_often_it_is_passed_and_goes_with_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = open(&dir.path().join(STATE_FILE), STATE_STEPS).unwrap();
        let trace = |second: i64, target: &str| PlacedTrace {
            at: Timestamp::from_millis(second * 1000),
            vantage: Vantage::Core,
            target: target.parse().unwrap(),
            walked: Walked { reached: false, hops: vec![Some(([10, 0, 0, 1].into(), 700)), None] },
        };
        let passed = [trace(1, "a/gateway"), trace(2, "a/gateway"), trace(1, "reference/10.0.0.9")];
        keep(&mut conn, &passed).unwrap();
        keep(&mut conn, &passed).unwrap();
        let all = (Timestamp::MIN, Timestamp::MAX);
        let found = of_site(&conn, "a", all, 10).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].at, &found[0].walked), (passed[0].at, &passed[0].walked));
        assert_eq!(of_site(&conn, "a", all, 1).unwrap().len(), 1);
        assert_eq!(of_site(&conn, "b", all, 10).unwrap(), []);
        super::super::state::forget(&mut conn, Timestamp::from_millis(2_000), 100).unwrap();
        assert_eq!(of_site(&conn, "a", all, 10).unwrap().len(), 1);
    }
}
