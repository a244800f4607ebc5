//! From evidence to the state of every site: the five rules, at each instant at which anything changed.
//!
//! Sites are taken upstreams first, each swept once over the changes that can matter to it; nothing is looked at round
//! by round. What comes out passes `correlation` before the sites behind see it. Rules guarded here: which evidence
//! speaks for which site, and rules 1 to 5 with the one for hotspots in their order.

use kentongan_model::{state::State, time::Timestamp};

use crate::{
    correlation::correlate,
    facts::Facts,
    graph::{Edge, connectivity},
    places::{About, Place},
    sweep::{Move, Strand, Sweep},
};

/// A site in one state for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) state: State,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// The sites whose fault it is when unreachable, sorted.
    pub(crate) roots: Vec<u32>,
}

impl Stay {
    pub(crate) fn millis(&self) -> i64 {
        self.to.millis_since(self.from)
    }
}

/// Appends a stay; one that continues the last is joined with it.
pub(crate) fn append(timeline: &mut Vec<Stay>, stay: Stay) {
    if stay.to <= stay.from {
        return;
    }
    match timeline.last_mut() {
        Some(last) if last.state == stay.state && last.roots == stay.roots => last.to = stay.to,
        _ => timeline.push(stay),
    }
}

/// What the rules make of the facts.
#[derive(Debug)]
pub(crate) struct Verdicts {
    /// Of each site, everything from the beginning of the facts until now.
    pub(crate) timelines: Vec<Vec<Stay>>,
    /// Of each place, when it was connected and cut off, in turn.
    pub(crate) connected: Vec<Vec<(Timestamp, bool)>>,
    /// The tracks that matter to each site, by number.
    pub(crate) speaking: Vec<Vec<u32>>,
    /// The next moment at which the mere passing of time changes something that correlation left open.
    pub(crate) next: Option<Timestamp>,
}

/// Judges every site.
pub(crate) fn judge(facts: &Facts<'_>) -> Verdicts {
    let places = facts.places;
    let edges: Vec<Edge<'_>> = facts
        .tracks
        .iter()
        .filter_map(|track| track.between().map(|ends| Edge { ends, changes: &track.changes }))
        .collect();
    let connected = connectivity(places.sites.len() + 1, &edges);
    let speaking = speaking(facts);
    let mut timelines = vec![Vec::new(); places.sites.len()];
    let mut next: Option<Timestamp> = None;
    for site in places.order.iter().map(|ix| *ix as usize) {
        let (raw, severed) = sweep_site(facts, site, &speaking[site], &connected, &timelines);
        let spot = &places.sites[site];
        let settled = correlate(raw, spot.correlate_ms, &severed);
        next = [next, settled.opens_at].into_iter().flatten().min();
        timelines[site] = settled.timeline;
    }
    Verdicts { timelines, connected, speaking, next }
}

/// The tracks that matter to each site.
fn speaking(facts: &Facts<'_>) -> Vec<Vec<u32>> {
    let mut speaking = vec![Vec::new(); facts.places.sites.len()];
    for (ix, track) in (0u32..).zip(&facts.tracks).filter(|(_, track)| !track.changes.is_empty()) {
        let far = track.about.site();
        let near = track.between().and_then(|(vantage, _)| vantage.site());
        for site in far.into_iter().chain(near) {
            speaking[site].push(ix);
        }
    }
    speaking
}

/// Sweeps one site over everything that changes for it. Also tells when none of its upstreams was connected.
fn sweep_site(
    facts: &Facts<'_>,
    site: usize,
    speaking: &[u32],
    connected: &[Vec<(Timestamp, bool)>],
    timelines: &[Vec<Stay>],
) -> (Vec<Stay>, Vec<(Timestamp, bool)>) {
    let mut sweep = Sweep::new(facts.places, site);
    let mut moves: Vec<(Timestamp, Move)> = Vec::new();
    for track in speaking.iter().map(|ix| &facts.tracks[*ix as usize]) {
        if let Some((vantage, far)) = track.between() {
            let peer = if far == Place::of_site(site) { vantage } else { far };
            let below = peer.site().is_some_and(|peer| facts.places.is_downstream(peer, site));
            let heartbeat = matches!(track.about, About::Agent(_));
            let strand = sweep.strand(Strand::new(below, heartbeat, peer == Place::CORE));
            moves.extend(track.changes.iter().map(|change| (change.at, Move::Strand(strand, change.state))));
            moves.extend(connected[peer.index()].iter().map(|(at, on)| (*at, Move::Peer(strand, *on))));
        }
        if let Some(position) = track.about.position().filter(|_| track.about.site() == Some(site)) {
            let probe = sweep.probe(position);
            moves.extend(track.changes.iter().map(|change| (change.at, Move::Probe(probe, change.state))));
        }
    }
    moves.extend(connected[Place::of_site(site).index()].iter().map(|(at, on)| (*at, Move::Connected(*on))));
    for (k, up) in (0u32..).zip(&facts.places.sites[site].upstream) {
        let up = *up as usize;
        moves.extend(connected[up + 1].iter().map(|(at, on)| (*at, Move::UpstreamConnected(*on))));
        moves.extend((0u32..).zip(&timelines[up]).map(|(stay, seen)| (seen.from, Move::Upstream(k, stay))));
    }
    for dark in facts.dark_at(site) {
        moves.extend([(dark.from, Move::Dark(true)), (dark.to, Move::Dark(false))]);
    }
    for blind in &facts.blind {
        moves.extend([(blind.from, Move::Blind(true)), (blind.to, Move::Blind(false))]);
    }
    moves.sort_by_key(|(at, _)| *at);
    sweep.run(&moves, facts.from, facts.until, timelines)
}
