//! The contract a second time: slow, literal, sentence by sentence, sharing nothing with the crate but the vocabulary.
//!
//! States are looked up instant by instant at every moment at which anything can change. What it and the crate agree
//! on, two readings of the same text agree on.

use std::collections::{BTreeMap, BTreeSet};

use kentongan_model::{
    id::{SiteId, Subject, Vantage},
    inventory::{Network, Role, Settings, Site},
    observation::{Observation, Oper, Round},
    state::{Kind, State},
};
use serde_json::{Map, Value, json};

type Ms = i64;
const FOREVER: Ms = i64::MAX / 4;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Went {
    Failed,
    Poor,
    Good,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Of {
    Agent(SiteId),
    Target(Subject),
}

/// [from, to) state: the whole life of one piece of evidence.
type Life = Vec<(Ms, Ms, State)>;

struct Evidence {
    vantage: Vantage,
    of: Of,
    interval: Ms,
    life: Life,
}

fn at(life: &Life, t: Ms) -> State {
    life.iter().find(|(from, to, _)| *from <= t && t < *to).map_or(State::Unknown, |part| part.2)
}

/// From the automaton to the life of evidence.
fn live(
    rounds: &[(Ms, Went)],
    interval: Ms,
    settings: &Settings,
    bridge: Option<&[(Ms, Ms)]>,
    now: Ms,
) -> Life {
    let stale = 3 * interval;
    // Between silences.
    let mut runs: Vec<Vec<(Ms, Went)>> = Vec::new();
    for round in rounds {
        match runs.last_mut() {
            Some(run) if round.0 - run.last().unwrap().0 <= stale => run.push(*round),
            _ => runs.push(vec![*round]),
        }
    }
    // Each run on its own: what was confirmed, and from when.
    let confirmed: Vec<Vec<(Ms, State)>> = runs.iter().map(|run| confirm(run, settings)).collect();
    let mut marks: Vec<(Ms, State)> = Vec::new();
    for (k, run) in runs.iter().enumerate() {
        marks.extend(&confirmed[k]);
        let last = run.last().unwrap().0;
        let next = runs.get(k + 1).map_or(now, |run| run[0].0);
        if next - last <= stale {
            continue;
        }
        marks.push((last + interval, State::Unknown));
        let (Some(bridge), Some((_, before))) = (bridge, confirmed[k].last()) else { continue };
        // The first state that is confirmed after it, and every silence on the way there.
        let Some(behind) = (k + 1..runs.len()).find(|later| !confirmed[*later].is_empty()) else { continue };
        let all_explained = (k..behind).all(|silence| {
            let (from, to) = (runs[silence].last().unwrap().0, runs[silence + 1][0].0);
            let down: Ms = bridge.iter().map(|(f, t)| (to.min(*t) - from.max(*f)).max(0)).sum();
            to - from - down <= stale
        });
        let after = confirmed[behind][0].1;
        if all_explained && (after == *before || after.serves() && before.serves()) {
            let state = if after.serves() { State::Up } else { after };
            let begin = confirmed[behind][0].0;
            marks.push((last + interval, state));
            // Silences within the stretch are part of it.
            for run in &runs[k + 1..behind] {
                let inner = run.last().unwrap().0 + interval;
                if inner < begin {
                    marks.push((inner, state));
                }
            }
        }
    }
    // Later marks at the same moment win; inner silences of an unbridged stretch stay unknown.
    let mut by_time: BTreeMap<Ms, State> = BTreeMap::new();
    let mut bridged: BTreeMap<Ms, State> = BTreeMap::new();
    for (t, state) in marks {
        if state == State::Unknown {
            by_time.entry(t).or_insert(state);
        } else if by_time.get(&t) == Some(&State::Unknown) {
            bridged.insert(t, state);
        } else {
            by_time.insert(t, state);
        }
    }
    let mut inner: Vec<(Ms, State)> = by_time.into_iter().collect();
    for (t, state) in &mut inner {
        if let Some(kept) = bridged.get(t) {
            *state = *kept;
        }
    }
    let first_up = inner.iter().filter(|(_, state)| state.serves()).map(|(t, _)| *t).min().unwrap_or(FOREVER);
    inner.dedup_by_key(|mark| mark.1);
    let ends: Vec<Ms> = inner.iter().skip(1).map(|(t, _)| *t).chain([FOREVER]).collect();
    inner
        .iter()
        .zip(ends)
        .filter(|((t, _), _)| *t >= first_up)
        .map(|((t, state), end)| (*t, end, *state))
        .collect()
}

fn confirm(run: &[(Ms, Went)], settings: &Settings) -> Vec<(Ms, State)> {
    let trailing = |upto: usize, fits: &dyn Fn(Went) -> bool| {
        let count = run[..=upto].iter().rev().take_while(|round| fits(round.1)).count();
        (count, run[upto + 1 - count.max(1)].0)
    };
    let (down_after, up_after) = (settings.down_after as usize, settings.up_after as usize);
    let mut state = State::Unknown;
    let mut told = Vec::new();
    for k in 0..run.len() {
        let failed = trailing(k, &|went| went == Went::Failed);
        let answered = trailing(k, &|went| went != Went::Failed);
        let poor = trailing(k, &|went| went == Went::Poor);
        let good = trailing(k, &|went| went == Went::Good);
        if failed.0 >= down_after && state != State::Down {
            state = State::Down;
            told.push((failed.1, state));
        }
        if answered.0 >= up_after && !state.serves() {
            state = State::Up;
            told.push((answered.1, state));
        }
        if state == State::Up && poor.0 >= down_after {
            state = State::Degraded;
            told.push((poor.1, state));
        } else if state == State::Degraded && good.0 >= up_after {
            state = State::Up;
            told.push((good.1, state));
        }
    }
    told
}

fn went(round: &Round, settings: &Settings) -> Went {
    if round.rtts_us.is_empty() {
        return Went::Failed;
    }
    let lost = f64::from(round.sent) - round.rtts_us.len() as f64;
    let slow = settings.rtt_warn.is_some_and(|warn| median(round) >= warn.as_micros() as f64);
    if 100.0 * lost / f64::from(round.sent) >= settings.loss_warn || slow { Went::Poor } else { Went::Good }
}

fn median(round: &Round) -> f64 {
    let mut rtts: Vec<f64> = round.rtts_us.iter().map(|rtt| f64::from(*rtt)).collect();
    rtts.sort_by(f64::total_cmp);
    match rtts.len() {
        0 => 0.0,
        n if n % 2 == 1 => rtts[n / 2],
        n => f64::midpoint(rtts[n / 2 - 1], rtts[n / 2]),
    }
}

fn join(mut spans: Vec<(Ms, Ms)>) -> Vec<(Ms, Ms)> {
    spans.retain(|(from, to)| from < to);
    spans.sort_unstable();
    let mut joined: Vec<(Ms, Ms)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn inside(spans: &[(Ms, Ms)], t: Ms) -> bool {
    spans.iter().any(|(from, to)| *from <= t && t < *to)
}

/// Deliveries and what the collector supplies for those that are overdue.
fn heartbeats(deliveries: &BTreeSet<Ms>, downtimes: &[(Ms, Ms)], report: Ms, now: Ms) -> Vec<(Ms, Went)> {
    let mut rounds: Vec<(Ms, Went)> = deliveries.iter().map(|t| (*t, Went::Good)).collect();
    let Some(first) = deliveries.first() else { return rounds };
    let mut anchors: BTreeSet<Ms> = deliveries.iter().copied().filter(|t| !inside(downtimes, *t)).collect();
    anchors.extend(downtimes.iter().map(|(_, to)| *to).filter(|to| to >= first));
    for anchor in &anchors {
        for k in 1.. {
            let due = anchor + k * report;
            let before_limit = |limit: Ms| 2 * due + report < 2 * limit;
            let delivered = deliveries.range(anchor + 1..).next().is_some_and(|next| !before_limit(*next));
            let returned = downtimes.iter().any(|(from, _)| from >= anchor && !before_limit(*from));
            if !before_limit(now) || delivered || returned {
                break;
            }
            rounds.push((due, Went::Failed));
        }
    }
    rounds.sort_unstable_by_key(|round| round.0);
    rounds
}

struct World<'a> {
    network: &'a Network,
    now: Ms,
    from: Ms,
    evidence: Vec<Evidence>,
    blind: Vec<(Ms, Ms)>,
    /// (site, target, link interface) → what answers told.
    told: BTreeMap<(SiteId, usize, String), BTreeMap<Ms, bool>>,
    boots: Vec<(SiteId, Ms, Ms)>,
    measured: Vec<(SiteId, Ms)>,
}

/// The document that a replay has to print.
pub(crate) fn document(network: &Network, observations: &[Observation], now: Ms) -> Value {
    let world = gather(network, observations, now);
    let mut timelines: BTreeMap<SiteId, Vec<Stay>> = BTreeMap::new();
    let mut waiting: Vec<&Site> = network.sites.iter().collect();
    while !waiting.is_empty() {
        let ready = waiting
            .iter()
            .position(|site| site.upstream.iter().all(|up| timelines.contains_key(up)))
            .unwrap();
        let site = waiting.remove(ready);
        let timeline = world.timeline(site, &timelines);
        timelines.insert(site.id.clone(), timeline);
    }
    world.tell(&timelines)
}

fn gather<'a>(network: &'a Network, observations: &[Observation], now: Ms) -> World<'a> {
    let site = |id: &SiteId| network.sites.iter().find(|site| site.id == *id);
    let known = |vantage: &Vantage| vantage.site().is_none_or(|id| site(id).is_some());
    let mut from = now;
    let mut rounds: BTreeMap<(Vantage, Subject), BTreeMap<Ms, Round>> = BTreeMap::new();
    let mut deliveries: BTreeMap<SiteId, BTreeSet<Ms>> = BTreeMap::new();
    let mut downtimes = Vec::new();
    let (mut told, mut boots, mut measured) = (BTreeMap::new(), Vec::new(), Vec::new());
    for observation in observations {
        match observation {
            Observation::Round(round) => {
                let t = round.at.as_millis();
                let has = match &round.target {
                    Subject::Target { site: id, target } => {
                        site(id).is_some_and(|site| site.targets.iter().any(|one| one.id == *target))
                    }
                    Subject::Reference(address) => network.references.contains(address),
                };
                if !known(&round.vantage) || !has || t >= now {
                    continue;
                }
                from = from.min(t);
                measured.extend(round.vantage.site().map(|id| (id.clone(), t)));
                let series = rounds.entry((round.vantage.clone(), round.target.clone())).or_default();
                let better = series.get(&t).is_none_or(|other| {
                    let key = |round: &Round| (round.rtts_us.len(), -i64::from(round.sent), -median(round));
                    key(round) > key(other)
                });
                if better {
                    series.insert(t, round.clone());
                }
            }
            Observation::Heartbeat(beat) => {
                let t = beat.at.as_millis();
                if site(&beat.agent).is_some() && t < now {
                    from = from.min(t);
                    deliveries.entry(beat.agent.clone()).or_default().insert(t);
                    boots.extend(beat.boot_at.map(|boot| (beat.agent.clone(), boot.as_millis(), t)));
                }
            }
            Observation::Snmp(answer) => {
                let t = answer.at.as_millis();
                let place = site(&answer.site).filter(|_| known(&answer.vantage) && t < now);
                let target =
                    place.and_then(|site| site.targets.iter().position(|one| one.id == answer.target));
                let (Some(place), Some(target)) = (place, target) else { continue };
                from = from.min(t);
                if target == 0 {
                    boots.extend(answer.boot_at.map(|boot| (place.id.clone(), boot.as_millis(), t)));
                }
                for link in &place.targets[target].links {
                    for interface in &answer.interfaces {
                        let meant = Some(&link.interface);
                        if interface.name.as_ref() != meant && interface.alias.as_ref() != meant {
                            continue;
                        }
                        let Some(oper) = interface.oper else { continue };
                        let key = (place.id.clone(), target, link.interface.clone());
                        let tellings: &mut BTreeMap<Ms, bool> = told.entry(key).or_default();
                        let dark = oper == Oper::Down;
                        *tellings.entry(t).or_insert(dark) |= dark;
                    }
                }
            }
            Observation::CollectorDown(down) => {
                let (begin, end) = (down.from.as_millis(), down.to.as_millis());
                if begin < now {
                    downtimes.push((begin, end.min(now)));
                }
            }
        }
    }
    let downtimes = join(downtimes);
    let mut evidence = Vec::new();
    for ((vantage, subject), series) in rounds {
        let (settings, near) = match &subject {
            Subject::Target { site: id, .. } => {
                (&site(id).unwrap().settings, site(id).unwrap().upstream.is_empty())
            }
            Subject::Reference(_) => (&network.defaults, true),
        };
        let interval = settings.interval.as_millis() as Ms;
        let bridge = (vantage == Vantage::Core && near).then_some(&downtimes[..]);
        let list: Vec<(Ms, Went)> = series.iter().map(|(t, round)| (*t, went(round, settings))).collect();
        let life = live(&list, interval, settings, bridge, now);
        evidence.push(Evidence { vantage, of: Of::Target(subject), interval, life });
    }
    for (id, times) in deliveries {
        let place = site(&id).unwrap();
        let interval = place.settings.report_interval.as_millis() as Ms;
        let list = heartbeats(&times, &downtimes, interval, now);
        let bridge = place.upstream.is_empty().then_some(&downtimes[..]);
        let life = live(&list, interval, &place.settings, bridge, now);
        evidence.push(Evidence { vantage: Vantage::Core, of: Of::Agent(id), interval, life });
    }
    let blind = blindness(&evidence, now);
    for one in &mut evidence {
        if one.vantage == Vantage::Core && !matches!(one.of, Of::Target(Subject::Reference(_))) {
            one.life = veil(&one.life, 2 * one.interval, &blind);
        }
    }
    World { network, now, from, evidence, blind, told, boots, measured }
}

