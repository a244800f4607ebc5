//! The ledger: what the store says of timelines and incidents, held against what is judged now. Pure.
//!
//! The rule it guards: events are the difference between what is stored and what is judged, and are stored in the same
//! transaction. So a crash loses none and doubles none, in whatever order deliveries come.

mod amending;
mod flaps;
mod incidents;
mod pairing;
mod reasons;
mod timelines;

use std::collections::BTreeMap;

use kentongan_model::{
    event::{EventKind, IncidentRecord, SiteRef},
    id::SiteId,
    inventory::{Network, Site},
    state::State,
    time::Timestamp,
};
use kentongan_timeline::{CauseEvidence, Interval, Judgement};
use serde::{Deserialize, Serialize};

use self::flaps::Flaps;
pub(crate) use self::reasons::Reasons;
use crate::live::absences::Absences;

/// How far the feed has told of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Telling {
    /// Not at all: its record is not yet whole.
    NotYet,
    /// Not at all, though the record is whole: it lies wholly under maintenance or outside the service hours.
    Held,
    /// Not at all, and it never will be: late data cut it out of another that had been told.
    AsPart,
    /// That it began.
    Opened,
    /// That it is over.
    Resolved,
}

/// An incident as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// As the API and the events show it.
    #[serde(flatten)]
    pub(crate) record: IncidentRecord,
    /// What its cause rests on.
    pub(crate) evidence: CauseEvidence,
    /// How far it has been told.
    pub(crate) telling: Telling,
}

/// The end of a site's timeline, written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// The site.
    pub(crate) site: SiteId,
    /// What begins here or later goes, and what reaches beyond is cut here.
    pub(crate) cut: Timestamp,
    /// What stands there instead.
    pub(crate) intervals: Vec<Interval>,
    /// Whether the last of them (or what was cut) still goes on.
    pub(crate) open: bool,
}

/// What has to be written to make the store agree with a judgement.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Changes {
    /// Timelines.
    pub(crate) rewrites: Vec<Rewrite>,
    /// Incidents that are new or have changed.
    pub(crate) incidents: Vec<Kept>,
    /// Incidents that never were, and that nobody was told of.
    pub(crate) withdrawn: Vec<i64>,
    /// Sites that flap from now on, since when; none: no longer.
    pub(crate) flaps: Vec<(SiteId, Option<Timestamp>)>,
    /// What the feed tells, in order.
    pub(crate) events: Vec<EventKind>,
    /// When the mere passing of time changes something. Nothing that is written.
    pub(crate) due: Option<Timestamp>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.rewrites.is_empty()
            && self.incidents.is_empty()
            && self.withdrawn.is_empty()
            && self.flaps.is_empty()
            && self.events.is_empty()
    }
}

/// What is stored, as far as judgements may still change it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The timelines; the `to` of an open interval is `until`.
    pub(crate) timelines: BTreeMap<SiteId, Vec<Interval>>,
    /// The moment at which open intervals end here.
    pub(crate) until: Timestamp,
    /// Incidents, by number.
    pub(crate) incidents: BTreeMap<i64, Kept>,
    /// The number of the next incident.
    pub(crate) next_incident: i64,
    /// Sites that were told as flapping, since when.
    pub(crate) flaps: BTreeMap<SiteId, Timestamp>,
    /// The moment of the last judgement that is written.
    pub(crate) as_of: Option<Timestamp>,
    /// When the mere passing of time changes something.
    pub(crate) due: Option<Timestamp>,
    /// Sites that were taken out of the inventory: their past is final.
    pub(crate) absences: Absences,
}

impl Ledger {
    /// What has to be written so that the store agrees with `judgement`; `reasons` is what arrived since the last one.
    pub(crate) fn compare(&self, judgement: &Judgement, network: &Network, reasons: &Reasons) -> Changes {
        let mut changes = Changes::default();
        let sites: BTreeMap<&SiteId, &Site> = network.sites.iter().map(|site| (&site.id, site)).collect();
        timelines::compare(self, judgement, &sites, &mut changes);
        let flaps = Flaps::of(self, judgement, network, &sites);
        incidents::compare(self, judgement, (network, &sites), (reasons, flaps), &mut changes);
        changes
    }

    /// The same as at the last judgement was judged at `now`.
    pub(crate) fn later(&mut self, now: Timestamp) {
        self.as_of = Some(now);
    }

    /// Whether the judgement has to be compared again though nothing happened but that time has passed.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// The changes are written: the ledger says what the store says. What ended before `judgement` begins is final.
    pub(crate) fn written(&mut self, judgement: &Judgement, changes: &Changes) {
        self.timelines =
            judgement.sites.iter().map(|site| (site.id.clone(), site.timeline.clone())).collect();
        for kept in &changes.incidents {
            self.next_incident = self.next_incident.max(kept.record.id + 1);
            self.incidents.insert(kept.record.id, kept.clone());
        }
        for id in &changes.withdrawn {
            self.incidents.remove(id);
        }
        for (site, since) in &changes.flaps {
            match since {
                Some(since) => self.flaps.insert(site.clone(), *since),
                None => self.flaps.remove(site),
            };
        }
        self.until = judgement.until;
        (self.as_of, self.due) = (Some(judgement.until), changes.due);
        self.incidents.retain(|_, kept| kept.record.ended_at.is_none_or(|ended| ended >= judgement.from));
    }
}

/// A site as messages name it; by its id alone when the inventory no longer has it.
fn named(sites: &BTreeMap<&SiteId, &Site>, id: &SiteId) -> Option<SiteRef> {
    sites.get(id).map(|site| SiteRef {
        id: site.id.to_string(),
        name: site.name.clone(),
        kind: site.kind,
        region: site.region.as_ref().map(|code| code.as_str().to_owned()),
        provider: site.provider.clone(),
    })
}

/// The state of a site at the end of its timeline.
pub(crate) fn current(timeline: &[Interval]) -> State {
    timeline.last().map_or(State::Unknown, |interval| interval.state)
}

#[cfg(test)]
mod tests;
