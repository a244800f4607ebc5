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

mod evidence;
mod states;
mod telling;

use evidence::*;
use states::*;

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