fn blindness(evidence: &[Evidence], now: Ms) -> Vec<(Ms, Ms)> {
    let references: Vec<&Evidence> = evidence
        .iter()
        .filter(|one| one.vantage == Vantage::Core && matches!(one.of, Of::Target(Subject::Reference(_))))
        .collect();
    let moments: BTreeSet<Ms> = references
        .iter()
        .flat_map(|one| one.life.iter().flat_map(|part| [part.0, part.1]))
        .chain([now])
        .collect();
    let is_blind = |t: Ms| {
        let answered: Vec<_> =
            references.iter().filter(|one| one.life.first().is_some_and(|part| part.0 <= t)).collect();
        !answered.is_empty() && answered.iter().all(|one| at(&one.life, t) == State::Down)
    };
    let list: Vec<Ms> = moments.into_iter().collect();
    join(list.windows(2).filter(|pair| is_blind(pair[0])).map(|pair| (pair[0], pair[1])).collect())
}

fn veil(life: &Life, near: Ms, blind: &[(Ms, Ms)]) -> Life {
    let mut hidden = Vec::new();
    for (k, (from, to, state)) in life.iter().enumerate() {
        if *state != State::Down {
            continue;
        }
        let recovers = life.get(k + 1).is_some_and(|next| next.2.serves());
        for (begin, end) in blind {
            if from <= begin && begin < to && begin - from <= near {
                hidden.push((*from, *end.min(to)));
            }
            if from < end && end < to && recovers && to - end <= near {
                hidden.push((*end, *to));
            }
        }
    }
    let hidden = join(hidden);
    let moments: BTreeSet<Ms> = life
        .iter()
        .flat_map(|part| [part.0, part.1])
        .chain(hidden.iter().flat_map(|span| [span.0, span.1]))
        .collect();
    let list: Vec<Ms> = moments.into_iter().collect();
    let state = |t| if inside(&hidden, t) { State::Unknown } else { at(life, t) };
    list.windows(2).map(|pair| (pair[0], pair[1], state(pair[0]))).collect()
}

