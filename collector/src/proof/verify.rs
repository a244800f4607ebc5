//! Verifying: the store held against a replay of its own journal over a period.
//!
//! The rule it guards: both are taken as of the same entry and the same moment, the one up to which the store says that
//! it is judged; and the first difference is told with its site, its time and what each of the two says.

use std::collections::{BTreeMap, BTreeSet};

use kentongan_model::{id::SiteId, state::Cause, time::Timestamp};
use kentongan_timeline::{Incident, Interval, Span};

use super::{Archive, Moment, Progress, ProofError, Replayed, Unread, book::join};
use crate::{
    ledger::Kept,
    live::absences::Absences,
    store::{inventories, judged, state},
};

/// What came of a comparison.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What was compared, as far as journal and store reach.
    pub period: Span,
    /// Of which moment.
    pub moment: Moment,
    /// Entries of the journal that were gone through.
    pub entries: u64,
    /// Inventories that were in force one after the other.
    pub inventories: usize,
    /// Sites whose timelines were compared.
    pub sites: usize,
    /// Intervals of the replay within the period.
    pub intervals: usize,
    /// Incidents of the replay that began within the period.
    pub incidents: usize,
    /// Runs of entries whose digest is as it was told when they were written.
    pub blocks: usize,
    /// The first entries that cannot be read and count for nothing.
    pub unread: Vec<Unread>,
    /// How many they are.
    pub unread_count: u64,
    /// The first run of entries that is another than it was.
    pub altered: Option<(i64, i64)>,
    /// The first difference; none when both agree.
    pub difference: Option<Difference>,
}

impl Verdict {
    /// Whether nothing speaks against the store.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.difference.is_none() && self.altered.is_none()
    }
}

/// Where the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The site.
    pub site: SiteId,
    /// From when on.
    pub at: Timestamp,
    /// What the store says.
    pub stored: String,
    /// What the journal gives.
    pub replayed: String,
}

impl Archive {
    /// How far the store is judged, which is what a proof is made of.
    ///
    /// # Errors
    /// When it cannot be read, or nothing was judged yet.
    pub fn judged(&self) -> Result<Moment, ProofError> {
        self.check_state()?;
        let judged = self.state_said(self.state.ask_here(judged::last))?.ok_or(ProofError::NotJudged)?;
        Ok(Moment { position: judged.position, as_of: judged.as_of, inventory: Some(judged.inventory) })
    }

    /// The beginning of the month before that of `now`, in the time zone of the inventory that was last in force.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn month_before(&self, now: Timestamp) -> Result<Timestamp, ProofError> {
        let last = self.journal_said(self.journal.ask_here(inventories::last))?;
        let id = last.ok_or(ProofError::NotJudged)?.id;
        let inventory = self.journal_said(self.journal.ask_here(|conn| inventories::read(conn, id)))?;
        let zone = inventory.network.timezone.clone();
        let zoned = |at: Timestamp| {
            let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
            let first = at.to_zoned(zone).first_of_month().ok()?;
            let before = first.checked_sub(jiff::Span::new().months(1)).ok()?.start_of_day().ok()?;
            Some(Timestamp::from_millis(before.timestamp().as_millisecond()))
        };
        Ok(zoned(now).unwrap_or(Timestamp::MIN))
    }

    /// Holds the store against a replay of the journal over `asked`.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn verify(&self, asked: Span, progress: Progress<'_>) -> Result<Verdict, ProofError> {
        self.check_state()?;
        let stored = self.state_said(self.state.ask_here(|conn| Stored::read(conn, asked)))?;
        let stored = stored.ok_or(ProofError::NotJudged)?;
        let replayed = self.replay(&stored.moment, progress)?;
        let (blocks, altered) = self
            .journal_said(self.journal.ask_here(|conn| super::digest::check(conn, stored.moment.position)))?;
        let from = asked.from.max(replayed.from);
        let period = Span::new(from, asked.to.min(replayed.as_of).max(from));
        let compared = compare(&stored, &replayed, period);
        Ok(Verdict {
            period,
            entries: replayed.entries,
            inventories: replayed.inventories,
            sites: compared.sites,
            intervals: compared.intervals,
            incidents: compared.incidents,
            blocks,
            altered,
            difference: compared.difference,
            unread: replayed.unread,
            unread_count: replayed.unread_count,
            moment: stored.moment,
        })
    }
}

/// What the store says of a period.
#[derive(Debug)]
struct Stored {
    moment: Moment,
    timelines: BTreeMap<SiteId, Vec<Interval>>,
    incidents: Vec<Kept>,
}

impl Stored {
    fn read(conn: &rusqlite::Connection, asked: Span) -> Result<Option<Stored>, crate::StoreError> {
        // A transaction that only reads sees one moment, whatever is written meanwhile.
        let look = conn.unchecked_transaction()?;
        let Some(judged) = judged::last(&look)? else { return Ok(None) };
        let mut timelines: BTreeMap<SiteId, Vec<Interval>> = BTreeMap::new();
        for (site, interval) in state::intervals(&look, None, (asked.from, asked.to), judged.as_of)? {
            timelines.entry(site).or_default().push(interval);
        }
        let incidents = state::incidents(&look, (asked.from, asked.to), i64::MAX)?;
        let inventory = Some(judged.inventory);
        let moment = Moment { position: judged.position, as_of: judged.as_of, inventory };
        Ok(Some(Stored { moment, timelines, incidents }))
    }
}

