//! Judging live: what was touched anew, otherwise only further.
//!
//! Everything that time alone can change has a moment here at which it is looked at again. Rule guarded here: the
//! judgement is the one that a replay gives, whichever way it was reached.

use std::{cell::RefCell, cmp::Reverse, collections::BTreeSet};

use kentongan_model::time::Timestamp;

use super::{DAY_MS, Live, RETENTION_DAYS, folding, recall::Witnesses, standing::Standing};
use crate::{
    facts::{DarkLink, Facts, Track},
    judgement::Conclusion,
    span::{Span, plus},
};

impl Live {
    /// Judges whatever has to be judged at `now`.
    pub(super) fn judge_at(&mut self, now: Timestamp) {
        self.forget(now);
        self.touch_due_series(now);
        let whole = self.whole || self.from.is_none() || self.next.is_some_and(|next| next <= now);
        if whole || self.touches_reference() {
            self.judge_whole(now);
        } else {
            self.extend(now);
            self.judge_touched(now);
        }
    }

    /// Series that the mere passing of time may have changed by `now`.
    fn touch_due_series(&mut self, now: Timestamp) {
        while let Some(Reverse((at, ix))) = self.deadlines.peek().copied().filter(|due| due.0.0 <= now) {
            self.deadlines.pop();
            if self.deadline_of.get(ix).copied().flatten() != Some(at) {
                continue;
            }
            self.deadline_of[ix] = None;
            let (vantage, about, series) = &self.series[ix];
            let folding = folding((&self.places, self.limits), &self.downtimes, *vantage, *about);
            // Rounds that came since have put it off.
            match series.until(plus(at, -1), &folding).deadline {
                Some(later) if later > now => self.await_deadline(ix, later),
                _ => _ = self.touched.insert(ix),
            }
        }
    }

    fn await_deadline(&mut self, ix: usize, at: Timestamp) {
        if self.deadline_of[ix].is_none_or(|known| at < known) {
            self.deadline_of[ix] = Some(at);
            self.deadlines.push(Reverse((at, ix)));
        }
    }

    /// What a series went through until `now`; its silence is looked at again when that can change.
    pub(super) fn look_at(&mut self, ix: usize, now: Timestamp) -> Track {
        let (vantage, about, series) = &mut self.series[ix];
        let folding = folding((&self.places, self.limits), &self.downtimes, *vantage, *about);
        series.mend(&folding);
        let seen = series.until(now, &folding);
        let changes = seen.changes.into_owned();
        let track = Track { vantage: *vantage, about: *about, proven: seen.proven, changes };
        self.presumed[ix] = seen.presumed;
        if let Some(at) = seen.deadline {
            self.await_deadline(ix, at);
        }
        track
    }

    fn judge_whole(&mut self, now: Timestamp) {
        self.presumed = vec![false; self.series.len()];
        self.deadline_of = vec![None; self.series.len()];
        self.deadlines.clear();
        let tracks = (0..self.series.len()).map(|ix| self.look_at(ix, now)).collect();
        let period = Span::new(self.from.unwrap_or(now), now);
        let facts = Facts::gather(&self.places, period, tracks, self.dark());
        let conclusion = Conclusion::of(&facts);
        let witnesses = self.witnesses(now);
        let judged = conclusion.judgement(&facts, &witnesses);
        let notes = witnesses.notes.into_inner();
        let Facts { tracks, blind, dark, .. } = facts;
        self.standing = Standing { tracks, blind, dark, conclusion };
        self.recall.learn(notes);
        self.judged = judged;
        self.whole = false;
        self.touched.clear();
        self.relinked.clear();
        self.recause.clear();
        self.recall.retell.clear();
        self.number_incidents();
        self.plan_ahead(now);
        let moment = self.moments.get(self.moments.partition_point(|moment| *moment < now));
        let down = self.downtimes.last().is_some_and(|down| down.to >= now).then(|| plus(now, 1));
        let outdated = self.from.map(|from| plus(from, (RETENTION_DAYS + 1) * DAY_MS));
        let outdated = outdated.filter(|at| *at > now);
        self.next = outdated.into_iter().chain(moment.map(|at| plus(*at, 1))).chain(down).min();
        self.revision += 1;
    }

    /// The incidents of each root, by their number, and those that may still change without anything that differs.
    pub(super) fn number_incidents(&mut self) {
        self.rooted.clear();
        self.pending.clear();
        for (number, incident) in self.judged.incidents.iter().enumerate() {
            let Some(site) = self.places.site(&incident.root) else { continue };
            self.rooted.entry(site).or_default().push(number);
            if incident.told_at.is_none() || !incident.settled {
                self.pending.insert(site);
            }
        }
    }

    /// When a dark link that is known expires, and an open stay outlasts its correlation.
    pub(super) fn plan_ahead(&mut self, now: Timestamp) {
        let dark = self.standing.dark.iter().enumerate();
        let ends = dark.flat_map(|(site, links)| links.iter().map(move |link| (site, link)));
        let ends = ends.filter_map(|(site, link)| Some((link.spans.last()?.to, site)));
        self.brightens = ends.filter(|(to, _)| *to >= now).collect();
        self.opens = self.standing.conclusion.verdicts.opens.iter().flatten().min().copied();
    }

    /// A reference tells whether the core is blind, which touches every site.
    fn touches_reference(&self) -> bool {
        self.touched.iter().any(|ix| self.series[*ix].1.site().is_none())
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

    /// The rounds that can bear witness at `now`.
    pub(super) fn witnesses(&self, now: Timestamp) -> Witnesses<'_> {
        Witnesses {
            series: &self.series,
            own: &self.own,
            boots: &self.boots,
            recall: &self.recall,
            now,
            notes: RefCell::default(),
        }
    }

    fn dark(&self) -> Vec<Vec<DarkLink>> {
        let mut links = vec![Vec::new(); self.places.sites.len()];
        self.links.keys().map(|key| key.0).collect::<BTreeSet<_>>().into_iter().for_each(|site| {
            links[site] = self.dark_at(site);
        });
        links
    }

    /// The links of a site that were ever dark.
    pub(super) fn dark_at(&self, site: usize) -> Vec<DarkLink> {
        let links = self.links.range((site, 0, 0)..(site + 1, 0, 0));
        let dark = |((_, target, link), memory): (&(usize, u32, u32), &super::links::LinkMemory)| DarkLink {
            target: *target,
            link: *link,
            spans: memory.dark(),
        };
        links.map(dark).collect()
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
        (self.from, self.horizon, self.whole) = (Some(cut), cut, true);
        self.series.iter_mut().for_each(|(_, _, series)| series.forget(cut));
        self.links.values_mut().for_each(|link| link.forget(cut));
        self.boots.iter_mut().for_each(|boots| boots.forget(cut));
        self.recall.forget(cut);
        self.downtimes.retain(|down| down.to > cut);
    }
}
