//! The last judgement with everything that it rests on, and what has to be judged again of it.
//!
//! What arrived since names series, links and incidents; here these become stretches of tracks and sites for `rejudge`, and
//! incidents are read again where something of theirs came out differently. Rule guarded here: whatever an incident rests
//! on has it read again when that differs.

use std::collections::BTreeSet;

use kentongan_model::time::Timestamp;

use super::Live;
use crate::{
    blind::blur,
    facts::{DarkLink, Facts, Track},
    incident::{Incident, blame},
    judgement::{Conclusion, in_order},
    place::Place,
    rejudge::{Outcome, Touched, rejudge},
    span::{Span, joined},
    steps::differing,
};

/// What the last judgement rests on.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) tracks: Vec<Track>,
    pub(super) blind: Vec<Span>,
    pub(super) dark: Vec<Vec<DarkLink>>,
    pub(super) conclusion: Conclusion,
}

impl Live {
    /// Judges again what was touched since the last judgement.
    pub(super) fn judge_touched(&mut self, now: Timestamp) {
        let mut touched = Touched::default();
        let mut roots: BTreeSet<usize> = std::mem::take(&mut self.recause);
        roots.append(&mut self.recall.retell);
        roots.extend(&self.pending);
        let mut renamed = BTreeSet::new();
        for ix in std::mem::take(&mut self.touched) {
            let track = self.track(ix, now);
            let old = &self.standing.tracks[ix];
            if let Some(span) = differing(&old.changes, &track.changes, |change| change.at) {
                touched.tracks.push((ix, span));
            }
            if old.proven != track.proven || old.down_since() != track.down_since() {
                renamed.extend(track.about.site());
            }
            self.standing.tracks[ix] = track;
        }
        self.touch_links(now, &mut touched, &mut roots);
        self.touch_open(now, &mut touched);
        if touched.tracks.is_empty() && touched.sites.is_empty() && renamed.is_empty() && roots.is_empty() {
            return;
        }
        let standing = std::mem::take(&mut self.standing);
        let Standing { tracks, blind, dark, mut conclusion } = standing;
        let period = Span::new(self.judged.from, now);
        let facts = Facts { places: &self.places, from: period.from, until: now, tracks, blind, dark };
        let outcome = rejudge(&facts, &mut conclusion.verdicts, &touched);
        for site in &outcome.sites {
            blame(&mut conclusion.blamed, *site, &conclusion.verdicts.timelines[*site]);
        }
        self.mark_roots(&facts, &touched, &outcome, &mut roots);
        let sites = || outcome.sites.iter().chain(&renamed).copied();
        let changed: Vec<_> = sites().map(|site| (site, conclusion.site(&facts, site))).collect();
        let witnesses = self.witnesses(now);
        let reading = conclusion.reading(&facts, &witnesses);
        let told: Vec<_> = roots.into_iter().map(|root| (root, reading.incidents(root))).collect();
        let notes = witnesses.notes.into_inner();
        let Facts { tracks, blind, dark, .. } = facts;
        self.standing = Standing { tracks, blind, dark, conclusion };
        self.recall.learn_more(notes);
        let mut differs = !changed.is_empty();
        for (site, judged) in changed {
            self.judged.sites[site] = judged;
        }
        differs |= self.replace_incidents(told);
        if differs {
            self.plan_ahead(now);
            self.revision += 1;
        } else {
            self.opens = self.standing.conclusion.verdicts.opens.iter().flatten().min().copied();
        }
    }

    /// A track as it stands at `now`, veiled where the core was blind.
    fn track(&mut self, ix: usize, now: Timestamp) -> Track {
        let mut track = self.look_at(ix, now);
        if track.vantage == Place::CORE && track.about.site().is_some() && !self.standing.blind.is_empty() {
            let interval = self.places.pace(track.about).interval_ms;
            track.changes = blur(std::mem::take(&mut track.changes), interval, &self.standing.blind);
        }
        track
    }

