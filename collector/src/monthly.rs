//! The report of a month, read from the store: the same for the API and for the command that reads the data folder.
//!
//! The rule it guards: everything comes from one look at the state, so that timelines, incidents and what is said of
//! where they come from are of the same moment.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use kentongan_model::{id::SiteId, inventory::Language, state::State, time::Timestamp};
use kentongan_reports::{Fault, Known, Month, NoReport, Origin, Report, compose, tzdata};
use kentongan_timeline::{By, Interval, Span};
use rusqlite::{Connection, params};

use crate::{
    inventory::Inventory,
    proof,
    store::{
        JOURNAL_FILE, STATE_FILE, StoreError, inventories,
        judged::{self, Judged},
        readers::Readers,
        state,
    },
};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum MonthlyError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no data folder.
    #[error("{0} holds no data of a collector; name its folder with --data")]
    NoData(PathBuf),
    /// Nothing was ever judged.
    #[error("nothing has been judged yet; let the collector run until it shows states, then ask again")]
    NotJudged,
    /// The month cannot be told.
    #[error(transparent)]
    NoReport(#[from] NoReport),
}

/// A month's report with the language that its network speaks.
#[derive(Debug)]
pub struct Monthly {
    /// The report.
    pub report: Report,
    /// The language of the inventory.
    pub language: Language,
}

/// The report of `month`, or of the last one that is over, from the data folder of a collector that runs or does not.
///
/// # Errors
/// When the folder holds nothing that can be read, and when nothing is known of that month.
pub fn monthly(data: &Path, month: Option<Month>, by: By) -> Result<Monthly, MonthlyError> {
    from_folder(data, month, by, Timestamp::MAX)
}

/// The report of `month` as far as `until`, by all that is known now: what became known after that moment is in it, what
/// happened after it is not.
///
/// # Errors
/// As [`monthly`].
pub fn monthly_until(data: &Path, month: Month, by: By, until: Timestamp) -> Result<Monthly, MonthlyError> {
    from_folder(data, Some(month), by, until)
}

fn from_folder(data: &Path, month: Option<Month>, by: By, until: Timestamp) -> Result<Monthly, MonthlyError> {
    let (journal, state) = (data.join(JOURNAL_FILE), data.join(STATE_FILE));
    if !journal.is_file() || !state.is_file() {
        return Err(MonthlyError::NoData(data.to_owned()));
    }
    cut_store(&Readers::new(journal, 1), &Readers::new(state, 1), (month, by), until)
}

/// The same from the files of the store.
pub(crate) fn from_store(
    journal: &Readers,
    state: &Readers,
    month: Option<Month>,
    by: By,
) -> Result<Monthly, MonthlyError> {
    cut_store(journal, state, (month, by), Timestamp::MAX)
}

fn cut_store(
    journal: &Readers,
    state: &Readers,
    (month, by): (Option<Month>, By),
    until: Timestamp,
) -> Result<Monthly, MonthlyError> {
    state.ask_here(|conn| {
        // A transaction that only reads sees one moment, whatever is written meanwhile; it ends when it is dropped.
        let look = conn.unchecked_transaction()?;
        let Some(judged) = judged::last(&look)? else { return Ok(Err(MonthlyError::NotJudged)) };
        let (inventory, digest) = journal
            .ask_here(|conn| Ok((in_force(conn, &judged)?, proof::digest::of(conn, judged.position)?)))?;
        let stored = Stored::read(&look, judged, &inventory, month)?.cut(until);
        let report = stored.report(&inventory, by, digest);
        Ok(report
            .map_err(MonthlyError::from)
            .map(|report| Monthly { report, language: inventory.network.language }))
    })?
}

/// The inventory that the state was judged by.
fn in_force(journal: &Connection, judged: &Judged) -> Result<Inventory, StoreError> {
    let known = inventories::list(journal)?;
    let found = known.iter().rev().find(|known| known.digest == judged.inventory);
    inventories::read(journal, found.ok_or(StoreError::Unrecorded)?.id)
}

/// What the state says of a month.
#[derive(Debug)]
pub(crate) struct Stored {
    judged: Judged,
    month: Month,
    begins: Option<Timestamp>,
    timelines: HashMap<SiteId, Vec<Interval>>,
    faults: Vec<Fault>,
}

