//! From evidence to the states of a site: the five rules at every instant, and what correlation makes of them.

use super::*;

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Stay {
    pub(super) state: State,
    pub(super) from: Ms,
    pub(super) to: Ms,
    pub(super) roots: BTreeSet<SiteId>,
}

pub(super) fn merge(stays: Vec<Stay>) -> Vec<Stay> {
    let mut merged: Vec<Stay> = Vec::new();
    for stay in stays.into_iter().filter(|stay| stay.from < stay.to) {
        match merged.last_mut() {
            Some(last) if last.state == stay.state && last.roots == stay.roots => last.to = stay.to,
            _ => merged.push(stay),
        }
    }
    merged
}

pub(super) fn stay_at(timeline: &[Stay], t: Ms) -> Option<&Stay> {
    timeline.iter().find(|stay| stay.from <= t && t < stay.to)
}

impl World<'_> {
    pub(super) fn site(&self, id: &SiteId) -> &Site {
        self.network.sites.iter().find(|site| site.id == *id).unwrap()
    }

    /// The two different places that evidence is between.
    pub(super) fn between(&self, one: &Evidence) -> Option<(Vantage, Vantage)> {
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

    pub(super) fn connected(&self, t: Ms) -> BTreeSet<Vantage> {
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

    pub(super) fn downstream(&self, low: &Vantage, high: &SiteId) -> bool {
        let Some(low) = low.site() else { return false };
        self.site(low)
            .upstream
            .iter()
            .any(|up| up == high || self.downstream(&Vantage::Site(up.clone()), high))
    }

    pub(super) fn link_down(&self, site: &SiteId, t: Ms) -> bool {
        self.told.iter().filter(|((of, _, _), _)| of == site).any(|(_, tellings)| {
            tellings.range(..=t).next_back().is_some_and(|(when, dark)| *dark && t < when + 15 * 60_000)
        })
    }

    pub(super) fn verdict(
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

    pub(super) fn timeline(&self, site: &Site, timelines: &BTreeMap<SiteId, Vec<Stay>>) -> Vec<Stay> {
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

    pub(super) fn correlate_ms(&self, site: &Site) -> Ms {
        let mut slowest = 0;
        for one in site.upstream.iter().map(|up| self.site(up)).chain([site]) {
            slowest = slowest.max(one.settings.interval.as_millis() as Ms);
            if one.agent {
                slowest = slowest.max(one.settings.report_interval.as_millis() as Ms);
            }
        }
        2 * slowest
    }

    pub(super) fn correlate(&self, site: &Site, raw: Vec<Stay>, lost: &[(Ms, Ms)]) -> Vec<Stay> {
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
}
