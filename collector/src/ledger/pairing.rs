//! Which judged incident is which of those in the books.
//!
//! Rule guarded here: an incident keeps its number for good, and what people were told of goes on under the number that
//! they were told of, however late data move, split or join what lies behind it. So nobody is told of it twice.

use std::collections::BTreeMap;

use kentongan_model::{event::IncidentRecord, time::Timestamp};
use kentongan_timeline::{Incident, Judgement};

use super::{Kept, Ledger, Telling};

/// For each judged incident the number under which it is known. In this order an incident is known again:
///
/// 1. what was told and lasts, by what of the past it is seen in now, the latest where late data have split it;
/// 2. by its beginning;
/// 3. by what both have in common;
/// 4. one that had been withdrawn, when it was after all: by the time that it took to confirm it.
pub(super) fn pair(ledger: &Ledger, judgement: &Judgement) -> Vec<Option<i64>> {
    let mut free: BTreeMap<&str, Vec<&Kept>> = BTreeMap::new();
    let is_final = |kept: &&Kept| ledger.absences.is_final(&kept.record.root.id, kept.record.started_at);
    for kept in ledger.incidents.values().filter(|kept| !is_final(kept)) {
        free.entry(&kept.record.root.id).or_default().push(kept);
    }
    let mut known = vec![None; judgement.incidents.len()];
    let mut claim = |known: &mut Option<i64>, incident: &Incident, fits: &dyn Fn(&Kept) -> bool| {
        if known.is_none()
            && let Some(kept) = free.get_mut(incident.root.as_str())
            && let Some(k) = kept.iter().position(|kept| fits(kept))
        {
            *known = Some(kept.remove(k).record.id);
        }
    };
    for (known, incident) in known.iter_mut().zip(&judgement.incidents).rev() {
        claim(known, incident, &|kept| {
            let begun = kept.record.started_at;
            // What begins after all that was judged is news, not another view of the past.
            let past = incident.started_at <= ledger.as_of.map_or(begun, |as_of| as_of.max(begun));
            lasts(kept) && past && overlap(&kept.record, incident)
        });
    }
    for (known, incident) in known.iter_mut().zip(&judgement.incidents) {
        claim(known, incident, &|kept| !is_withdrawn(kept) && kept.record.started_at == incident.started_at);
    }
    for (known, incident) in known.iter_mut().zip(&judgement.incidents) {
        claim(known, incident, &|kept| !is_withdrawn(kept) && overlap(&kept.record, incident));
    }
    for (known, incident) in known.iter_mut().zip(&judgement.incidents) {
        claim(known, incident, &|kept| {
            let (begun, known_down) = (kept.record.started_at, kept.record.confirmed_at);
            begun <= incident.ended_at.unwrap_or(Timestamp::MAX)
                && incident.started_at <= known_down.max(begun)
        });
    }
    known
}

/// Whether an incident that is over when it is first seen was part of one of which people were told.
pub(super) fn was_told(ledger: &Ledger, incident: &Incident) -> bool {
    let Some(end) = incident.ended_at else { return false };
    ledger.incidents.values().any(|kept| {
        let told = matches!(kept.telling, Telling::Opened | Telling::Resolved | Telling::AsPart);
        // One that lasts is known to have lasted until it was last judged.
        let until = kept.record.ended_at.or(ledger.as_of).unwrap_or(kept.record.started_at);
        let shared = kept.record.started_at < end && incident.started_at < until;
        told && shared && kept.record.root.id == incident.root.as_str()
    })
}

/// Whether the record of an incident that never was.
pub(super) fn is_withdrawn(kept: &Kept) -> bool {
    kept.record.ended_at == Some(kept.record.started_at)
}

fn lasts(kept: &Kept) -> bool {
    kept.telling == Telling::Opened && kept.record.ended_at.is_none()
}

fn overlap(record: &IncidentRecord, incident: &Incident) -> bool {
    let end = |ended: Option<Timestamp>| ended.unwrap_or(Timestamp::MAX);
    record.started_at <= end(incident.ended_at) && incident.started_at <= end(record.ended_at)
}
