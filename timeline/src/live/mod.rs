//! The timeline as it is lived: observations in any order, judged whenever somebody wants to know.
//!
//! What the collector holds. Between two judgements in which nothing happened only the ends of intervals move. Rules
//! guarded here: any order of arrival, any repetition and any judgement in between end in what one replay of the same
//! observations gives; what is dated `now` or later waits for its time.
//!
//! Limits: [`series::KEPT_ROUNDS`] for each piece of evidence, [`MAX_AHEAD`] observations dated ahead, changes of
//! [`RETENTION_DAYS`] days. What does not fit is counted in [`Counters`].

mod checkpoint;
mod links;
mod series;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
};

use kentongan_model::{
    inventory::Network,
    observation::{Observation, Oper},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

pub use checkpoint::Checkpoint;

use crate::{
    cause::{Boots, cause},
    facts::{DarkLink, Facts, Track},
    incident::{GROUP_WAIT_MS, Incident, Witness},
    judgement::{Judgement, conclude},
    links::told,
    live::{
        links::LinkMemory,
        series::{Arrival, Folding, Kept, Series},
    },
    maintenance::marks,
    places::{About, Place, Places},
    round::Sample,
    span::{Span, joined, plus},
};

/// How many observations that are dated ahead of the last judgement wait; those beyond are dropped and counted.
pub const MAX_AHEAD: usize = 1 << 20;

/// How many days of changes are held. Older intervals are the collector's to store. An incident that is still open
/// keeps its time, up to ten times as long.
pub const RETENTION_DAYS: i64 = 40;

const DAY_MS: i64 = 86_400_000;

/// What could not be taken in, counted since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Observations of what is already settled; only a replay of the journal takes them in.
    pub too_late: u64,
    /// Observations dated ahead, beyond [`MAX_AHEAD`].
    pub too_many_ahead: u64,
    /// Rounds dated before 1970 or after 2109.
    pub misdated: u64,
    /// Observations of what the inventory does not have.
    pub unknown: u64,
}

/// An observation that is understood: names are places, outcomes are decided.
#[derive(Debug, Clone, PartialEq)]
enum Noted {
    Round { vantage: Place, about: About, round: Kept },
    Delivery { site: usize, delivery: Kept, boot_at: Option<Timestamp> },
    Answer { at: Timestamp, about: About, boot_at: Option<Timestamp>, links: Vec<(u32, Oper)> },
    Downtime(Span),
}

impl Noted {
    fn at(&self) -> Timestamp {
        match self {
            Noted::Round { round, .. } => round.at(),
            Noted::Delivery { delivery, .. } => delivery.at(),
            Noted::Answer { at, .. } => *at,
            Noted::Downtime(span) => span.from,
        }
    }
}

/// The live timeline of a network.
#[derive(Debug)]
pub struct Live {
    places: Places,
    /// When each site is under maintenance, and every moment at which that or a `since` changes something.
    moments: Vec<Timestamp>,
    from: Option<Timestamp>,
    series: Vec<(Place, About, Series)>,
    index: HashMap<(Place, About), usize>,
    /// Of each series, whether the last judgement made something of its silence.
    presumed: Vec<bool>,
    /// Until when an answer could have an incident told earlier than it was.
    waited_until: Option<Timestamp>,
    /// The series of each site's own agent.
    own: Vec<Vec<usize>>,
    boots: Vec<Boots>,
    links: BTreeMap<(usize, u32, u32), LinkMemory>,
    downtimes: Vec<Span>,
    ahead: Vec<Noted>,
    /// Rounds that proved power during an outage, by site: kept when the rounds no longer are.
    powered: Vec<BTreeSet<Timestamp>>,
    counters: Counters,
    judged: Judgement,
    revision: u64,
    changed: bool,
    /// The incidents of each root, by their number in the last judgement.
    rooted: Vec<Vec<usize>>,
    /// Sites whose incidents may have another cause by what arrived.
    recause: BTreeSet<usize>,
    deadlines: BinaryHeap<Reverse<(Timestamp, usize)>>,
    next: Option<Timestamp>,
}

