//! Judging live: anew when something may have changed, otherwise only further.
//!
//! Everything that time alone can change has a moment here at which it is looked at again. Rule guarded here: the
//! judgement is the one that a replay gives, whichever way it was reached.

use std::cmp::Reverse;

use kentongan_model::time::Timestamp;

use super::{DAY_MS, Live, RETENTION_DAYS, folding};
use crate::{
    cause::{Boots, cause},
    facts::{DarkLink, Facts, Track},
    incident::{GROUP_WAIT_MS, Incident, Witness},
    judgement::{Judgement, conclude},
    span::{Span, plus},
};

impl Live {
    /// Whether the mere passing of time may have changed something by `now`.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        if self.next.is_some_and(|next| next <= now) {
            return true;
        }
        while let Some(Reverse((at, ix))) = self.deadlines.peek().copied().filter(|due| due.0.0 <= now) {
            self.deadlines.pop();
            let (vantage, about, series) = &self.series[ix];
            let folding = folding((&self.places, self.limits), &self.downtimes, *vantage, *about);
            // Rounds that came since have put it off.
            match series.until(plus(at, -1), &folding).deadline {
                Some(later) if later > now => self.deadlines.push(Reverse((later, ix))),
                _ => return true,
            }
        }
        false
    }

    pub(super) fn judge_anew(&mut self, now: Timestamp) {
        self.forget(now);
        for (vantage, about, series) in &mut self.series {
            series.mend(&folding((&self.places, self.limits), &self.downtimes, *vantage, *about));
        }
        let mut deadlines = Vec::with_capacity(self.series.len());
        let mut tracks = Vec::with_capacity(self.series.len());
        let mut presumed = Vec::with_capacity(self.series.len());
        for (ix, (vantage, about, series)) in self.series.iter().enumerate() {
            let seen =
                series.until(now, &folding((&self.places, self.limits), &self.downtimes, *vantage, *about));
            deadlines.extend(seen.deadline.map(|at| Reverse((at, ix))));
            presumed.push(seen.presumed);
            tracks.push(Track {
                vantage: *vantage,
                about: *about,
                proven: seen.proven,
                changes: seen.changes,
            });
        }
        let dark = self.dark();
        let ends = dark.iter().flatten().filter_map(|link| link.spans.last()).map(|span| plus(span.to, 1));
        let ends: Vec<Timestamp> = ends.collect();
        let period = Span::new(self.from.unwrap_or(now), now);
        let facts = Facts::gather(&self.places, period, tracks, dark);
        let (judged, verdicts) = conclude(&facts, self);
        self.next = self.next_moment(now, &judged, ends.into_iter().chain(verdicts.next));
        self.deadlines = deadlines.into();
        self.rooted.iter_mut().for_each(Vec::clear);
        for (number, incident) in judged.incidents.iter().enumerate() {
            let Some(site) = self.places.site(&incident.root) else { continue };
            self.rooted[site].push(number);
            self.powered[site].extend(incident.evidence.measured_at);
        }
        let waited = |incident: &Incident| {
            incident.told_at.filter(|told| told.millis_since(incident.confirmed_at) >= GROUP_WAIT_MS)
        };
        self.waited_until = judged.incidents.iter().filter_map(waited).max();
        self.presumed = presumed;
        self.judged = judged;
        self.changed = false;
        self.recause.clear();
        self.revision += 1;
    }

    /// The next moment at which something changes that no series tells of.
    fn next_moment(
        &self,
        now: Timestamp,
        judged: &Judgement,
        others: impl Iterator<Item = Timestamp>,
    ) -> Option<Timestamp> {
        let untold = judged.incidents.iter().any(|incident| incident.told_at.is_none() || !incident.settled);
        let down = self.downtimes.last().is_some_and(|down| down.to >= now);
        let known = self.moments.partition_point(|moment| *moment < now);
        let moment = self.moments.get(known).map(|moment| plus(*moment, 1));
        let soon = (untold || down).then(|| plus(now, 1));
        let outdated = self.from.map(|from| plus(from, (RETENTION_DAYS + 1) * DAY_MS));
        others.chain(outdated).filter(|at| *at > now).chain(moment).chain(soon).min()
    }

    /// Nothing happened: what is open goes on.
    pub(super) fn extend(&mut self, now: Timestamp) {
        let was = std::mem::replace(&mut self.judged.until, now);
        for site in &mut self.judged.sites {
            if let Some(last) = site.timeline.last_mut() {
                last.to = now;
            }
            if let Some(last) = site.maintenance.last_mut().filter(|last| last.to == was) {
                last.to = now;
            }
        }
    }

    pub(super) fn judge_causes(&mut self) {
        for site in std::mem::take(&mut self.recause) {
            for number in self.rooted[site].clone() {
                let incident = &self.judged.incidents[number];
                let (started, ended) = (incident.started_at, incident.ended_at);
                let measured = self.measured(site, Span::new(started, ended.unwrap_or(self.judged.until)));
                let correlate_ms = self.places.sites[site].correlate_ms;
                let (cause, mut evidence) = cause(&self.boots[site], measured, started, ended, correlate_ms);
                evidence.dark_port.clone_from(&incident.evidence.dark_port);
                if cause != incident.cause || evidence != incident.evidence {
                    self.powered[site].extend(measured);
                    let incident = &mut self.judged.incidents[number];
                    (incident.cause, incident.evidence) = (cause, evidence);
                    self.revision += 1;
                }
            }
        }
    }

    fn dark(&self) -> Vec<Vec<DarkLink>> {
        let mut links = vec![Vec::new(); self.places.sites.len()];
        for ((site, target, link), memory) in &self.links {
            links[*site].push(DarkLink { target: *target, link: *link, spans: memory.dark() });
        }
        links
    }

    /// Forgets what lies behind the retention, a day at a time.
    fn forget(&mut self, now: Timestamp) {
        let Some(from) = self.from.filter(|_| !self.judged.sites.is_empty()) else { return };
        let open = self.judged.incidents.iter().filter(|incident| incident.ended_at.is_none());
        let oldest = open.map(|incident| plus(incident.started_at, -DAY_MS)).min().unwrap_or(now);
        let cut =
            plus(now, -RETENTION_DAYS * DAY_MS).min(oldest).max(plus(now, -10 * RETENTION_DAYS * DAY_MS));
        if plus(from, DAY_MS) > cut {
            return;
        }
        (self.from, self.horizon) = (Some(cut), cut);
        self.series.iter_mut().for_each(|(_, _, series)| series.forget(cut));
        self.links.values_mut().for_each(|link| link.forget(cut));
        self.boots.iter_mut().for_each(|boots| boots.forget(cut));
        self.powered.iter_mut().for_each(|rounds| *rounds = rounds.split_off(&cut));
        self.downtimes.retain(|down| down.to > cut);
    }
}

impl Witness for Live {
    fn measured(&self, site: usize, outage: Span) -> Option<Timestamp> {
        let kept = self.own[site].iter().filter_map(|ix| self.series[*ix].2.first_within(outage)).min();
        let known =
            || self.powered[site].range(outage.from..).next().copied().filter(|at| outage.contains(*at));
        [kept, known()].into_iter().flatten().min()
    }

    fn answered(&self, track: usize, moment: Timestamp) -> Option<Timestamp> {
        self.series[track].2.answered(moment)
    }

    fn boots(&self, site: usize) -> &Boots {
        &self.boots[site]
    }
}
