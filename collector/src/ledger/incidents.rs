//! Which incidents are new, have changed, are over or never were, and what of it the feed tells.
//!
//! A record is whole once the incident is ripe to be told, told or not; from then on each change of it is an amendment.
//! Rule guarded here: each incident is opened once and resolved once, whatever late data make of it; what the feed told
//! of a fault that is closed is only ever amended.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use kentongan_model::{
    event::{Change, EventKind, IncidentRecord, Reason, SiteRef},
    id::SiteId,
    inventory::{Network, Site},
    time::Timestamp,
};
use kentongan_timeline::{GROUP_WAIT_MS, Incident, Judgement, Span, service};

use super::{
    Changes, Kept, Ledger, Reasons, Telling,
    amending::{amend, put},
    flaps::Flaps,
    named,
    pairing::{is_withdrawn, pair, was_told},
    reasons::Vicinity,
};

/// How far ahead the next service is looked for; hours are those of a week.
const AHEAD_MS: i64 = 8 * 86_400_000;

/// What a comparison is made of, and what comes of it on the way.
struct Scene<'a> {
    ledger: &'a Ledger,
    judgement: &'a Judgement,
    network: &'a Network,
    sites: &'a BTreeMap<&'a SiteId, &'a Site>,
    reasons: &'a Reasons,
    flaps: Flaps,
    vicinity: OnceCell<Vicinity<'a>>,
    /// What the feed tells before it tells of who begins to flap.
    first: Vec<EventKind>,
    /// What it tells after that.
    then: Vec<EventKind>,
}

pub(super) fn compare(
    ledger: &Ledger,
    judgement: &Judgement,
    (network, sites): (&Network, &BTreeMap<&SiteId, &Site>),
    (reasons, flaps): (&Reasons, Flaps),
    changes: &mut Changes,
) {
    let (vicinity, first, then) = (OnceCell::new(), Vec::new(), Vec::new());
    let mut scene = Scene { ledger, judgement, network, sites, reasons, flaps, vicinity, first, then };
    let mut next = ledger.next_incident;
    let known = pair(ledger, judgement);
    changes.due = scene.flaps.due;
    let mut lasting: BTreeMap<&SiteId, IncidentRecord> = BTreeMap::new();
    for (incident, known) in judgement.incidents.iter().zip(&known) {
        let Some(root) = named(sites, &incident.root) else { continue };
        let before = known.and_then(|id| ledger.incidents.get(&id));
        let id = before.map_or_else(
            || {
                next += 1;
                next - 1
            },
            |kept| kept.record.id,
        );
        let kept = scene.update(id, before, incident, root);
        if kept.telling == Telling::Held && kept.record.off_hours && kept.record.ended_at.is_none() {
            changes.due = changes.due.into_iter().chain(scene.next_service(&kept.record)).min();
        }
        if kept.telling == Telling::Opened && kept.record.flapping && kept.record.ended_at.is_none() {
            lasting.insert(&incident.root, kept.record.clone());
        }
        if before != Some(&kept) {
            changes.incidents.push(kept);
        }
    }
    let paired: BTreeMap<i64, &Incident> = known
        .iter()
        .zip(&judgement.incidents)
        .filter_map(|(id, incident)| Some(((*id)?, incident)))
        .collect();
    for kept in ledger.incidents.values().filter(|kept| !paired.contains_key(&kept.record.id)) {
        if scene.is_final(&kept.record.root, kept.record.started_at) {
            changes.incidents.extend(scene.leave(kept));
        } else if kept.record.started_at >= judgement.from {
            scene.withdraw(kept, &paired, changes);
        }
    }
    changes.flaps = scene.flaps.remembered();
    changes.events.append(&mut scene.first);
    changes.events.append(&mut scene.flaps.begins);
    changes.events.append(&mut scene.then);
    for (site, steady) in scene.flaps.over {
        changes.events.extend(steady.map(|steady| carrying(steady, lasting.remove(&site))));
    }
}

/// The end of flapping, with the incident that lasts.
fn carrying(mut steady: EventKind, lasting: Option<IncidentRecord>) -> EventKind {
    if let EventKind::SiteSteady { incident, .. } = &mut steady {
        *incident = lasting;
    }
    steady
}