#[derive(Debug, Default)]
struct Compared {
    sites: usize,
    intervals: usize,
    incidents: usize,
    difference: Option<Difference>,
}

fn compare(stored: &Stored, replayed: &Replayed, period: Span) -> Compared {
    let sites: BTreeSet<&SiteId> = stored.timelines.keys().chain(replayed.timelines.keys()).collect();
    let mut compared = Compared { sites: sites.len(), ..Compared::default() };
    let mut found = Vec::new();
    for site in sites {
        let (ours, theirs) =
            (cut(stored.timelines.get(site), period), cut(replayed.timelines.get(site), period));
        compared.intervals += theirs.len();
        found.extend(parting(site, &ours, &theirs));
    }
    let within = |at: Timestamp| period.contains(at);
    let theirs: Vec<&Incident> =
        replayed.incidents.iter().filter(|incident| within(incident.started_at)).collect();
    compared.incidents = theirs.len();
    found.extend(incidents(stored, &theirs, (period, &replayed.absences)));
    compared.difference = found.into_iter().min_by(|a, b| (a.at, &a.site).cmp(&(b.at, &b.site)));
    compared
}

fn cut(timeline: Option<&Vec<Interval>>, period: Span) -> Vec<Interval> {
    let within = |interval: &Interval| {
        let span = interval.span().overlap(period)?;
        Some(Interval { from: span.from, to: span.to, ..interval.clone() })
    };
    let mut cut: Vec<Interval> = timeline.into_iter().flatten().filter_map(within).collect();
    join(&mut cut);
    cut
}

/// Where two timelines of a site part.
fn parting(site: &SiteId, stored: &[Interval], replayed: &[Interval]) -> Option<Difference> {
    let alike = stored.iter().zip(replayed).take_while(|(a, b)| a == b).count();
    let (ours, theirs) = (stored.get(alike), replayed.get(alike));
    let at = match (ours, theirs) {
        (None, None) => return None,
        (Some(a), Some(b)) if a.from == b.from && a.state == b.state && a.roots == b.roots => a.to.min(b.to),
        (a, b) => a.into_iter().chain(b).map(|interval| interval.from).min()?,
    };
    Some(Difference { site: site.clone(), at, stored: stay(ours), replayed: stay(theirs) })
}

fn stay(interval: Option<&Interval>) -> String {
    let Some(interval) = interval else { return "nothing".to_owned() };
    let Interval { state, from, to, roots } = interval;
    let roots: Vec<&str> = roots.iter().map(SiteId::as_str).collect();
    let blamed = if roots.is_empty() { String::new() } else { format!(" (by {})", roots.join(", ")) };
    format!("{} from {from} to {to}{blamed}", state.as_str())
}

/// The first incident that only one of them has, or that they tell differently.
fn incidents(
    stored: &Stored,
    replayed: &[&Incident],
    (period, absences): (Span, &Absences),
) -> Option<Difference> {
    // That a site was affected which was taken out since stays in the books; the journal no longer tells it.
    let among = |began: Timestamp, affected: &mut Vec<&str>| {
        affected.retain(|site| !absences.is_final(site, began));
    };
    let mut ours: BTreeMap<(Timestamp, &str), String> = BTreeMap::new();
    for Kept { record, .. } in &stored.incidents {
        // One that was told and never was stays in the books without a length.
        if record.ended_at == Some(record.started_at) || !period.contains(record.started_at) {
            continue;
        }
        let mut affected = record.affected.iter().map(|site| site.id.as_str()).collect::<Vec<_>>();
        among(record.started_at, &mut affected);
        let told = fault(record.ended_at, &affected, record.cause, record.maintenance);
        ours.insert((record.started_at, &record.root.id), told);
    }
    let theirs: BTreeMap<(Timestamp, &str), String> = replayed
        .iter()
        .map(|incident| {
            let mut affected = incident.affected.iter().map(SiteId::as_str).collect::<Vec<_>>();
            among(incident.started_at, &mut affected);
            let told = fault(incident.ended_at, &affected, incident.cause, incident.maintenance);
            ((incident.started_at, incident.root.as_str()), told)
        })
        .collect();
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let key = keys.into_iter().find(|key| ours.get(key) != theirs.get(key))?;
    let said = |told: Option<&String>| told.cloned().unwrap_or_else(|| "no incident".to_owned());
    let site = key.1.parse().ok()?;
    Some(Difference { site, at: key.0, stored: said(ours.get(key)), replayed: said(theirs.get(key)) })
}

fn fault(ended: Option<Timestamp>, affected: &[&str], cause: Cause, maintenance: bool) -> String {
    let cause = match cause {
        Cause::Power => "power",
        Cause::Link => "link",
        Cause::Undetermined => "undetermined",
    };
    let ended = ended.map_or_else(|| "lasts".to_owned(), |ended| format!("until {ended}"));
    let affected = if affected.is_empty() { "nobody else".to_owned() } else { affected.join(", ") };
    let planned = if maintenance { ", planned" } else { "" };
    format!("an incident, {ended}, affects {affected}, cause {cause}{planned}")
}
