//! Which sites flap: told once when one begins to, and once when it has been stable.
//!
//! Rule guarded here: who flaps is read off the timeline, and remembered only to tell it once. A burst that late data
//! shows when it is over already is told to nobody, and neither is one that lies wholly under maintenance or outside
//! the service hours.

use std::collections::{BTreeMap, BTreeSet};

use kentongan_model::{
    event::EventKind,
    id::SiteId,
    inventory::{Network, Site},
    state::State,
    time::Timestamp,
};
use kentongan_timeline::{
    FlapRule, Flapping, Interval, Judgement, SiteJudgement, Span, covered, flapping, service,
};

use super::{Ledger, current, named};

/// What the timelines say of flapping.
#[derive(Debug, Default)]
pub(super) struct Flaps {
    /// The sites that flap now, since when.
    now: BTreeMap<SiteId, Timestamp>,
    /// Those of them that did not before.
    begun: BTreeSet<SiteId>,
    /// What the feed tells of those that begin to.
    pub(super) begins: Vec<EventKind>,
    /// Those that are stable, with what is told of them.
    pub(super) over: Vec<(SiteId, Option<EventKind>)>,
    /// When the first of those that flap can be stable.
    pub(super) due: Option<Timestamp>,
}

impl Flaps {
    pub(super) fn of(
        ledger: &Ledger,
        judgement: &Judgement,
        network: &Network,
        sites: &BTreeMap<&SiteId, &Site>,
    ) -> Flaps {
        let (rule, mut flaps) = (FlapRule::default(), Flaps::default());
        for judged in &judgement.sites {
            let known = ledger.flaps.get(&judged.id).copied();
            // A burst is the end of a timeline: one whose last change is long past has none.
            let fresh = judged.timeline.len() > rule.count
                && judged
                    .timeline
                    .last()
                    .is_some_and(|last| last.to.millis_since(last.from) < rule.window_ms);
            if known.is_none() && !fresh {
                continue;
            }
            let bursts = flapping(&judged.timeline, rule);
            let open = bursts.last().filter(|burst| burst.stable_at.is_none());
            let told = named(sites, &judged.id);
            match (known, open) {
                (Some(since), Some(burst)) => flaps.goes_on(&judged.id, since, burst, rule),
                (None, Some(burst)) => {
                    let planned =
                        sites.get(&judged.id).is_none_or(|site| is_planned(judged, site, network, burst));
                    let Some(site) = told.filter(|_| !planned) else { continue };
                    flaps.goes_on(&judged.id, burst.from, burst, rule);
                    flaps.begun.insert(judged.id.clone());
                    flaps.begins.push(EventKind::SiteFlapping {
                        site,
                        changes: counted(rule.count + 1),
                        window_s: u32::try_from(rule.window_ms / 1000).unwrap_or(u32::MAX),
                        since: burst.from,
                    });
                }
                (Some(since), None) => {
                    let burst = bursts.iter().rev().find(|burst| burst.last >= since);
                    let stable = told.map(|site| EventKind::SiteSteady {
                        site,
                        state: current(&judged.timeline),
                        since: burst.map_or_else(|| last_change(&judged.timeline, since), |burst| burst.last),
                        changes: counted(burst.map_or(0, |burst| burst.changes)),
                        incident: None,
                    });
                    flaps.over.push((judged.id.clone(), stable));
                }
                (None, None) => {}
            }
        }
        let judged: BTreeSet<&SiteId> = judgement.sites.iter().map(|site| &site.id).collect();
        flaps.over.extend(ledger.flaps.keys().filter(|id| !judged.contains(id)).map(|id| (id.clone(), None)));
        flaps
    }

    fn goes_on(&mut self, site: &SiteId, since: Timestamp, burst: &Flapping, rule: FlapRule) {
        self.now.insert(site.clone(), since);
        let stable = Timestamp::from_millis(burst.last.as_millis() + rule.window_ms);
        self.due = Some(self.due.map_or(stable, |due| due.min(stable)));
    }

    /// Since when a site flaps; none when it does not.
    pub(super) fn since(&self, site: &SiteId) -> Option<Timestamp> {
        self.now.get(site).copied()
    }

    /// Whether it begins to flap now.
    pub(super) fn begins(&self, site: &SiteId) -> bool {
        self.begun.contains(site)
    }

    /// What has to be remembered, and what no longer.
    pub(super) fn remembered(&self) -> Vec<(SiteId, Option<Timestamp>)> {
        let begun = self.begun.iter().map(|id| (id.clone(), self.since(id)));
        begun.chain(self.over.iter().map(|(id, _)| (id.clone(), None))).collect()
    }
}

/// Whether nobody expects the site to be up in all of the burst.
fn is_planned(judged: &SiteJudgement, site: &Site, network: &Network, burst: &Flapping) -> bool {
    let span = Span::new(burst.from, burst.last);
    covered(&judged.maintenance, span) == span.millis() || service(site, &network.timezone, span).is_empty()
}

/// The last change between down and up, `since` where there is none later.
fn last_change(timeline: &[Interval], since: Timestamp) -> Timestamp {
    let sides = timeline.iter().rev();
    let mut sides = sides.filter(|interval| interval.state.serves() || interval.state == State::Down);
    sides.next().map_or(since, |interval| interval.from.max(since))
}

fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
