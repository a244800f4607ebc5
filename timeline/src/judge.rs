//! From evidence to the state of every site: the five rules, at each instant at which anything changed.
//!
//! Sites are taken upstreams first, each swept once over the changes that can matter to it; nothing is looked at round
//! by round. What comes out passes `correlation` before the sites behind see it. Rules guarded here: which evidence
//! speaks for which site, and rules 1 to 5 with the one for hotspots in their order.

use kentongan_model::{state::State, time::Timestamp};

use crate::{
    correlation::correlate,
    facts::{Facts, Track},
    graph::{Edge, connectivity},
    places::{About, Place},
    span::Span,
    steps::during,
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

/// Appends stays to others.
pub(crate) fn append_all(timeline: &mut Vec<Stay>, stays: impl IntoIterator<Item = Stay>) {
    stays.into_iter().for_each(|stay| append(timeline, stay));
}

/// What the rules make of the facts. The lists by site or place go from the beginning of the facts until now.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    /// Of each place, when it was connected and cut off, in turn.
    pub(crate) connected: Vec<Vec<(Timestamp, bool)>>,
    /// Of each site, what the rules said before correlation.
    pub(crate) raw: Vec<Vec<Stay>>,
    /// Of each site, when none of its upstreams was connected and when again one was, in turn.
    pub(crate) severed: Vec<Vec<(Timestamp, bool)>>,
    /// Of each site, what correlation left.
    pub(crate) timelines: Vec<Vec<Stay>>,
    /// Of each site, when the mere passing of time changes something that correlation left open.
    pub(crate) opens: Vec<Option<Timestamp>>,
    /// The tracks that matter to each site, by number.
    pub(crate) speaking: Vec<Vec<u32>>,
}

/// All of time.
pub(crate) const ALWAYS: Span = Span::new(Timestamp::MIN, Timestamp::MAX);

/// Judges every site.
pub(crate) fn judge(facts: &Facts<'_>) -> Verdicts {
    let places = facts.places;
    let sites = places.sites.len();
    let mut verdicts = Verdicts {
        connected: connectivity(sites + 1, &edges(&facts.tracks), ALWAYS),
        raw: vec![Vec::new(); sites],
        severed: vec![Vec::new(); sites],
        timelines: vec![Vec::new(); sites],
        opens: vec![None; sites],
        speaking: speaking(facts),
    };
    for site in places.order.iter().map(|ix| *ix as usize) {
        let (raw, severed) = sweep_site(facts, site, &verdicts, ALWAYS);
        let settled = correlate(raw.clone(), places.sites[site].correlate_ms, &severed);
        (verdicts.raw[site], verdicts.severed[site]) = (raw, severed);
        (verdicts.timelines[site], verdicts.opens[site]) = (settled.timeline, settled.opens_at);
    }
    verdicts
}

/// The evidence between two places.
pub(crate) fn edges<'a>(tracks: &'a [Track]) -> Vec<Edge<'a>> {
    let between = |track: &'a Track| Some(Edge { ends: track.between()?, changes: &track.changes });
    tracks.iter().filter_map(between).collect()
}

/// The tracks that matter to each site.
fn speaking(facts: &Facts<'_>) -> Vec<Vec<u32>> {
    let mut speaking = vec![Vec::new(); facts.places.sites.len()];
    for (ix, track) in (0u32..).zip(&facts.tracks) {
        for site in track.concerns() {
            speaking[site].push(ix);
        }
    }
    speaking
}

/// Sweeps one site over everything that changes for it within `window`. Also tells when none of its upstreams was
/// connected.
pub(crate) fn sweep_site(
    facts: &Facts<'_>,
    site: usize,
    verdicts: &Verdicts,
    window: Span,
) -> (Vec<Stay>, Vec<(Timestamp, bool)>) {
    let Verdicts { connected, timelines, speaking, .. } = verdicts;
    let window = Span::new(window.from, window.to.min(facts.until));
    let toggles = |place: usize| during(&connected[place], |(at, _)| *at, window);
    let mut sweep = Sweep::new(facts.places, site);
    let mut moves: Vec<(Timestamp, Move)> = Vec::new();
    for track in speaking[site].iter().map(|ix| &facts.tracks[*ix as usize]) {
        let changes = || {
            let steps = during(&track.changes, |change| change.at, window);
            steps.map(|(at, _, k)| (at, track.changes[k].state))
        };
        if let Some((vantage, far)) = track.between() {
            let peer = if far == Place::of_site(site) { vantage } else { far };
            let below = peer.site().is_some_and(|peer| facts.places.is_downstream(peer, site));
            let heartbeat = matches!(track.about, About::Agent(_));
            let strand = sweep.strand(Strand::new(below, heartbeat, peer == Place::CORE));
            moves.extend(changes().map(|(at, state)| (at, Move::Strand(strand, state))));
            let peers = toggles(peer.index());
            moves.extend(peers.map(|(at, _, k)| (at, Move::Peer(strand, connected[peer.index()][k].1))));
        }
        if let Some(position) = track.about.position().filter(|_| track.about.site() == Some(site)) {
            let probe = sweep.probe(position);
            moves.extend(changes().map(|(at, state)| (at, Move::Probe(probe, state))));
        }
    }
    moves.extend(toggles(site + 1).map(|(at, _, k)| (at, Move::Connected(connected[site + 1][k].1))));
    for (k, up) in (0u32..).zip(&facts.places.sites[site].upstream) {
        let up = *up as usize;
        // They are counted, from none on: what does not hold when the window opens is no step.
        let counted = toggles(up + 1).map(|(at, stood, step)| (at, stood, connected[up + 1][step].1));
        let counted = counted.filter(|(_, stood, on)| *on || !stood);
        moves.extend(counted.map(|(at, _, on)| (at, Move::UpstreamConnected(on))));
        let stays = during(&timelines[up], |stay| stay.from, window);
        moves.extend(
            stays.filter_map(|(at, _, stay)| Some((at, Move::Upstream(k, u32::try_from(stay).ok()?)))),
        );
    }
    let mut spans = |spans: &[Span], turn: fn(bool) -> Move| {
        for span in spans.iter().filter(|span| span.from < window.to && window.from < span.to) {
            moves.extend([(span.from.max(window.from), turn(true)), (span.to, turn(false))]);
        }
    };
    spans(&facts.dark_at(site), Move::Dark);
    spans(&facts.blind, Move::Blind);
    moves.sort_by_key(|(at, _)| *at);
    sweep.run(&moves, window.from.max(facts.from), window.to, timelines)
}
