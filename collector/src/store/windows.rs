//! Maintenance windows added by command: beside those of the inventory file, and of the same weight.
//!
//! The rule it guards: the past is not rewritten unseen. A window that has begun is ended by its removal, and what it
//! covered until then stays covered; one that is over stays, unless it was only added when all was over: that claim can
//! be taken back. Each row tells when it was added and removed, and stays to be seen.
//!
//! Limits: [`MOST`] rows, [`LONGEST`] each; what is beyond is refused. Rows go when they are older than the journal's
//! retention: what they covered has gone before.

use std::time::Duration;

use kentongan_model::{
    id::SiteId,
    inventory::MaintenanceWindow,
    time::{Timestamp, millis},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::StoreError;

/// Rows that are kept at most; another one is refused.
pub(crate) const MOST: i64 = 10_000;
/// How long a window may be: what lasts longer is no maintenance but another network.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// How far ahead a window may end.
pub(crate) const AHEAD: Duration = Duration::from_secs(2 * 366 * 86_400);

/// The number of a window, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct WindowId(i64);

impl std::str::FromStr for WindowId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(WindowId)
    }
}

impl std::fmt::Display for WindowId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A window that somebody wants to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) site: SiteId,
    /// When it begins; none: now.
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Until,
    pub(crate) reason: String,
    pub(crate) by: Option<String>,
}

/// Where a window is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// At that time.
    At(Timestamp),
    /// So long after its beginning.
    For(Duration),
}

/// A window as it was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) id: WindowId,
    pub(crate) site: SiteId,
    pub(crate) from: Timestamp,
    /// Its end as it was announced.
    pub(crate) to: Timestamp,
    pub(crate) reason: String,
    pub(crate) by: Option<String>,
    pub(crate) added_at: Timestamp,
    pub(crate) removed_at: Option<Timestamp>,
    pub(crate) removed_by: Option<String>,
}

/// What became of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// It begins later.
    Planned,
    /// It goes on.
    UnderWay,
    /// It has ended as it was announced.
    Over,
    /// It was removed while it went on, and ended there.
    EndedEarly,
    /// It was removed and counts for nothing.
    Withdrawn,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ordered {
    /// Done.
    Done(Window),
    /// It was so before: nothing has changed.
    Already(Window),
    /// It cannot be.
    Refused(Refusal),
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the window ends at {to}, which is not after its beginning at {from}")]
    Backwards { from: Timestamp, to: Timestamp },
    #[error("a window is {} days long at most; put what lasts longer into the inventory", LONGEST.as_secs() / 86_400)]
    Long,
    #[error("a window ends within {} days from now", AHEAD.as_secs() / 86_400)]
    Far,
    #[error("{from} lies before all that is kept, which begins at {kept}")]
    Forgotten { from: Timestamp, kept: Timestamp },
    #[error("there are {MOST} windows already; put what is planned for long into the inventory")]
    Full,
    #[error("there is no window {0}; `kentongan maintenance list` tells all")]
    Unknown(WindowId),
    #[error("window {id} was over at {to}: what was announced and happened stays in the record")]
    Over { id: WindowId, to: Timestamp },
}

impl Window {
    /// What of it counts.
    pub(crate) fn counting(&self) -> Option<MaintenanceWindow> {
        let to = match self.removed_at {
            None => self.to,
            Some(at) if self.from < at && at < self.to => at,
            Some(_) => return None,
        };
        Some(MaintenanceWindow {
            site: self.site.clone(),
            from: self.from,
            to,
            reason: Some(self.reason.clone()),
            added_at: Some(self.added_at),
        })
    }

    /// What became of it by `now`.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        match (self.removed_at, self.counting()) {
            (Some(_), None) => Standing::Withdrawn,
            (Some(_), Some(_)) => Standing::EndedEarly,
            (None, _) if now < self.from => Standing::Planned,
            (None, _) if now < self.to => Standing::UnderWay,
            (None, _) => Standing::Over,
        }
    }

    /// Whether it may be removed at `now`.
    fn removable(&self, now: Timestamp) -> Result<(), Refusal> {
        if now < self.to || self.added_at >= self.to {
            return Ok(());
        }
        Err(Refusal::Over { id: self.id, to: self.to })
    }
}