impl Scene<'_> {
    /// The incident as it is known now; what the feed has to tell of it goes to the events.
    fn update(&mut self, id: i64, before: Option<&Kept>, incident: &Incident, root: SiteRef) -> Kept {
        let now = self.judgement.until;
        let mut record = self.seen(id, before, incident, root);
        let first = if was_told(self.ledger, incident) { Telling::AsPart } else { Telling::NotYet };
        let mut telling = before.map_or(first, |kept| kept.telling);
        let untold = matches!(telling, Telling::NotYet | Telling::Held);
        let since = self.flaps.since(&incident.root);
        if untold {
            record.flapping = since.is_some_and(|since| record.started_at >= since);
        }
        let whole = before.filter(|kept| kept.telling != Telling::NotYet);
        let amended = whole.is_some_and(|kept| {
            let near = self.near(&incident.root);
            amend(kept, &mut record, &incident.evidence, (self.reasons, &near), now)
        });
        // When the fall was believed is no amendment, and what the feed told last stays what the API shows.
        if let Some(kept) = whole.filter(|_| !amended) {
            record.confirmed_at = kept.record.confirmed_at;
        }
        // Who flaps is told once, and then not before it is stable: the end of what was told before waits until then.
        let waits = since.is_some() && !self.flaps.begins(&incident.root) && !record.flapping;
        let resolves = record.ended_at.is_some() && telling == Telling::Opened && !waits;
        let mut events = Vec::new();
        if untold && is_ripe(incident, now) {
            telling = if record.maintenance || record.off_hours { Telling::Held } else { Telling::Opened };
            if telling == Telling::Opened {
                events.push(EventKind::IncidentOpened { incident: record.clone() });
            }
        } else if amended && matches!(telling, Telling::Opened | Telling::Resolved) && !resolves {
            events.push(EventKind::IncidentAmended { incident: record.clone() });
        }
        if telling == Telling::Opened && record.ended_at.is_some() && !waits {
            telling = Telling::Resolved;
            events.push(EventKind::IncidentResolved { incident: record.clone() });
        }
        let before_flapping = self.flaps.begins(&incident.root) && !record.flapping;
        if before_flapping { &mut self.first } else { &mut self.then }.append(&mut events);
        Kept { record, evidence: incident.evidence.clone(), telling }
    }

    /// The record as it would be without an amendment.
    fn seen(&self, id: i64, before: Option<&Kept>, incident: &Incident, root: SiteRef) -> IncidentRecord {
        let before = before.map(|kept| &kept.record);
        // Where the judgement begins, an incident that began before seems to begin there.
        let begun = before.map(|record| record.started_at).filter(|at| *at < self.judgement.from);
        let begun = begun.filter(|_| incident.started_at <= self.judgement.from);
        let mut record = IncidentRecord {
            id,
            root,
            started_at: begun.unwrap_or(incident.started_at),
            confirmed_at: incident.confirmed_at,
            ended_at: incident.ended_at,
            affected: self.affected(before, incident),
            cause: incident.cause,
            maintenance: incident.maintenance,
            off_hours: false,
            flapping: before.is_some_and(|record| record.flapping),
            revision: before.map_or(1, |record| record.revision),
            revised_at: before.and_then(|record| record.revised_at),
            amendments: before.map_or_else(Vec::new, |record| record.amendments.clone()),
        };
        let span = Span::new(record.started_at, record.ended_at.unwrap_or(self.judgement.until));
        record.off_hours = self.with_hours(&record).is_some_and(|sites| {
            sites.iter().all(|site| service(site, &self.network.timezone, span).is_empty())
        });
        record
    }

    /// The sites that it takes down; of what is over, those too that were taken out of the inventory since.
    fn affected(&self, before: Option<&IncidentRecord>, incident: &Incident) -> Vec<SiteRef> {
        let mut affected: Vec<SiteRef> =
            incident.affected.iter().filter_map(|id| named(self.sites, id)).collect();
        let before = before.filter(|record| record.ended_at.is_some());
        let known = before.into_iter().flat_map(|record| &record.affected);
        let lost = |site: &&SiteRef| self.is_final(site, incident.started_at);
        let more: Vec<SiteRef> = known.filter(lost).cloned().collect();
        affected.extend(more);
        affected.sort_by(|a, b| a.id.cmp(&b.id));
        affected.dedup_by(|a, b| a.id == b.id);
        affected
    }

    /// Whether what began at `at` at that site was over for this inventory before it came into force.
    fn is_final(&self, site: &SiteRef, at: Timestamp) -> bool {
        let known = site.id.parse::<SiteId>().is_ok_and(|id| self.sites.contains_key(&id));
        !known || self.ledger.absences.is_final(&site.id, at)
    }

    /// The inventory has lost the root: what lasted ends where it was last judged, and all else stays as it was.
    fn leave(&mut self, kept: &Kept) -> Option<Kept> {
        if kept.record.ended_at.is_some() {
            return None;
        }
        let (mut kept, now) = (kept.clone(), self.judgement.until);
        let ended = self.ledger.as_of.unwrap_or(now).max(kept.record.started_at);
        kept.record.ended_at = Some(ended);
        if kept.telling != Telling::NotYet {
            let end = Change::End { was: None, now: Some(ended) };
            put(&mut kept.record, vec![end], vec![Reason::Inventory], now);
        }
        match kept.telling {
            Telling::Opened => {
                self.then.push(EventKind::IncidentResolved { incident: kept.record.clone() });
                kept.telling = Telling::Resolved;
            }
            Telling::Resolved => self.then.push(EventKind::IncidentAmended { incident: kept.record.clone() }),
            Telling::NotYet | Telling::Held | Telling::AsPart => {}
        }
        Some(kept)
    }

    /// The root and the sites that it takes down; none when one of them is meant to serve at all hours.
    fn with_hours(&self, record: &IncidentRecord) -> Option<Vec<&Site>> {
        let ids = std::iter::once(&record.root).chain(&record.affected).map(|site| site.id.parse::<SiteId>());
        let sites = ids.map(|id| self.sites.get(&id.ok()?).copied());
        sites.map(|site| site.filter(|site| site.service_hours.is_some())).collect()
    }

    /// The first moment at which an incident is no longer out of hours.
    fn next_service(&self, record: &IncidentRecord) -> Option<Timestamp> {
        let now = self.judgement.until;
        let ahead = Span::new(now, Timestamp::from_millis(now.as_millis() + AHEAD_MS));
        let begin = |site: &Site| service(site, &self.network.timezone, ahead).first().map(|span| span.from);
        let first = self.with_hours(record)?.into_iter().filter_map(begin).min().unwrap_or(ahead.to);
        Some(Timestamp::from_millis(first.as_millis() + 1))
    }

    /// Who can tell something of a site.
    fn near(&self, root: &SiteId) -> BTreeSet<&SiteId> {
        self.vicinity.get_or_init(|| Vicinity::of(self.network)).near(root)
    }

    /// Late observations show that it was none, or one with another. Who was told of it is told that it is over; it
    /// stays in the books with no length and nobody affected.
    fn withdraw(&mut self, kept: &Kept, paired: &BTreeMap<i64, &Incident>, changes: &mut Changes) {
        if kept.telling == Telling::NotYet {
            changes.withdrawn.push(kept.record.id);
            return;
        }
        if is_withdrawn(kept) {
            return;
        }
        let (mut kept, now) = (kept.clone(), self.judgement.until);
        let record = &mut kept.record;
        let covers = |incident: &Incident| {
            incident.root.as_str() == record.root.id
                && incident.started_at <= record.started_at
                && incident.ended_at.is_none_or(|ended| ended > record.started_at)
        };
        let into = paired.iter().find(|(_, incident)| covers(incident)).map(|(id, _)| *id);
        let why = record.root.id.parse::<SiteId>().map_or_else(
            |_| Vec::new(),
            |root| {
                let (span, near) =
                    (Span::new(record.started_at, record.ended_at.unwrap_or(now)), self.near(&root));
                let late = self.reasons.late(span, &near);
                late.into_iter().chain(self.reasons.edits(span, &near)).collect()
            },
        );
        record.ended_at = Some(record.started_at);
        record.affected.clear();
        put(record, vec![into.map_or(Change::Withdrawn, |into| Change::Merged { into })], why, now);
        match kept.telling {
            Telling::Opened => {
                self.then.push(EventKind::IncidentResolved { incident: kept.record.clone() });
                kept.telling = Telling::Resolved;
            }
            Telling::Resolved => self.then.push(EventKind::IncidentAmended { incident: kept.record.clone() }),
            Telling::NotYet | Telling::Held | Telling::AsPart => {}
        }
        changes.incidents.push(kept);
    }
}

/// Whether the feed tells of an incident now: something above the root is known to be connected, and all sites that it
/// takes down can be named; or both were waited for long enough.
fn is_ripe(incident: &Incident, now: Timestamp) -> bool {
    let waited = now.millis_since(incident.confirmed_at) >= GROUP_WAIT_MS;
    let may = incident.told_at.is_some_and(|told_at| told_at <= now);
    may && (incident.settled || waited)
}
