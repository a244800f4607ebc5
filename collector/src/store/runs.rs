//! When the collector ran. The gaps between its runs are its downtimes, which the contract needs: in a downtime
//! nobody observed at the core, so that silence there says nothing. They are kept as long as deliveries are
//! (`journal_days`), and no more than [`MOST`]; what goes is counted in `kentongan_runs_dropped_total`.

use kentongan_model::{observation::Downtime, time::Timestamp};
use rusqlite::{Connection, params};

use super::StoreError;

/// Runs that are kept at most; beyond, the oldest go, however young: a collector that is restarted without end does not
/// fill the disk.
const MOST: i64 = 100_000;

/// The number of a run.
pub(crate) type Run = i64;

/// A run begins.
pub(crate) fn begin(conn: &Connection, now: Timestamp) -> Result<Run, StoreError> {
    conn.execute("INSERT INTO runs (started_at, alive_at) VALUES (?1, ?1)", [now.as_millis()])?;
    Ok(conn.last_insert_rowid())
}

/// It still goes on.
pub(crate) fn alive(conn: &Connection, run: Run, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE runs SET alive_at = max(alive_at, ?2) WHERE id = ?1")?
        .execute([run, now.as_millis()])?;
    Ok(())
}

/// It ends in order.
pub(crate) fn end(conn: &Connection, run: Run, now: Timestamp) -> Result<(), StoreError> {
    conn.execute(
        "UPDATE runs SET alive_at = max(alive_at, ?2), stopped_at = ?2 WHERE id = ?1",
        [run, now.as_millis()],
    )?;
    Ok(())
}

/// The runs after `after`, each with the downtime that it ended; none for the first, and for one that began before the
/// last one was seen alive (the clock was set back).
pub(crate) fn downtimes(conn: &Connection, after: Run) -> Result<Vec<(Run, Option<Downtime>)>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT id, began, last FROM
           (SELECT id, started_at AS began, lag(alive_at) OVER (ORDER BY id) AS last FROM runs)
         WHERE id > ?1 ORDER BY id",
    )?;
    let rows = query.query_map(params![after], |row| {
        let (run, began, last): (Run, i64, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let gap = last.filter(|last| *last < began);
        Ok((
            run,
            gap.map(|from| Downtime {
                from: Timestamp::from_millis(from),
                to: Timestamp::from_millis(began),
            }),
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Lets go of the runs before the last one that began before `before`, `limit` of them at most: what lies between two
/// runs that stay is still a downtime.
pub(crate) fn forget(conn: &Connection, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let gone = conn.execute(
        "DELETE FROM runs WHERE id IN (SELECT id FROM runs
           WHERE id < (SELECT max(id) FROM runs WHERE started_at < ?1) OR id <= (SELECT max(id) FROM runs) - ?2
           ORDER BY id LIMIT ?3)",
        params![before.as_millis(), MOST, limit],
    )?;
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JOURNAL_STEPS, open};

    #[test]
    fn the_gaps_between_runs_are_downtimes_whether_a_run_ended_in_order_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let first = begin(&conn, at(0)).unwrap();
        alive(&conn, first, at(50)).unwrap();
        let second = begin(&conn, at(100)).unwrap();
        alive(&conn, second, at(105)).unwrap();
        end(&conn, second, at(110)).unwrap();
        let third = begin(&conn, at(130)).unwrap();
        let down = |from, to| Some(Downtime { from: at(from), to: at(to) });
        let told = downtimes(&conn, 0).unwrap();
        assert_eq!(told, [(first, None), (second, down(50, 100)), (third, down(110, 130))]);
        assert_eq!(downtimes(&conn, second).unwrap(), [(third, down(110, 130))]);
    }

    #[test]
    fn runs_go_when_they_are_too_old_but_for_the_one_before_a_downtime_that_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let runs: Vec<Run> = (0..5).map(|k| begin(&conn, at(k * 100)).unwrap()).collect();
        assert_eq!(forget(&conn, at(250), 1).unwrap(), 1);
        assert_eq!(forget(&conn, at(250), 9).unwrap(), 1);
        assert_eq!(forget(&conn, at(250), 9).unwrap(), 0);
        let down = |from, to| Some(Downtime { from: at(from), to: at(to) });
        let told = downtimes(&conn, 0).unwrap();
        assert_eq!(told, [(runs[2], None), (runs[3], down(200, 300)), (runs[4], down(300, 400))]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_downtime() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        begin(&conn, Timestamp::from_millis(1_000_000)).unwrap();
        let second = begin(&conn, Timestamp::from_millis(5)).unwrap();
        assert_eq!(downtimes(&conn, 1).unwrap(), [(second, None)]);
    }
}