/// Adds a window, unless the same one stands already. What is older than `keep` goes.
pub(crate) fn add(
    conn: &Connection,
    wanted: &Wanted,
    now: Timestamp,
    keep: Duration,
) -> Result<Ordered, StoreError> {
    let from = wanted.from.unwrap_or(now);
    let to = match wanted.until {
        Until::At(to) => to,
        Until::For(length) => from + length,
    };
    if let Some(refusal) = refusal(from, to, now, keep) {
        return Ok(Ordered::Refused(refusal));
    }
    let gone =
        conn.execute("DELETE FROM windows WHERE max(to_at, added_at) < ?1", [(now - keep).as_millis()])?;
    if gone > 0 {
        tracing::info!(gone, "maintenance windows from before all that is kept go");
    }
    if wanted.from.is_some()
        && let Some(same) = standing_alike(conn, wanted, from, to)?
    {
        return Ok(Ordered::Already(same));
    }
    if conn.query_row("SELECT count(*) FROM windows", [], |row| row.get::<_, i64>(0))? >= MOST {
        return Ok(Ordered::Refused(Refusal::Full));
    }
    conn.execute(
        "INSERT INTO windows (site, from_at, to_at, reason, added_by, added_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            wanted.site.as_str(),
            from.as_millis(),
            to.as_millis(),
            wanted.reason,
            wanted.by,
            now.as_millis()
        ],
    )?;
    let id = WindowId(conn.last_insert_rowid());
    Ok(find(conn, id)?.map_or(Ordered::Refused(Refusal::Unknown(id)), Ordered::Done))
}

fn refusal(from: Timestamp, to: Timestamp, now: Timestamp, keep: Duration) -> Option<Refusal> {
    let kept = now - keep;
    match () {
        () if to <= from => Some(Refusal::Backwards { from, to }),
        () if to.millis_since(from) > millis(LONGEST) => Some(Refusal::Long),
        () if to > now + AHEAD => Some(Refusal::Far),
        () if from < kept => Some(Refusal::Forgotten { from, kept }),
        () => None,
    }
}

/// The window that was added with the same words before and still counts: whoever asks twice means once.
fn standing_alike(
    conn: &Connection,
    wanted: &Wanted,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<Window>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT * FROM windows
         WHERE site = ?1 AND from_at = ?2 AND to_at = ?3 AND reason = ?4 AND removed_at IS NULL",
    )?;
    let same = params![wanted.site.as_str(), from.as_millis(), to.as_millis(), wanted.reason];
    query.query_row(same, |row| Ok(read(row))).optional()?.transpose()
}

/// Removes a window: it is withdrawn when it has not begun, ends at `now` when it goes on.
pub(crate) fn remove(
    conn: &Connection,
    id: WindowId,
    by: Option<&str>,
    now: Timestamp,
) -> Result<Ordered, StoreError> {
    let Some(window) = find(conn, id)? else { return Ok(Ordered::Refused(Refusal::Unknown(id))) };
    if window.removed_at.is_some() {
        return Ok(Ordered::Already(window));
    }
    if let Err(refusal) = window.removable(now) {
        return Ok(Ordered::Refused(refusal));
    }
    conn.execute(
        "UPDATE windows SET removed_at = ?2, removed_by = ?3 WHERE id = ?1",
        params![id.0, now.as_millis(), by],
    )?;
    Ok(Ordered::Done(Window { removed_at: Some(now), removed_by: by.map(str::to_owned), ..window }))
}

