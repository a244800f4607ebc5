//! The book: what one judgement after the other says, put together over a time that is longer than the timeline keeps.
//!
//! The rule it guards: what ended before a judgement begins is final; all else is as the last judgement says.

use std::collections::BTreeMap;

use kentongan_model::{id::SiteId, inventory::Network, time::Timestamp};
use kentongan_timeline::{Incident, Interval, Judgement};

use crate::live::absences::Absences;

/// Timelines and incidents, as far as they were judged.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// The earliest observation.
    pub(super) from: Option<Timestamp>,
    until: Timestamp,
    timelines: BTreeMap<SiteId, Vec<Interval>>,
    incidents: Vec<Incident>,
}

impl Book {
    /// Enters what was judged by the inventory of `network`.
    pub(super) fn enter(&mut self, judgement: &Judgement, network: &Network, absences: &Absences) {
        if judgement.sites.iter().any(|site| !site.timeline.is_empty()) {
            self.from = Some(self.from.map_or(judgement.from, |from| from.min(judgement.from)));
        }
        for site in &judgement.sites {
            let Some(first) = site.timeline.first() else { continue };
            let known = self.timelines.entry(site.id.clone()).or_default();
            known.retain(|interval| interval.from < first.from);
            if let Some(last) = known.last_mut() {
                last.to = last.to.min(first.from);
            }
            known.extend(site.timeline.iter().cloned());
        }
        self.enter_incidents(judgement, network, absences);
        self.until = judgement.until;
    }

    fn enter_incidents(&mut self, judgement: &Judgement, network: &Network, absences: &Absences) {
        let begin = judgement.from;
        let is_final = |incident: &Incident| incident.ended_at.is_some_and(|ended| ended < begin);
        let (mut kept, open): (Vec<Incident>, Vec<Incident>) =
            std::mem::take(&mut self.incidents).into_iter().partition(is_final);
        let mut before = Vec::new();
        for incident in open {
            let is_final = absences.is_final(incident.root.as_str(), incident.started_at);
            if is_final || network.site(&incident.root).is_none() {
                // The inventory lost its root: what was known stays known, until then.
                let ended_at = incident.ended_at.or(Some(self.until));
                kept.push(Incident { ended_at, ..incident });
            } else if incident.started_at < begin {
                before.push(incident);
            }
        }
        for incident in &judgement.incidents {
            // Where the judgement begins, one that began before seems to begin there.
            let begun =
                before.iter().position(|known| known.root == incident.root && incident.started_at <= begin);
            let started_at = begun.map_or(incident.started_at, |at| before.remove(at).started_at);
            kept.push(Incident { started_at, ..incident.clone() });
        }
        kept.extend(before);
        self.incidents = kept;
    }

    /// The timelines, intervals that are the same joined, and the incidents in order.
    pub(super) fn close(mut self) -> (BTreeMap<SiteId, Vec<Interval>>, Vec<Incident>) {
        self.timelines.values_mut().for_each(join);
        self.incidents.sort_by(|a, b| (a.started_at, &a.root).cmp(&(b.started_at, &b.root)));
        (self.timelines, self.incidents)
    }
}

/// Makes one of intervals that touch and are the same.
pub(super) fn join(intervals: &mut Vec<Interval>) {
    intervals.retain(|interval| interval.from < interval.to);
    intervals.dedup_by(|next, kept| {
        let same = kept.to == next.from && kept.state == next.state && kept.roots == next.roots;
        if same {
            kept.to = next.to;
        }
        same
    });
}
