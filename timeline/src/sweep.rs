//! One site carried through time: counters that each change moves by one, and the rules read off them.
//!
//! Used by `judge`. A backbone node with thousands of neighbours costs as much as its changes, not as its neighbours
//! times its changes. Rules guarded here: rules 1 to 5 and the hotspot's, in their order.

use kentongan_model::{
    state::{Kind, State},
    time::Timestamp,
};

use crate::{
    judge::{Stay, append},
    places::{Places, Spot},
};

/// Something that changes for a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Evidence between the site and another place.
    Strand(usize, State),
    /// Whether the other place of such evidence is connected.
    Peer(usize, bool),
    /// Evidence about a target of the site, seen from anywhere.
    Probe(usize, State),
    /// Whether the site is connected.
    Connected(bool),
    /// One of the upstreams is connected, or no longer.
    UpstreamConnected(bool),
    /// The upstream of that position begins a stay.
    Upstream(u32, u32),
    /// Some link of the site is dark, or none any more.
    Dark(bool),
    /// The core is blind, or no longer.
    Blind(bool),
}

/// Evidence between the site and another place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strand {
    below: bool,
    heartbeat: bool,
    connected: bool,
    state: State,
}

impl Strand {
    /// `below`: the other place is downstream of the site. The core is connected from the beginning.
    pub(crate) fn new(below: bool, heartbeat: bool, core: bool) -> Self {
        Strand { below, heartbeat, connected: core, state: State::Unknown }
    }
}

/// What is known of one target from one vantage.
#[derive(Debug, Clone, Copy)]
struct Probe {
    position: u32,
    state: State,
}

/// A target that is an access point.
#[derive(Debug, Clone, Copy, Default)]
struct AccessPoint {
    down: i32,
    serving: i32,
}

impl AccessPoint {
    fn is_down(self) -> bool {
        self.down > 0 && self.serving == 0
    }
}

/// Counts of strands whose other place is connected.
#[derive(Debug, Default)]
struct Tally {
    up_beside: i32,
    degraded_beside: i32,
    down_beside: i32,
    down: i32,
}

/// A site on its way through time.
#[derive(Debug)]
pub(crate) struct Sweep<'a> {
    spot: &'a Spot,
    strands: Vec<Strand>,
    probes: Vec<Probe>,
    tally: Tally,
    others_down: i32,
    aps: Vec<Option<AccessPoint>>,
    aps_alive: usize,
    connected: bool,
    upstreams_connected: i32,
    upstream_stays: Vec<Option<u32>>,
    dark: bool,
    blind: bool,
}

impl<'a> Sweep<'a> {
    pub(crate) fn new(places: &'a Places, site: usize) -> Self {
        let spot = &places.sites[site];
        let hotspot = spot.kind == Kind::Hotspot;
        let aps: Vec<_> =
            spot.targets.iter().map(|target| (hotspot && target.ap).then(AccessPoint::default)).collect();
        Sweep {
            spot,
            strands: Vec::new(),
            probes: Vec::new(),
            tally: Tally::default(),
            others_down: 0,
            aps_alive: aps.iter().flatten().count(),
            aps,
            connected: false,
            upstreams_connected: 0,
            upstream_stays: vec![None; spot.upstream.len()],
            dark: false,
            blind: false,
        }
    }

    pub(crate) fn strand(&mut self, strand: Strand) -> usize {
        self.strands.push(strand);
        self.strands.len() - 1
    }

    pub(crate) fn probe(&mut self, position: u32) -> usize {
        self.probes.push(Probe { position, state: State::Unknown });
        self.probes.len() - 1
    }

    /// Goes through the moves of a window and tells the stays between `from` and `until`, and when none of the upstreams
    /// was connected.
    pub(crate) fn run(
        mut self,
        moves: &[(Timestamp, Move)],
        from: Timestamp,
        until: Timestamp,
        timelines: &[Vec<Stay>],
    ) -> (Vec<Stay>, Vec<(Timestamp, bool)>) {
        let mut stays: Vec<Stay> = Vec::new();
        let mut severed = vec![(Timestamp::MIN, !self.spot.upstream.is_empty())];
        let (mut since, mut held) = (from, (State::Unknown, Vec::new()));
        for instant in moves.chunk_by(|a, b| a.0 == b.0) {
            let at = instant[0].0;
            if at >= until {
                break;
            }
            for (_, change) in instant {
                self.take(*change);
            }
            let now = self.verdict(timelines);
            if now != held {
                let (state, roots) = std::mem::replace(&mut held, now);
                append(&mut stays, Stay { state, from: since, to: at, roots });
                since = since.max(at);
            }
            let cut = !self.spot.upstream.is_empty() && self.upstreams_connected == 0;
            if severed.last().is_some_and(|(_, was)| *was != cut) {
                severed.push((at, cut));
            }
        }
        append(&mut stays, Stay { state: held.0, from: since, to: until, roots: held.1 });
        (stays, severed)
    }

