//! Taking in what arrives: where it belongs, and whether it changes what was told.
//!
//! Between arrival and judgement. Rule guarded here: what changes nothing costs next to nothing, and whatever may change
//! something says so.

use kentongan_model::time::Timestamp;

use super::{
    Live, folding,
    kept::Kept,
    noted::Noted,
    series::{Arrival, Series},
};
use crate::{
    incident::Incident,
    places::{About, Place},
    span::{Span, joined},
};

impl Live {
    /// Takes in an observation from before the last judgement.
    pub(super) fn take(&mut self, noted: Noted) {
        let at = noted.at();
        if at < self.horizon && !matches!(noted, Noted::Downtime(_)) {
            self.counters.too_late += 1;
            return;
        }
        match noted {
            Noted::Round { vantage, about, round } => {
                self.push(vantage, about, round);
                if let Some(site) = vantage.site() {
                    self.measured_at(site, at);
                }
            }
            Noted::Delivery { site, delivery, boot_at } => {
                self.push(Place::CORE, About::agent(site), delivery);
                self.booted(site, boot_at, at);
            }
            Noted::Answer { about, boot_at, links, .. } => {
                let (Some(site), Some(position)) = (about.site(), about.position()) else { return };
                if position == 0 {
                    self.booted(site, boot_at, at);
                }
                for (link, oper) in links {
                    let memory = self.links.entry((site, position, link)).or_default();
                    match memory.take(at, oper) {
                        Arrival::Quiet => {}
                        Arrival::Changed => _ = self.relinked.insert(site),
                        Arrival::Late => self.counters.too_late += 1,
                    }
                }
            }
            Noted::Downtime(span) => return self.was_down(span),
        }
        if self.from.is_none_or(|from| at < from) {
            self.from = Some(at);
            self.whole = true;
        }
    }

    fn push(&mut self, vantage: Place, about: About, round: Kept) {
        let next = self.series.len();
        let ix = *self.index.entry((vantage, about)).or_insert(next);
        if ix == next {
            let deliveries = matches!(about, About::Agent(_));
            let series = if deliveries { Series::of_deliveries() } else { Series::of_rounds() };
            self.series.push((vantage, about, series));
            if let Some(site) = vantage.site() {
                self.own[site].push(ix);
            }
            self.whole = true;
        }
        let folding = folding((&self.places, self.limits), &self.downtimes, vantage, about);
        self.recall.hear(ix, vantage, round);
        if self.waiting >= self.limits.late && self.series[ix].2.settled(round.at()) {
            self.counters.too_late += 1;
            return;
        }
        match self.series[ix].2.take(round, &folding) {
            Arrival::Late => {
                self.unsettled.insert(ix);
                self.waiting += 1;
            }
            // Whatever was made of its silence may be refuted.
            Arrival::Quiet if !self.presumed.get(ix).is_none_or(|presumed| *presumed) => {}
            Arrival::Quiet | Arrival::Changed => _ = self.touched.insert(ix),
        }
    }

    fn was_down(&mut self, span: Span) {
        let before = self.downtimes.clone();
        self.downtimes.push(span);
        self.downtimes = joined(std::mem::take(&mut self.downtimes));
        if self.downtimes != before {
            self.whole = true;
            for (ix, (vantage, _, series)) in self.series.iter_mut().enumerate() {
                if *vantage == Place::CORE {
                    series.tear(span);
                    if !series.again.is_empty() {
                        self.unsettled.insert(ix);
                    }
                }
            }
        }
    }

    fn booted(&mut self, site: usize, boot_at: Option<Timestamp>, seen_at: Timestamp) {
        let Some(boot) = boot_at else { return };
        let before = self.boots[site].note(boot, seen_at);
        self.boots[site].trim();
        let after = |ended: Timestamp| ended <= seen_at && before.is_none_or(|before| before < ended);
        if self.incidents_of(site).any(|incident| incident.ended_at.is_some_and(after)) {
            self.recause.insert(site);
        }
    }

    /// A round of a site's own agent may prove that it had power in an outage.
    fn measured_at(&mut self, site: usize, at: Timestamp) {
        let proves = |incident: &Incident| {
            incident.evidence.measured_at.is_none_or(|known| at < known)
                && incident.started_at <= at
                && incident.ended_at.is_none_or(|ended| at < ended)
        };
        if self.incidents_of(site).any(proves) {
            self.recause.insert(site);
        }
    }

    fn incidents_of(&self, site: usize) -> impl Iterator<Item = &Incident> {
        let numbers = self.rooted.get(&site).into_iter().flatten();
        numbers.map(|number| &self.judged.incidents[*number])
    }
}