/// All windows, removed ones too, by their beginning.
pub(crate) fn list(conn: &Connection) -> Result<Vec<Window>, StoreError> {
    let mut query = conn.prepare_cached("SELECT * FROM windows ORDER BY from_at, id")?;
    let rows = query.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// What of the windows counts, in the order in which they were added.
pub(crate) fn counting(conn: &Connection) -> Result<Vec<MaintenanceWindow>, StoreError> {
    let mut windows = list(conn)?;
    windows.sort_by_key(|window| window.id);
    Ok(windows.iter().filter_map(Window::counting).collect())
}

fn find(conn: &Connection, id: WindowId) -> Result<Option<Window>, StoreError> {
    let mut query = conn.prepare_cached("SELECT * FROM windows WHERE id = ?1")?;
    query.query_row([id.0], |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<Window, StoreError> {
    let site: String = row.get("site")?;
    let time = |column| Ok::<_, StoreError>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
    let damaged = || StoreError::Damaged { what: "maintenance window" };
    Ok(Window {
        id: WindowId(row.get("id")?),
        site: site.parse().map_err(|_| damaged())?,
        from: time("from_at")?.ok_or_else(damaged)?,
        to: time("to_at")?.ok_or_else(damaged)?,
        reason: row.get("reason")?,
        by: row.get("added_by")?,
        added_at: time("added_at")?.ok_or_else(damaged)?,
        removed_at: time("removed_at")?,
        removed_by: row.get("removed_by")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JOURNAL_STEPS, open};

    const KEEP: Duration = Duration::from_secs(400 * 86_400);

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}Z").parse().unwrap()
    }

    fn wanted(from: Option<&str>, to: &str) -> Wanted {
        Wanted {
            site: "kec-kutoarjo".parse().unwrap(),
            from: from.map(at),
            until: Until::At(at(to)),
            reason: "splicing ulang".to_owned(),
            by: Some("Bu Sri".to_owned()),
        }
    }

    fn journal() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let conn = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        (dir, conn)
    }

    fn added(conn: &Connection, from: Option<&str>, to: &str, now: &str) -> Window {
        match add(conn, &wanted(from, to), at(now), KEEP).unwrap() {
            Ordered::Done(window) => window,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_window_that_has_not_begun_is_withdrawn_and_one_that_goes_on_ends_at_once() {
        let (_dir, conn) = journal();
        let ahead = added(&conn, Some("07T15:00:00"), "07T19:00:00", "06T00:00:00");
        let here = added(&conn, None, "07T19:00:00", "07T12:00:00");
        assert_eq!(here.from, here.added_at);
        let now = at("07T13:00:00");
        assert_eq!((ahead.standing(now), here.standing(now)), (Standing::Planned, Standing::UnderWay));
        for (window, standing) in [(ahead, Standing::Withdrawn), (here, Standing::EndedEarly)] {
            let Ordered::Done(gone) = remove(&conn, window.id, Some("Pak Budi"), now).unwrap() else {
                panic!()
            };
            assert_eq!(
                (gone.standing(now), gone.to, gone.removed_by.as_deref()),
                (standing, window.to, Some("Pak Budi"))
            );
            assert_eq!(remove(&conn, window.id, None, at("08T00:00:00")).unwrap(), Ordered::Already(gone));
        }
        let counts = counting(&conn).unwrap();
        assert_eq!(counts.iter().map(|it| (it.from, it.to)).collect::<Vec<_>>(), [(at("07T12:00:00"), now)]);
        assert_eq!(list(&conn).unwrap().len(), 2, "what was announced stays to be seen");
    }

    #[test]
    fn what_was_announced_and_is_over_stays_and_what_was_only_claimed_later_can_be_taken_back() {
        let (_dir, conn) = journal();
        let announced = added(&conn, Some("07T15:00:00"), "07T19:00:00", "07T16:00:00");
        let claimed = added(&conn, Some("07T15:00:00"), "07T18:00:00", "07T18:00:00");
        let now = at("07T20:00:00");
        let refused = remove(&conn, announced.id, None, now).unwrap();
        assert_eq!(refused, Ordered::Refused(Refusal::Over { id: announced.id, to: announced.to }));
        assert!(matches!(remove(&conn, claimed.id, None, now).unwrap(), Ordered::Done(_)));
        let counts = counting(&conn).unwrap();
        assert_eq!(counts.len(), 1);
        assert_eq!(counts[0].added_at, Some(at("07T16:00:00")), "that it was added late can be told");
    }

    #[test]
    fn whoever_asks_twice_means_once_and_what_cannot_be_is_refused() {
        let (_dir, conn) = journal();
        let (now, ask) = (at("06T00:00:00"), wanted(Some("07T15:00:00"), "07T19:00:00"));
        let Ordered::Done(first) = add(&conn, &ask, now, KEEP).unwrap() else { panic!() };
        assert_eq!(add(&conn, &ask, now, KEEP).unwrap(), Ordered::Already(first));
        let refused = |from: &str, until: Until| {
            let asked = Wanted { from: Some(from.parse().unwrap()), until, ..ask.clone() };
            match add(&conn, &asked, now, KEEP).unwrap() {
                Ordered::Refused(refusal) => refusal.to_string(),
                other => panic!("{other:?}"),
            }
        };
        let days = |days: u64| Until::For(Duration::from_secs(days * 86_400));
        assert!(refused("2026-11-07T00:00:00Z", days(0)).contains("not after its beginning"));
        assert!(refused("2026-11-07T00:00:00Z", days(367)).contains("366 days long at most"));
        assert!(refused("2062-11-07T00:00:00Z", days(1)).contains("within 732 days"));
        assert!(refused("2025-10-01T00:00:00Z", days(1)).contains("before all that is kept"));
        assert_eq!(
            remove(&conn, WindowId(9), None, now).unwrap(),
            Ordered::Refused(Refusal::Unknown(WindowId(9)))
        );
    }

    #[test]
    fn windows_go_with_the_journal_and_there_is_room_for_so_many() {
        let (_dir, conn) = journal();
        added(&conn, Some("07T15:00:00"), "07T19:00:00", "06T00:00:00");
        let later = at("06T00:00:00") + KEEP + Duration::from_secs(3 * 86_400);
        let ask =
            Wanted { from: None, until: Until::For(Duration::from_secs(60)), ..wanted(None, "07T00:00:00") };
        assert!(matches!(add(&conn, &ask, later, KEEP).unwrap(), Ordered::Done(_)));
        assert_eq!(list(&conn).unwrap().len(), 1, "the first is older than the journal");
        let fill = "INSERT INTO windows (site, from_at, to_at, reason, added_at)
                    WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                    SELECT 'a', ?2, ?2 + 1, 'x', ?2 FROM n";
        conn.execute(fill, params![MOST, later.as_millis()]).unwrap();
        assert_eq!(add(&conn, &ask, later, KEEP).unwrap(), Ordered::Refused(Refusal::Full));
    }
}