    fn take(&mut self, change: Move) {
        match change {
            Move::Strand(ix, state) => self.turn(ix, |strand| strand.state = state),
            Move::Peer(ix, on) => self.turn(ix, |strand| strand.connected = on),
            Move::Probe(ix, state) => self.see(ix, state),
            Move::Connected(on) => self.connected = on,
            Move::UpstreamConnected(on) => self.upstreams_connected += if on { 1 } else { -1 },
            Move::Upstream(position, stay) => self.upstream_stays[position as usize] = Some(stay),
            Move::Dark(on) => self.dark = on,
            Move::Blind(on) => self.blind = on,
        }
    }

    fn turn(&mut self, ix: usize, change: impl FnOnce(&mut Strand)) {
        self.count(ix, -1);
        change(&mut self.strands[ix]);
        self.count(ix, 1);
    }

    fn count(&mut self, ix: usize, by: i32) {
        let strand = self.strands[ix];
        if !strand.connected {
            return;
        }
        match strand.state {
            State::Down => {
                self.tally.down += by;
                self.tally.down_beside += if strand.below { 0 } else { by };
            }
            State::Up if !strand.below && !strand.heartbeat => self.tally.up_beside += by,
            State::Degraded if !strand.below && !strand.heartbeat => self.tally.degraded_beside += by,
            _ => {}
        }
    }

    fn see(&mut self, ix: usize, state: State) {
        let Probe { position, state: was } = self.probes[ix];
        self.probes[ix].state = state;
        let fell = i32::from(state == State::Down) - i32::from(was == State::Down);
        if position > 0 {
            self.others_down += fell;
        }
        if let Some(Some(ap)) = self.aps.get_mut(position as usize) {
            let before = ap.is_down();
            ap.down += fell;
            ap.serving += i32::from(state.serves()) - i32::from(was.serves());
            match (before, ap.is_down()) {
                (false, true) => self.aps_alive -= 1,
                (true, false) => self.aps_alive += 1,
                _ => {}
            }
        }
    }

    fn verdict(&self, timelines: &[Vec<Stay>]) -> (State, Vec<u32>) {
        let upstreams = || {
            let at =
                |(up, stay): (&u32, &Option<u32>)| Some((*up, &timelines[*up as usize][(*stay)? as usize]));
            self.spot.upstream.iter().zip(&self.upstream_stays).filter_map(at)
        };
        let faulty = |stay: &Stay| matches!(stay.state, State::Down | State::Unreachable);
        let alone = |state| (state, Vec::new());
        if self.blind {
            alone(State::Unknown)
        } else if !self.connected
            && self.upstreams_connected == 0
            && upstreams().any(|(_, stay)| faulty(stay))
        {
            let mut roots = Vec::new();
            for (up, stay) in upstreams() {
                match stay.state {
                    State::Down => roots.push(up),
                    State::Unreachable => roots.extend(&stay.roots),
                    _ => {}
                }
            }
            roots.sort_unstable();
            roots.dedup();
            (State::Unreachable, roots)
        } else if self.aps_alive == 0 && self.aps.iter().any(Option::is_some) {
            alone(State::Down)
        } else if self.connected {
            alone(if self.is_degraded() { State::Degraded } else { State::Up })
        } else if self.tally.down > 0 {
            alone(State::Down)
        } else {
            alone(State::Unknown)
        }
    }

    /// Rule 2, for a site that is connected (and so are the far ends of its edges).
    fn is_degraded(&self) -> bool {
        let edges_degraded = self.tally.degraded_beside > 0 && self.tally.up_beside == 0;
        edges_degraded || self.tally.down_beside > 0 || self.others_down > 0 || self.dark
    }
}
