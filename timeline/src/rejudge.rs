//! Judging again only what was touched: the stretch in which evidence differs from what was judged before, of the sites
//! that it matters to, and downstream from there as far as something comes out differently.
//!
//! Behind a judgement of everything (`judge`), with the same rules. What it costs grows with the touched stretch and the
//! touched sites; only when an edge differs is each edge looked at once. Rule guarded here: what comes out is what judging
//! everything would have given.

use std::collections::{BTreeMap, BTreeSet};

use kentongan_model::time::Timestamp;

use crate::{
    correlation::correlate,
    facts::Facts,
    graph::connectivity,
    judge::{Stay, Verdicts, append_all, edges, sweep_site},
    places::Places,
    span::Span,
    steps::{differing, hull, spliced},
};

/// What differs from the last judgement: tracks, with the stretch in which they do; and sites whose links or whose open
/// stays do.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) tracks: Vec<(usize, Span)>,
    pub(crate) sites: Vec<(usize, Span)>,
}

/// What came out differently.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Sites with another timeline.
    pub(crate) sites: BTreeSet<usize>,
    /// Sites that are connected at other times.
    pub(crate) connected: BTreeSet<usize>,
    /// Sites that are, or were, named as the root of what differs.
    pub(crate) roots: BTreeSet<usize>,
}

/// Judges again what `touched` may have changed. Stays that are open last until the `until` of the facts from now on.
pub(crate) fn rejudge(facts: &Facts<'_>, verdicts: &mut Verdicts, touched: &Touched) -> Outcome {
    let places = facts.places;
    let mut outcome = Outcome::default();
    // What is open lasts until now, of the sites that are not looked at as well: others read whom it names.
    verdicts.timelines.iter_mut().for_each(|stays| prolong(stays, facts.until));
    let mut need = Need { places, by_rank: BTreeMap::new() };
    touched.sites.iter().for_each(|(site, span)| need.want(*site, *span));
    for (ix, span) in &touched.tracks {
        facts.tracks[*ix].concerns().for_each(|site| need.want(site, *span));
    }
    let joining = touched.tracks.iter().filter(|(ix, _)| facts.tracks[*ix].between().is_some());
    if let Some(window) = joining.map(|(_, span)| *span).reduce(hull) {
        reconnect(facts, verdicts, window, &mut need, &mut outcome);
    }
    while let Some((rank, span)) = need.by_rank.pop_first() {
        let site = places.order[rank as usize] as usize;
        if let Some(span) = resweep(facts, verdicts, site, span, &mut outcome) {
            places.behind[site].iter().for_each(|low| need.want(*low as usize, span));
            outcome.sites.insert(site);
        }
    }
    outcome
}

/// The sites that have to be swept again, upstreams first, and over which stretch.
struct Need<'a> {
    places: &'a Places,
    by_rank: BTreeMap<u32, Span>,
}

impl Need<'_> {
    fn want(&mut self, site: usize, span: Span) {
        let wanted = self.by_rank.entry(self.places.rank[site]).or_insert(span);
        *wanted = hull(*wanted, span);
    }
}

/// Finds anew who was connected within `window`.
fn reconnect(
    facts: &Facts<'_>,
    verdicts: &mut Verdicts,
    window: Span,
    need: &mut Need<'_>,
    outcome: &mut Outcome,
) {
    let places = facts.places;
    let within = connectivity(places.sites.len() + 1, &edges(&facts.tracks), window);
    for (site, within) in within.iter().skip(1).enumerate() {
        let old = &verdicts.connected[site + 1];
        let first = old.partition_point(|(at, _)| *at < window.from);
        if within.is_empty() && old.get(first).is_none_or(|(at, _)| *at > window.to) {
            continue;
        }
        let new = spliced(old, within, window, false);
        let Some(span) = differing(old, &new, |(at, _)| *at) else { continue };
        verdicts.connected[site + 1] = new;
        outcome.connected.insert(site);
        need.want(site, span);
        places.behind[site].iter().for_each(|low| need.want(*low as usize, span));
        for ix in &verdicts.speaking[site] {
            facts.tracks[*ix as usize].concerns().for_each(|peer| need.want(peer, span));
        }
    }
}

/// Sweeps a site over `span` and correlates it again. Tells where its timeline differs from before.
fn resweep(
    facts: &Facts<'_>,
    verdicts: &mut Verdicts,
    site: usize,
    span: Span,
    outcome: &mut Outcome,
) -> Option<Span> {
    prolong(&mut verdicts.raw[site], facts.until);
    let window = Span::new(span.from.max(facts.from), span.to);
    if window.from < window.to.min(facts.until) {
        let (stays, severed) = sweep_site(facts, site, verdicts, window);
        let old = std::mem::take(&mut verdicts.raw[site]);
        let mut raw = cut(&old, Span::new(facts.from, window.from));
        append_all(&mut raw, stays);
        append_all(&mut raw, cut(&old, Span::new(window.to, facts.until)));
        verdicts.raw[site] = raw;
        verdicts.severed[site] = spliced(&verdicts.severed[site], &severed, window, false);
    }
    let correlate_ms = facts.places.sites[site].correlate_ms;
    let settled = correlate(verdicts.raw[site].clone(), correlate_ms, &verdicts.severed[site]);
    verdicts.opens[site] = settled.opens_at;
    let old = std::mem::replace(&mut verdicts.timelines[site], settled.timeline);
    let new = &verdicts.timelines[site];
    let span = differing(&old, new, |stay| stay.from)?;
    for stay in old.iter().chain(new).filter(|stay| stay.to > span.from && stay.from <= span.to) {
        outcome.roots.extend(stay.roots.iter().map(|root| *root as usize));
    }
    Some(span)
}

/// What is open lasts until now.
fn prolong(stays: &mut [Stay], until: Timestamp) {
    if let Some(last) = stays.last_mut() {
        last.to = until;
    }
}

/// The stays within a period.
pub(crate) fn cut(stays: &[Stay], period: Span) -> Vec<Stay> {
    let first = stays.partition_point(|stay| stay.to <= period.from);
    let inside = stays[first..].iter().take_while(|stay| stay.from < period.to);
    let cut =
        |stay: &Stay| Stay { from: stay.from.max(period.from), to: stay.to.min(period.to), ..stay.clone() };
    inside.map(cut).filter(|stay| stay.from < stay.to).collect()
}
