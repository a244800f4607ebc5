//! What is different between a record and the one before it, and the amendment that says so.
//!
//! Rule guarded here: what time brings by itself in the course of a fault (its end, and the cause that only the end can
//! show) is no amendment; the same, brought by late data, is one.

use std::collections::BTreeSet;

use kentongan_model::{
    event::{Amendment, Change, IncidentRecord, MOST_AMENDMENTS, MOST_NAMED, Reason, SiteRef},
    id::SiteId,
    time::Timestamp,
};
use kentongan_timeline::{CauseEvidence, Span};

use super::{Kept, Reasons, Telling};

/// Makes an amendment of `record` when it says something else than the one before.
pub(super) fn amend(
    before: &Kept,
    record: &mut IncidentRecord,
    evidence: &CauseEvidence,
    (reasons, near): (&Reasons, &BTreeSet<&SiteId>),
    now: Timestamp,
) -> bool {
    let span = touched(&before.record, record, now);
    let mut changes = changes(&before.record, record);
    let ends = before.record.ended_at.is_none() && record.ended_at.is_some();
    // Where the feed has told that it is over, nothing else tells that it is over at last.
    let told = before.telling == Telling::Resolved;
    if ends && !told && !reasons.is_late(span, near) {
        changes.retain(|change| !matches!(change, Change::End { .. } | Change::Cause { .. }));
    }
    if changes.is_empty() {
        return false;
    }
    let mut why = reasons.edits(span, near);
    if changes.iter().any(|change| !is_mark(change)) {
        why.splice(0..0, reasons.late(span, near));
    }
    let booted = evidence.booted_at.filter(|boot| before.evidence.booted_at != Some(*boot));
    let caused = changes.iter().any(|change| matches!(change, Change::Cause { .. }));
    why.extend(booted.filter(|_| caused).map(|at| Reason::Booted { at }));
    put(record, changes, why, now);
    true
}

/// Writes an amendment into the record.
pub(super) fn put(record: &mut IncidentRecord, changes: Vec<Change>, mut why: Vec<Reason>, now: Timestamp) {
    if why.is_empty() {
        why.push(Reason::Time);
    }
    record.revision += 1;
    record.revised_at = Some(now);
    record.amendments.push(Amendment { revision: record.revision, at: now, changes, reasons: why });
    let surplus = record.amendments.len().saturating_sub(MOST_AMENDMENTS);
    record.amendments.drain(..surplus);
}

/// The time that the difference between two records is about.
fn touched(before: &IncidentRecord, record: &IncidentRecord, now: Timestamp) -> Span {
    let end = |record: &IncidentRecord| record.ended_at.unwrap_or(now);
    Span::new(before.started_at.min(record.started_at), end(before).max(end(record)))
}

fn changes(before: &IncidentRecord, now: &IncidentRecord) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.ended_at == Some(before.started_at) {
        changes.push(Change::Restored);
    }
    if before.started_at != now.started_at {
        changes.push(Change::Beginning { was: before.started_at, now: now.started_at });
    }
    if before.ended_at != now.ended_at {
        changes.push(Change::End { was: before.ended_at, now: now.ended_at });
    }
    changes.extend(
        missing(&now.affected, &before.affected).map(|(sites, count)| Change::Joined { sites, count }),
    );
    changes
        .extend(missing(&before.affected, &now.affected).map(|(sites, count)| Change::Left { sites, count }));
    if before.cause != now.cause {
        changes.push(Change::Cause { was: before.cause, now: now.cause });
    }
    if before.maintenance != now.maintenance {
        changes.push(Change::Maintenance { now: now.maintenance });
    }
    if before.off_hours != now.off_hours {
        changes.push(Change::OffHours { now: now.off_hours });
    }
    changes
}

/// What of `these` is not among `those`; none when all of it is.
fn missing(these: &[SiteRef], those: &[SiteRef]) -> Option<(Vec<SiteRef>, u32)> {
    let known: BTreeSet<&str> = those.iter().map(|site| site.id.as_str()).collect();
    let missing: Vec<&SiteRef> = these.iter().filter(|site| !known.contains(site.id.as_str())).collect();
    let named = missing.iter().take(MOST_NAMED).map(|site| (*site).clone()).collect();
    (!missing.is_empty()).then(|| (named, u32::try_from(missing.len()).unwrap_or(u32::MAX)))
}

fn is_mark(change: &Change) -> bool {
    matches!(change, Change::Maintenance { .. } | Change::OffHours { .. })
}