#[derive(Clone, PartialEq, Debug)]
struct Stay {
    state: State,
    from: Ms,
    to: Ms,
    roots: BTreeSet<SiteId>,
}

fn merge(stays: Vec<Stay>) -> Vec<Stay> {
    let mut merged: Vec<Stay> = Vec::new();
    for stay in stays.into_iter().filter(|stay| stay.from < stay.to) {
        match merged.last_mut() {
            Some(last) if last.state == stay.state && last.roots == stay.roots => last.to = stay.to,
            _ => merged.push(stay),
        }
    }
    merged
}

fn stay_at(timeline: &[Stay], t: Ms) -> Option<&Stay> {
    timeline.iter().find(|stay| stay.from <= t && t < stay.to)
}

impl World<'_> {
    fn site(&self, id: &SiteId) -> &Site {
        self.network.sites.iter().find(|site| site.id == *id).unwrap()
    }

    /// The two different places that evidence is between.
    fn between(&self, one: &Evidence) -> Option<(Vantage, Vantage)> {
        let far = match &one.of {
            Of::Agent(id) => id.clone(),
            Of::Target(Subject::Target { site, target }) if self.site(site).targets[0].id == *target => {
                site.clone()
            }
            Of::Target(_) => return None,
        };
        let far = Vantage::Site(far);
        (far != one.vantage).then(|| (one.vantage.clone(), far))
    }

    fn connected(&self, t: Ms) -> BTreeSet<Vantage> {
        let mut reached = BTreeSet::from([Vantage::Core]);
        loop {
            let before = reached.len();
            for one in self.evidence.iter().filter(|one| at(&one.life, t).serves()) {
                let Some((a, b)) = self.between(one) else { continue };
                if reached.contains(&a) || reached.contains(&b) {
                    reached.extend([a, b]);
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }

    fn downstream(&self, low: &Vantage, high: &SiteId) -> bool {
        let Some(low) = low.site() else { return false };
        self.site(low)
            .upstream
            .iter()
            .any(|up| up == high || self.downstream(&Vantage::Site(up.clone()), high))
    }

    fn link_down(&self, site: &SiteId, t: Ms) -> bool {
        self.told.iter().filter(|((of, _, _), _)| of == site).any(|(_, tellings)| {
            tellings.range(..=t).next_back().is_some_and(|(when, dark)| *dark && t < when + 15 * 60_000)
        })
    }

    fn verdict(
        &self,
        site: &Site,
        t: Ms,
        timelines: &BTreeMap<SiteId, Vec<Stay>>,
    ) -> (State, BTreeSet<SiteId>) {
        let none = BTreeSet::new();
        if inside(&self.blind, t) {
            return (State::Unknown, none);
        }
        let connected = self.connected(t);
        let here = Vantage::Site(site.id.clone());
        let is_connected = connected.contains(&here);
        let ups: Vec<_> = site.upstream.iter().map(|up| (up, stay_at(&timelines[up], t))).collect();
        let cut =
            !ups.is_empty() && ups.iter().all(|(up, _)| !connected.contains(&Vantage::Site((*up).clone())));
        let mut roots = BTreeSet::new();
        for (up, stay) in &ups {
            match stay.map(|stay| stay.state) {
                Some(State::Down) => roots.extend([(*up).clone()]),
                Some(State::Unreachable) => roots.extend(stay.unwrap().roots.iter().cloned()),
                _ => {}
            }
        }
        if !is_connected && cut && !roots.is_empty() {
            return (State::Unreachable, roots);
        }
        let seen = |position: usize| {
            let name = Subject::Target { site: site.id.clone(), target: site.targets[position].id.clone() };
            let all = self.evidence.iter().filter(move |one| one.of == Of::Target(name.clone()));
            all.map(|one| at(&one.life, t)).collect::<Vec<_>>()
        };
        let aps: Vec<usize> =
            (0..site.targets.len()).filter(|k| site.targets[*k].role == Some(Role::Ap)).collect();
        let ap_down =
            |k: &usize| seen(*k).contains(&State::Down) && !seen(*k).iter().any(|state| state.serves());
        if site.kind == Kind::Hotspot && !aps.is_empty() && aps.iter().all(ap_down) {
            return (State::Down, none);
        }
        let mine: Vec<(State, bool, Vantage)> = self
            .evidence
            .iter()
            .filter_map(|one| {
                let (a, b) = self.between(one)?;
                let peer = if a == here {
                    b.clone()
                } else if b == here {
                    a
                } else {
                    return None;
                };
                connected.contains(&peer).then(|| (at(&one.life, t), matches!(one.of, Of::Agent(_)), peer))
            })
            .collect();
        if is_connected {
            let beside: Vec<_> =
                mine.iter().filter(|(_, _, peer)| !self.downstream(peer, &site.id)).collect();
            let edges: Vec<State> = beside
                .iter()
                .filter(|(state, beat, _)| state.serves() && !beat)
                .map(|(state, _, _)| *state)
                .collect();
            let degraded = !edges.is_empty() && edges.iter().all(|state| *state == State::Degraded)
                || beside.iter().any(|(state, _, _)| *state == State::Down)
                || (1..site.targets.len()).any(|k| seen(k).contains(&State::Down))
                || self.link_down(&site.id, t);
            return (if degraded { State::Degraded } else { State::Up }, none);
        }
        let down = mine.iter().any(|(state, _, _)| *state == State::Down);
        (if down { State::Down } else { State::Unknown }, none)
    }

    fn timeline(&self, site: &Site, timelines: &BTreeMap<SiteId, Vec<Stay>>) -> Vec<Stay> {
        let mut moments: BTreeSet<Ms> = [self.from, self.now].into();
        moments
            .extend(self.evidence.iter().flat_map(|one| one.life.iter().flat_map(|part| [part.0, part.1])));
        moments.extend(self.blind.iter().flat_map(|span| [span.0, span.1]));
        moments.extend(self.told.values().flat_map(|told| told.keys().flat_map(|t| [*t, t + 15 * 60_000])));
        moments.extend(timelines.values().flatten().flat_map(|stay| [stay.from, stay.to]));
        let list: Vec<Ms> = moments.into_iter().filter(|t| self.from <= *t && *t <= self.now).collect();
        let raw = merge(
            list.windows(2)
                .map(|pair| {
                    let (state, roots) = self.verdict(site, pair[0], timelines);
                    Stay { state, from: pair[0], to: pair[1], roots }
                })
                .collect(),
        );
        let lost: Vec<(Ms, Ms)> = join(
            list.windows(2)
                .filter(|pair| {
                    let connected = self.connected(pair[0]);
                    site.upstream.iter().all(|up| !connected.contains(&Vantage::Site(up.clone())))
                })
                .map(|pair| (pair[0], pair[1]))
                .collect(),
        );
        self.correlate(site, raw, &lost)
    }

    fn correlate_ms(&self, site: &Site) -> Ms {
        let mut slowest = 0;
        for one in site.upstream.iter().map(|up| self.site(up)).chain([site]) {
            slowest = slowest.max(one.settings.interval.as_millis() as Ms);
            if one.agent {
                slowest = slowest.max(one.settings.report_interval.as_millis() as Ms);
            }
        }
        2 * slowest
    }

    fn correlate(&self, site: &Site, raw: Vec<Stay>, lost: &[(Ms, Ms)]) -> Vec<Stay> {
        let limit = self.correlate_ms(site);
        let cut = |stay: Option<&Stay>| {
            stay.filter(|stay| stay.state == State::Unreachable).map(|stay| stay.roots.clone())
        };
        let mut now = raw;
        for rule in 1..=3 {
            let before = now.clone();
            for k in 0..before.len() {
                let stay = &before[k];
                let (left, right) = (cut(k.checked_sub(1).map(|k| &before[k])), cut(before.get(k + 1)));
                let short = stay.to - stay.from <= limit;
                let roots = match (rule, stay.state) {
                    (1, State::Unknown) if short => left.or(right),
                    (2, State::Down) if short => left,
                    (3, State::Down) => right.filter(|_| {
                        // When, for this cut, the upstreams were lost.
                        let when = lost.iter().find(|(_, to)| *to > stay.to).map(|span| span.0);
                        when.is_some_and(|when| stay.from >= when - limit)
                    }),
                    _ => None,
                };
                if let Some(roots) = roots {
                    now[k].state = State::Unreachable;
                    now[k].roots = roots;
                }
            }
            now = merge(now);
        }
        now
    }

    fn under_maintenance(&self, site: &SiteId, t: Ms) -> bool {
        let own =
            self.network.maintenance.iter().any(|window| {
                window.site == *site && window.from.as_millis() <= t && t < window.to.as_millis()
            });
        let ups = &self.site(site).upstream;
        own || !ups.is_empty() && ups.iter().all(|up| self.under_maintenance(up, t))
    }

    fn tell(&self, timelines: &BTreeMap<SiteId, Vec<Stay>>) -> Value {
        let mut sites = Map::new();
        let mut groups: BTreeMap<String, Vec<(&Site, [Ms; 5])>> = BTreeMap::new();
        let mut cut_lines: BTreeMap<SiteId, Vec<Stay>> = BTreeMap::new();
        for (id, timeline) in timelines {
            let site = self.site(id);
            let begin = site.since.map_or(self.from, |since| since.as_millis().max(self.from));
            let cut: Vec<Stay> = timeline
                .iter()
                .map(|stay| Stay { from: stay.from.max(begin), ..stay.clone() })
                .filter(|s| s.from < s.to)
                .collect();
            let (figures, sums) = self.figures(site, &cut, begin);
            let shown: Vec<Value> = cut.iter().map(show).collect();
            let marks: Vec<Value> = self
                .marks(id, begin)
                .iter()
                .map(|(from, to)| json!({"from": time(*from), "to": time(*to)}))
                .collect();
            sites.insert(id.to_string(), json!({"timeline": shown, "maintenance": marks, "uptime": figures}));
            let mut keys = vec!["network".to_owned(), format!("kind:{}", site.kind)];
            keys.extend(site.provider.as_ref().map(|provider| format!("provider:{provider}")));
            let parts: Vec<&str> =
                site.region.as_ref().map_or(vec![], |code| code.as_str().split('.').collect());
            keys.extend((parts.len() >= 3).then(|| format!("kecamatan:{}", parts[..3].join("."))));
            for key in keys {
                groups.entry(key).or_default().push((site, sums));
            }
            cut_lines.insert(id.clone(), cut);
        }
        let groups: Map<String, Value> =
            groups.into_iter().map(|(key, sites)| (key, group(&sites))).collect();
        json!({
            "network": self.network.name, "from": time(self.from), "until": time(self.now),
            "sites": sites, "groups": groups, "incidents": self.incidents(&cut_lines),
        })
    }

    fn marks(&self, id: &SiteId, begin: Ms) -> Vec<(Ms, Ms)> {
        let windows = self.network.maintenance.iter().flat_map(|w| [w.from.as_millis(), w.to.as_millis()]);
        let moments: BTreeSet<Ms> =
            windows.filter(|t| begin < *t && *t < self.now).chain([begin, self.now]).collect();
        let list: Vec<Ms> = moments.into_iter().collect();
        join(
            list.windows(2)
                .filter(|pair| self.under_maintenance(id, pair[0]))
                .map(|pair| (pair[0], pair[1]))
                .collect(),
        )
        .into_iter()
        .filter(|_| begin < self.now)
        .collect()
    }

    /// Up, down, unreachable, unknown, maintenance.
    fn figures(&self, site: &Site, timeline: &[Stay], begin: Ms) -> (Value, [Ms; 5]) {
        let marks = self.marks(&site.id, begin);
        let outside = |from: Ms, to: Ms| {
            to - from - marks.iter().map(|(f, t)| (to.min(*t) - from.max(*f)).max(0)).sum::<Ms>()
        };
        let mut sums = [0; 5];
        for stay in timeline {
            let place = match stay.state {
                State::Up | State::Degraded => 0,
                State::Down => 1,
                State::Unreachable => 2,
                State::Unknown => 3,
            };
            sums[place] += outside(stay.from, stay.to);
        }
        sums[4] = marks.iter().map(|(from, to)| to - from).sum();
        assert_eq!(sums.iter().sum::<Ms>(), (self.now - begin).max(0), "the figures add up to the period");
        let bad = timeline.iter().filter(|stay| matches!(stay.state, State::Down | State::Unreachable));
        let episodes = join(bad.map(|stay| (stay.from, stay.to)).collect());
        let lengths: Vec<Ms> =
            episodes.iter().map(|(from, to)| outside(*from, *to)).filter(|length| *length > 0).collect();
        let judged = sums[0] + sums[1] + sums[2];
        let observed = percent(judged, judged + sums[3]);
        let uptime = percent(sums[0], judged);
        let met = observed
            .filter(|observed| *observed >= 90.0)
            .and(uptime)
            .map(|uptime| uptime >= site.settings.sla);
        let mean = |sum: Ms| (!lengths.is_empty()).then(|| sum as f64 / 1000.0 / lengths.len() as f64);
        let figures = json!({
            "up_s": seconds(sums[0]), "down_s": seconds(sums[1]), "unreachable_s": seconds(sums[2]),
            "unknown_s": seconds(sums[3]), "maintenance_s": seconds(sums[4]),
            "uptime_pct": uptime, "own_uptime_pct": percent(sums[0] + sums[2], judged), "observed_pct": observed,
            "outages": lengths.len(), "mttr_s": mean(sums[1] + sums[2]).map(milli), "mtbf_s": mean(sums[0]).map(milli),
            "longest_s": seconds(lengths.iter().copied().max().unwrap_or(0)), "sla_met": met,
        });
        (figures, sums)
    }

    fn incidents(&self, timelines: &BTreeMap<SiteId, Vec<Stay>>) -> Vec<Value> {
        let mut found: Vec<(Ms, SiteId, Value)> = Vec::new();
        for (id, timeline) in timelines {
            let mut rest = timeline.iter();
            while let Some(stay) = rest.find(|stay| stay.state == State::Down) {
                let started = stay.from;
                let ended = rest.find(|stay| stay.state.serves()).map(|stay| stay.from);
                let end = ended.unwrap_or(self.now);
                let hit = |stay: &Stay| stay.roots.contains(id) && stay.from < end && started < stay.to;
                let affected: Vec<String> = timelines
                    .iter()
                    .filter(|(_, stays)| stays.iter().any(hit))
                    .map(|(id, _)| id.to_string())
                    .collect();
                let marks = self.marks(id, FOREVER.min(started));
                let wholly = marks.iter().any(|(from, to)| *from <= started && end <= *to);
                found.push((started, id.clone(), json!({
                    "root": id.to_string(), "started_at": time(started), "ended_at": ended.map(time), "affected": affected,
                    "cause": self.cause(id, started, ended), "maintenance": wholly,
                })));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        found.into_iter().map(|incident| incident.2).collect()
    }

    fn cause(&self, id: &SiteId, started: Ms, ended: Option<Ms>) -> &'static str {
        let blink = started - self.correlate_ms(self.site(id));
        let after: Vec<Ms> = self
            .boots
            .iter()
            .filter(|(site, _, seen)| site == id && ended.is_some_and(|ended| *seen >= ended))
            .map(|(_, boot, _)| *boot)
            .collect();
        let rounds = self
            .measured
            .iter()
            .any(|(site, t)| site == id && started <= *t && *t < ended.unwrap_or(self.now));
        if after.iter().any(|boot| blink <= *boot && ended.is_some_and(|ended| *boot < ended)) {
            "power"
        } else if rounds || after.iter().any(|boot| *boot < blink) {
            "link"
        } else {
            "undetermined"
        }
    }
}

fn show(stay: &Stay) -> Value {
    let mut shown = json!({"state": stay.state.as_str(), "from": time(stay.from), "to": time(stay.to)});
    if stay.state == State::Unreachable {
        shown["roots"] = stay.roots.iter().map(ToString::to_string).collect();
    }
    shown
}

fn group(sites: &[(&Site, [Ms; 5])]) -> Value {
    let mut sums = [0; 5];
    for (_, one) in sites {
        (0..5).for_each(|k| sums[k] += one[k]);
    }
    let judged = |sums: &[Ms; 5]| sums[0] + sums[1] + sums[2];
    let uptime = |sums: &[Ms; 5]| percent(sums[0], judged(sums));
    let mut known: Vec<(f64, &SiteId)> =
        sites.iter().filter_map(|(site, sums)| Some((uptime(sums)?, &site.id))).collect();
    known.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let n = known.len();
    let median = (n > 0).then(|| f64::midpoint(known[(n - 1) / 2].0, known[n / 2].0));
    let peopled: Vec<(f64, f64)> =
        sites.iter().filter_map(|(site, sums)| Some((site.population? as f64, uptime(sums)?))).collect();
    let people: f64 = peopled.iter().map(|(people, _)| people).sum();
    let weighted: f64 = peopled.iter().map(|(people, pct)| people * pct).sum();
    json!({
        "sites": sites.len(), "up_s": seconds(sums[0]), "down_s": seconds(sums[1]), "unreachable_s": seconds(sums[2]),
        "unknown_s": seconds(sums[3]), "maintenance_s": seconds(sums[4]), "uptime_pct": uptime(&sums),
        "own_uptime_pct": percent(sums[0] + sums[2], judged(&sums)),
        "observed_pct": percent(judged(&sums), judged(&sums) + sums[3]), "median_uptime_pct": median,
        "worst_site": known.first().map(|(_, id)| id.to_string()),
        "population_uptime_pct": (people > 0.0).then(|| weighted / people),
    })
}

fn percent(part: Ms, whole: Ms) -> Option<f64> {
    (whole != 0).then(|| 100.0 * part as f64 / whole as f64)
}

fn seconds(ms: Ms) -> f64 {
    ms as f64 / 1000.0
}

fn milli(seconds: f64) -> f64 {
    format!("{seconds:.3}").parse().unwrap()
}

fn time(ms: Ms) -> String {
    kentongan_model::time::Timestamp::from_millis(ms).to_string()
}