impl Stored {
    /// Reads what the state says of `month`, or of the last one that was over when it was judged.
    fn read(
        state: &Connection,
        judged: Judged,
        inventory: &Inventory,
        month: Option<Month>,
    ) -> Result<Stored, StoreError> {
        let zone = &inventory.network.timezone;
        let month = month.unwrap_or_else(|| Month::last_whole(judged.as_of, zone));
        let period = month.period(zone);
        let timelines = timelines(state, period, judged.as_of)?;
        let reach = timelines.values().flatten().fold(period, |reach, interval| {
            Span::new(reach.from.min(interval.from), reach.to.max(interval.to))
        });
        let begins = if timelines.is_empty() { first(state)? } else { Some(period.from) };
        let faults = faults(state, reach, judged.as_of)?;
        Ok(Stored { judged, month, begins, timelines, faults })
    }

    /// The same as far as `until`.
    fn cut(mut self, until: Timestamp) -> Stored {
        if self.judged.as_of <= until {
            return self;
        }
        self.judged.as_of = until;
        for timeline in self.timelines.values_mut() {
            timeline.retain(|interval| interval.from < until);
            if let Some(last) = timeline.last_mut() {
                last.to = last.to.min(until);
            }
        }
        self.faults.retain(|fault| fault.span.from < until);
        for fault in &mut self.faults {
            fault.span.to = fault.span.to.min(until);
        }
        self
    }

    /// The report, its journal's digest given.
    fn report(&self, inventory: &Inventory, by: By, journal_digest: String) -> Result<Report, NoReport> {
        let known = Known {
            network: &inventory.network,
            maintenance: inventory.all_maintenance(),
            timelines: &self.timelines,
            faults: &self.faults,
            begins: self.begins,
            as_of: self.judged.as_of,
        };
        let origin = Origin {
            journal_position: self.judged.position,
            journal_digest,
            inventory_digest: inventory.digest.clone(),
            tzdata: tzdata().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        compose(&known, self.month, by, origin)
    }
}

/// The timelines that overlap or touch `period`; of a site with an outage at an edge of it, its whole timeline.
fn timelines(
    conn: &Connection,
    period: Span,
    as_of: Timestamp,
) -> Result<HashMap<SiteId, Vec<Interval>>, StoreError> {
    let mut found: HashMap<SiteId, Vec<Interval>> = HashMap::new();
    let around = (millis_off(period.from, -1), millis_off(period.to, 1));
    for (site, interval) in state::intervals(conn, None, around, as_of)? {
        found.entry(site).or_default().push(interval);
    }
    let fails = |interval: &Interval| matches!(interval.state, State::Down | State::Unreachable);
    let at_edge = |stored: &[Interval]| {
        let (first, last) = (stored.first(), stored.last());
        first.is_some_and(|first| fails(first) && first.from <= period.from)
            || last.is_some_and(|last| fails(last) && last.to >= period.to)
    };
    for (site, stored) in found.iter_mut().filter(|(_, stored)| at_edge(stored)) {
        let all = state::intervals(conn, Some(site), (Timestamp::MIN, Timestamp::MAX), as_of)?;
        *stored = all.into_iter().map(|(_, interval)| interval).collect();
    }
    Ok(found)
}

fn millis_off(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + millis)
}

/// The incidents that overlap `reach`.
fn faults(conn: &Connection, reach: Span, as_of: Timestamp) -> Result<Vec<Fault>, StoreError> {
    let damaged = || StoreError::Damaged { what: "incident" };
    let mut query = conn.prepare_cached(
        "SELECT root, started_at, ended_at, record ->> '$.cause' FROM incidents
         WHERE started_at < ?2 AND (ended_at IS NULL OR ended_at > ?1) ORDER BY id",
    )?;
    let mut rows = query.query(params![reach.from.as_millis(), reach.to.as_millis()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (root, cause): (String, String) = (row.get(0)?, row.get(3)?);
        let ended: Option<i64> = row.get(2)?;
        let started = Timestamp::from_millis(row.get(1)?);
        found.push(Fault {
            root: root.parse().map_err(|_| damaged())?,
            span: Span::new(started, ended.map_or(as_of, Timestamp::from_millis)),
            cause: serde_json::from_value(cause.into()).map_err(|_| damaged())?,
        });
    }
    Ok(found)
}

/// Where the first of all that is stored begins.
fn first(conn: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let first: Option<i64> = conn.query_row("SELECT min(from_ms) FROM intervals", [], |row| row.get(0))?;
    Ok(first.map(Timestamp::from_millis))
}