impl Live {
    /// A timeline of which nothing is known yet.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        let places = Places::of(network);
        let windows = marks(&places).into_iter().flatten().flat_map(|span| [span.from, span.to]);
        let mut moments: Vec<_> = windows.chain(places.sites.iter().filter_map(|spot| spot.since)).collect();
        moments.sort_unstable();
        moments.dedup();
        let sites = places.sites.len();
        Live {
            places,
            moments,
            from: None,
            series: Vec::new(),
            index: HashMap::new(),
            presumed: Vec::new(),
            waited_until: None,
            own: vec![Vec::new(); sites],
            boots: vec![Boots::default(); sites],
            links: BTreeMap::new(),
            downtimes: Vec::new(),
            ahead: Vec::new(),
            powered: vec![BTreeSet::new(); sites],
            counters: Counters::default(),
            judged: Judgement { until: Timestamp::MIN, ..Judgement::default() },
            revision: 0,
            changed: true,
            rooted: vec![Vec::new(); sites],
            recause: BTreeSet::new(),
            deadlines: BinaryHeap::new(),
            next: None,
        }
    }

    /// Takes an observation. One that is already known changes nothing.
    pub fn observe(&mut self, observation: &Observation) {
        match self.understand(observation) {
            Some(noted) if noted.at() < self.judged.until => self.take(noted),
            Some(_) if self.ahead.len() >= MAX_AHEAD => self.counters.too_many_ahead += 1,
            Some(noted) => self.ahead.push(noted),
            None => {}
        }
    }

    /// What is known at `now`. Cheap when nothing happened since the last time. Time never runs backwards: an earlier
    /// `now` than the last one counts as the last one.
    pub fn judge(&mut self, now: Timestamp) -> &Judgement {
        let now = now.max(self.judged.until);
        self.take_what_is_due(now);
        if self.changed || self.from.is_none() || self.is_due(now) {
            self.judge_anew(now);
        } else {
            self.extend(now);
        }
        self.judge_causes();
        &self.judged
    }

    /// Grows whenever a judgement may differ from the one before by more than its end.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What could not be taken in.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn understand(&mut self, observation: &Observation) -> Option<Noted> {
        let places = &self.places;
        let (noted, known) = match observation {
            Observation::Round(round) => {
                let found = places.place_of(&round.vantage).zip(places.subject(&round.target));
                let noted = found.and_then(|(vantage, about)| {
                    let sample = Sample::new(round.at, round.sent, &mut round.rtts_us.clone());
                    let outcome = sample.outcome(places.limits(about));
                    let round = Kept::new(round.at, round.rtts_us.len(), round.sent, outcome)?;
                    Some(Noted::Round { vantage, about, round })
                });
                (noted, found.is_some())
            }
            Observation::Heartbeat(heartbeat) => {
                let site = places.site(&heartbeat.agent);
                let noted = site.and_then(|site| {
                    let delivery = Kept::new(heartbeat.at, 1, 1, crate::round::Outcome::Good)?;
                    Some(Noted::Delivery { site, delivery, boot_at: heartbeat.boot_at })
                });
                (noted, site.is_some())
            }
            Observation::Snmp(answer) => {
                let about = places.place_of(&answer.vantage).and(places.target(&answer.site, &answer.target));
                let noted = about.and_then(|about| {
                    let target = &places.sites[about.site()?].targets[about.position()? as usize];
                    let links = (0..).zip(&target.links);
                    let links =
                        links.filter_map(|(k, link)| Some((k, told(&link.interface, &answer.interfaces)?)));
                    Some(Noted::Answer {
                        at: answer.at,
                        about,
                        boot_at: answer.boot_at,
                        links: links.collect(),
                    })
                });
                (noted, about.is_some())
            }
            Observation::CollectorDown(down) => (Some(Noted::Downtime(Span::new(down.from, down.to))), true),
        };
        match (known, &noted) {
            (false, _) => self.counters.unknown += 1,
            (true, None) => self.counters.misdated += 1,
            _ => {}
        }
        noted
    }

    fn take_what_is_due(&mut self, now: Timestamp) {
        let mut due: Vec<Noted> = self.ahead.extract_if(.., |noted| noted.at() < now).collect();
        due.sort_by_key(Noted::at);
        due.into_iter().for_each(|noted| self.take(noted));
    }

    fn take(&mut self, noted: Noted) {
        let at = noted.at();
        let arrival = match noted {
            Noted::Round { vantage, about, round } => {
                let arrival = self.push(vantage, about, round);
                if let Some(site) = vantage.site().filter(|_| arrival != Arrival::TooLate) {
                    self.measured_at(site, at);
                }
                arrival
            }
            Noted::Delivery { site, delivery, boot_at } => {
                let arrival = self.push(Place::CORE, About::agent(site), delivery);
                self.booted(site, boot_at, at);
                arrival
            }
            Noted::Answer { about, boot_at, links, .. } => {
                let (Some(site), Some(position)) = (about.site(), about.position()) else { return };
                if position == 0 {
                    self.booted(site, boot_at, at);
                }
                let mut arrival = Arrival::Quiet;
                for (link, oper) in links {
                    let memory = self.links.entry((site, position, link)).or_default();
                    arrival = match (arrival, memory.take(at, oper)) {
                        (Arrival::Quiet, new) => new,
                        (Arrival::TooLate, Arrival::Changed) => Arrival::Changed,
                        (before, _) => before,
                    };
                }
                arrival
            }
            Noted::Downtime(span) => return self.was_down(span),
        };
        match arrival {
            Arrival::TooLate => {
                self.counters.too_late += 1;
                return;
            }
            Arrival::Changed => self.changed = true,
            Arrival::Quiet => {}
        }
        if self.from.is_none_or(|from| at < from) {
            self.from = Some(at);
            self.changed = true;
        }
    }

    fn push(&mut self, vantage: Place, about: About, round: Kept) -> Arrival {
        let next = self.series.len();
        let ix = *self.index.entry((vantage, about)).or_insert(next);
        if ix == next {
            let deliveries = matches!(about, About::Agent(_));
            let series = if deliveries { Series::of_deliveries() } else { Series::of_rounds() };
            self.series.push((vantage, about, series));
            if let Some(site) = vantage.site() {
                self.own[site].push(ix);
            }
            self.changed = true;
        }
        let folding = folding(&self.places, &self.downtimes, vantage, about);
        let waited = self.waited_until.is_some_and(|until| round.at() < until);
        match self.series[ix].2.take(round, &folding) {
            Arrival::Quiet if waited || self.presumed.get(ix).is_none_or(|presumed| *presumed) => {
                Arrival::Changed
            }
            arrival => arrival,
        }
    }

    fn was_down(&mut self, span: Span) {
        let before = self.downtimes.clone();
        self.downtimes.push(span);
        self.downtimes = joined(std::mem::take(&mut self.downtimes));
        if self.downtimes != before {
            self.changed = true;
            for (vantage, _, series) in &mut self.series {
                if *vantage == Place::CORE {
                    series.tear();
                }
            }
        }
    }

    fn booted(&mut self, site: usize, boot_at: Option<Timestamp>, seen_at: Timestamp) {
        let Some(boot) = boot_at else { return };
        let before = self.boots[site].note(boot, seen_at);
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
        self.rooted[site].iter().map(|at| &self.judged.incidents[*at])
    }

    /// Whether the mere passing of time may have changed something by `now`.
    fn is_due(&mut self, now: Timestamp) -> bool {
        if self.next.is_some_and(|next| next <= now) {
            return true;
        }
        while let Some(Reverse((at, ix))) = self.deadlines.peek().copied().filter(|due| due.0.0 <= now) {
            self.deadlines.pop();
            let (vantage, about, series) = &self.series[ix];
            let folding = folding(&self.places, &self.downtimes, *vantage, *about);
            // Rounds that came since have put it off.
            match series.until(plus(at, -1), &folding).deadline {
                Some(later) if later > now => self.deadlines.push(Reverse((later, ix))),
                _ => return true,
            }
        }
        false
    }

    fn judge_anew(&mut self, now: Timestamp) {
        self.forget(now);
        for (vantage, about, series) in &mut self.series {
            series.mend(&folding(&self.places, &self.downtimes, *vantage, *about));
        }
        let mut deadlines = Vec::with_capacity(self.series.len());
        let mut tracks = Vec::with_capacity(self.series.len());
        let mut presumed = Vec::with_capacity(self.series.len());
        for (ix, (vantage, about, series)) in self.series.iter().enumerate() {
            let seen = series.until(now, &folding(&self.places, &self.downtimes, *vantage, *about));
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
        let untold = judged.incidents.iter().any(|incident| incident.told_at.is_none());
        let down = self.downtimes.last().is_some_and(|down| down.to >= now);
        let known = self.moments.partition_point(|moment| *moment < now);
        let moment = self.moments.get(known).map(|moment| plus(*moment, 1));
        let soon = (untold || down).then(|| plus(now, 1));
        others.filter(|at| *at > now).chain(moment).chain(soon).min()
    }

    /// Nothing happened: what is open goes on.
    fn extend(&mut self, now: Timestamp) {
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

    fn judge_causes(&mut self) {
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
        self.from = Some(cut);
        self.series.iter_mut().for_each(|(_, _, series)| series.forget(cut));
        self.links.values_mut().for_each(|link| link.forget(cut));
        self.boots.iter_mut().for_each(|boots| boots.forget(cut));
        self.powered.iter_mut().for_each(|rounds| *rounds = rounds.split_off(&cut));
        self.downtimes.retain(|down| down.to > cut);
    }
}

/// What a piece of evidence is folded with.
fn folding<'a>(places: &'a Places, downtimes: &'a [Span], vantage: Place, about: About) -> Folding<'a> {
    Folding { pace: places.pace(about), downtimes, bridged: places.bridged(vantage, about) }
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