    /// Links that told something new, and those that are dark no longer because nobody said so for too long.
    fn touch_links(&mut self, now: Timestamp, touched: &mut Touched, roots: &mut BTreeSet<usize>) {
        let spans =
            |links: &[DarkLink]| joined(links.iter().flat_map(|link| link.spans.iter().copied()).collect());
        let mut sites = std::mem::take(&mut self.relinked);
        while let Some((to, site)) = self.brightens.first().copied().filter(|(to, _)| *to < now) {
            self.brightens.pop_first();
            touched.sites.push((site, Span::new(to, Timestamp::MAX)));
            sites.insert(site);
        }
        for site in sites {
            let new = self.dark_at(site);
            let old = std::mem::replace(&mut self.standing.dark[site], new);
            let (old, new) = (spans(&old), spans(&self.standing.dark[site]));
            // A span that only ends elsewhere differs from where it began: more than has to be, and simple.
            if let Some(span) = differing(&old, &new, |span| span.from) {
                touched.sites.push((site, span));
            }
            let ends = self.standing.dark[site].iter().filter_map(|link| link.spans.last());
            self.brightens.extend(ends.filter(|span| span.to >= now).map(|span| (span.to, site)));
            roots.extend(self.places.behind[site].iter().map(|low| *low as usize));
        }
    }

    /// Open stays that have outlasted their correlation.
    fn touch_open(&mut self, now: Timestamp, touched: &mut Touched) {
        if self.opens.is_none_or(|at| at > now) {
            return;
        }
        let opens = self.standing.conclusion.verdicts.opens.iter().enumerate();
        let due = opens.filter(|(_, at)| at.is_some_and(|at| at <= now));
        touched.sites.extend(due.map(|(site, _)| (site, Span::new(now, now))));
    }

    /// Whose incidents may read differently.
    fn mark_roots(
        &self,
        facts: &Facts<'_>,
        touched: &Touched,
        outcome: &Outcome,
        roots: &mut BTreeSet<usize>,
    ) {
        let behind = |site: &usize| self.places.behind[*site].iter().map(|low| *low as usize);
        roots.extend(outcome.sites.iter().chain(&outcome.roots));
        roots.extend(outcome.sites.iter().chain(&outcome.connected).flat_map(behind));
        for (ix, span) in &touched.tracks {
            roots.extend(facts.tracks[*ix].concerns());
            // Whatever began where it differs may be confirmed at another moment.
            let first = self.judged.incidents.partition_point(|incident| incident.started_at < span.from);
            let begun = self.judged.incidents[first..].iter();
            let begun = begun.take_while(|incident| incident.started_at <= span.to);
            roots.extend(begun.filter_map(|incident| self.places.site(&incident.root)));
        }
        let mut above: Vec<usize> = outcome.sites.iter().copied().collect();
        let mut seen = BTreeSet::new();
        while let Some(site) = above.pop() {
            let ups = self.places.sites[site].upstream.iter().map(|up| *up as usize);
            above.extend(ups.filter(|up| seen.insert(*up)));
        }
        // Whether they are settled rests on the sites behind them.
        roots.extend(seen.into_iter().filter(|site| self.rooted.contains_key(site)));
    }

    /// Puts the incidents of some roots in the place of those that they had. Tells whether anything differs.
    fn replace_incidents(&mut self, told: Vec<(usize, Vec<Incident>)>) -> bool {
        let known = |live: &Live, root: &usize| live.rooted.get(root).cloned().unwrap_or_default();
        let (mut differs, mut fresh, mut gone) = (false, Vec::new(), BTreeSet::new());
        for (root, incidents) in told {
            let numbers = known(self, &root);
            let old = numbers.iter().map(|number| &self.judged.incidents[*number]);
            if old.eq(incidents.iter()) {
                continue;
            }
            differs = true;
            gone.extend(numbers);
            fresh.extend(incidents);
        }
        if differs {
            let mut number = 0..;
            self.judged.incidents.retain(|_| !number.next().is_some_and(|number| gone.contains(&number)));
            self.judged.incidents.extend(fresh);
            in_order(&mut self.judged.incidents);
            self.number_incidents();
        }
        differs
    }
}
