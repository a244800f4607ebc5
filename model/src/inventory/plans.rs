//! Who probes what: the inventory turned into one plan for each agent. This is where a measurement begins.
//!
//! The rules are those of `docs/inventory.md`. The state of a site is told by those who look at it from outside, from
//! above or as `observed_by` says; its own agent proves that it had power; agents below look up at its gateway.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use super::{Network, Settings, Site, Target};
use crate::{
    id::{CredentialId, Subject, Vantage},
    plan::{Access, Plan, PlannedDevice, PlannedTarget},
    probe::Probe,
    time::millis,
};

/// Targets, and devices, in one plan: batches name them by 16 bits. What goes beyond is not probed, and counted in
/// [`Plans::left_out`].
pub const MAX_PLANNED: usize = 65_535;
/// A device is not polled more often than this: its counters are no faster, and its processor is small.
pub const MIN_POLL: Duration = Duration::from_secs(30);
/// The UDP port of SNMP (RFC 3411).
const SNMP_PORT: u16 = 161;

/// Every place that has an agent: the core first, then sites in the order of the file.
#[must_use]
pub fn vantages(network: &Network) -> Vec<Vantage> {
    let sites = network.sites.iter().filter(|site| site.agent).map(|site| Vantage::Site(site.id.clone()));
    std::iter::once(Vantage::Core).chain(sites).collect()
}

/// The plan of one agent. For the plans of many, make [`Plans`] once.
#[must_use]
pub fn plan_for(
    network: &Network,
    vantage: &Vantage,
    secrets: &dyn Fn(&CredentialId) -> Option<Access>,
) -> Plan {
    Plans::of(network).plan(vantage, secrets)
}

/// Who looks: the core, or the agent of the site at this place in the file. The core comes first.
type Watcher = Option<usize>;

/// The work of one agent, as places in the file: (site, target).
#[derive(Debug, Default)]
struct Work {
    pings: Vec<(usize, usize)>,
    polls: Vec<(usize, usize)>,
}

/// Who probes what, for a whole network.
#[derive(Debug)]
pub struct Plans<'n> {
    network: &'n Network,
    work: BTreeMap<Watcher, Work>,
}

impl<'n> Plans<'n> {
    /// Applies the rules to every target of a network.
    #[must_use]
    pub fn of(network: &'n Network) -> Self {
        let above = above(network);
        let below = agents_below(network);
        let mut work: BTreeMap<Watcher, Work> = BTreeMap::new();
        for (place, site) in network.sites.iter().enumerate() {
            let own = site.agent.then_some(Some(place));
            let outside = match &site.observed_by {
                Some(named) => named_watchers(network, named, &above),
                None => above[place].clone(),
            };
            let looking_up = if site.observed_by.is_none() { below[place].as_slice() } else { &[] };
            let gateway: Vec<Watcher> = sorted(own.iter().chain(&outside).chain(looking_up));
            let others = own.map_or_else(|| gateway.clone(), |own| vec![own]);
            // Each poll costs the device, so those who merely look up at it do not poll.
            let pollers = own.map_or(outside, |own| vec![own]);
            for (n, target) in site.targets.iter().enumerate() {
                for watcher in if n == 0 { &gateway } else { &others } {
                    work.entry(*watcher).or_default().pings.push((place, n));
                }
                for watcher in pollers.iter().filter(|_| target.snmp.is_some()) {
                    work.entry(*watcher).or_default().polls.push((place, n));
                }
            }
        }
        Plans { network, work }
    }

    /// The plan of one agent: the core's references first, then targets in the order of the file. Of a place without
    /// an agent it is empty. A device whose secrets are not known is left out; it is pinged all the same. Profiles are
    /// no matter of the inventory: the collector puts them in.
    #[must_use]
    pub fn plan(&self, vantage: &Vantage, secrets: &dyn Fn(&CredentialId) -> Option<Access>) -> Plan {
        let home = vantage.site().and_then(|id| self.network.site(id));
        let settings = home.map_or(&self.network.defaults, |site| &site.settings);
        let references = self
            .references(vantage)
            .iter()
            .map(|address| planned_reference(*address, &self.network.defaults));
        let nothing = Work::default();
        let work = self.work_of(vantage).unwrap_or(&nothing);
        let mut witnesses = self.witnesses(&gateway_numbers(work, references.len()));
        let pings = work.pings.iter().map(|at| {
            let (site, target) = self.target(*at);
            let witnesses = if at.1 == 0 { witnesses.remove(&at.0).unwrap_or_default() } else { Vec::new() };
            let planned = planned_target(site, target);
            PlannedTarget { witnesses, ..planned }
        });
        let polls = work.polls.iter().filter_map(|at| {
            let (site, target) = self.target(*at);
            let access = secrets(target.snmp.as_ref()?)?;
            Some(planned_device(site, target, access))
        });
        Plan {
            agent: vantage.clone(),
            report_interval_ms: ms(settings.report_interval),
            precision: settings.wire,
            backlog_bytes_per_minute: settings.backlog_kb_per_minute * 1_000,
            targets: references.chain(pings).take(MAX_PLANNED).collect(),
            devices: polls.take(MAX_PLANNED).collect(),
            profiles: Vec::new(),
        }
    }

    /// How many targets and devices do not fit into the plan of an agent ([`MAX_PLANNED`]): nobody probes them for it.
    #[must_use]
    pub fn left_out(&self, vantage: &Vantage) -> usize {
        let references = self.references(vantage).len();
        self.work_of(vantage).map_or(0, |work| {
            (references + work.pings.len()).saturating_sub(MAX_PLANNED)
                + work.polls.len().saturating_sub(MAX_PLANNED)
        })
    }

    /// For each site whose gateway is in the plan under that number, the numbers of the gateways right above it and of
    /// all below it.
    fn witnesses(&self, gateways: &BTreeMap<usize, u16>) -> BTreeMap<usize, Vec<u16>> {
        let sites = &self.network.sites;
        let above = |place: usize| sites[place].upstream.iter().filter_map(|id| sites.position(id));
        let mut witnesses: BTreeMap<usize, Vec<u16>> = BTreeMap::new();
        for (place, number) in gateways {
            let right_above = above(*place).filter_map(|upstream| gateways.get(&upstream).copied());
            witnesses.entry(*place).or_default().extend(right_above);
            let mut path: Vec<usize> = above(*place).collect();
            let mut next = 0;
            while let Some(higher) = path.get(next).copied() {
                next += 1;
                path.extend(above(higher));
                if gateways.contains_key(&higher) && !path[..next - 1].contains(&higher) {
                    witnesses.entry(higher).or_default().push(*number);
                }
            }
        }
        witnesses
    }

    fn references(&self, vantage: &Vantage) -> &'n [IpAddr] {
        if *vantage == Vantage::Core { &self.network.references } else { &[] }
    }

    fn work_of(&self, vantage: &Vantage) -> Option<&Work> {
        let watcher = match vantage {
            Vantage::Core => None,
            Vantage::Site(id) => Some(self.network.sites.position(id)?),
        };
        self.work.get(&watcher)
    }

    fn target(&self, (site, target): (usize, usize)) -> (&'n Site, &'n Target) {
        let site = &self.network.sites[site];
        (site, &site.targets[target])
    }
}

/// Which target of the plan the gateway of each site is, after the references.
fn gateway_numbers(work: &Work, references: usize) -> BTreeMap<usize, u16> {
    let numbered = work.pings.iter().enumerate().take(MAX_PLANNED.saturating_sub(references));
    let gateways = numbered.filter(|(_, (_, target))| *target == 0);
    gateways.filter_map(|(n, (site, _))| Some((*site, u16::try_from(references + n).ok()?))).collect()
}

/// For each site the nearest agents on its upstream paths, and the core where a path has none.
fn above(network: &Network) -> Vec<Vec<Watcher>> {
    let sites = &network.sites;
    let mut above: Vec<Vec<Watcher>> = vec![Vec::new(); sites.len()];
    for place in upstreams_first(network) {
        let site = &sites[place];
        let mut found = Vec::new();
        for upstream in site.upstream.iter().filter_map(|id| sites.position(id)) {
            if sites[upstream].agent {
                found.push(Some(upstream));
            } else {
                found.extend_from_slice(&above[upstream]);
            }
        }
        above[place] = if site.upstream.is_empty() { vec![None] } else { sorted(&found) };
    }
    above
}

/// The agents of the sites that hang directly on each site.
fn agents_below(network: &Network) -> Vec<Vec<Watcher>> {
    let mut below = vec![Vec::new(); network.sites.len()];
    for (place, site) in network.sites.iter().enumerate().filter(|(_, site)| site.agent) {
        for upstream in site.upstream.iter().filter_map(|id| network.sites.position(id)) {
            below[upstream].push(Some(place));
        }
    }
    below
}

/// Places in an order in which every site comes after all of its upstreams.
fn upstreams_first(network: &Network) -> Vec<usize> {
    let sites = &network.sites;
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); sites.len()];
    let mut waits_for: Vec<usize> = vec![0; sites.len()];
    for (place, site) in sites.iter().enumerate() {
        for upstream in site.upstream.iter().filter_map(|id| sites.position(id)) {
            below[upstream].push(place);
            waits_for[place] += 1;
        }
    }
    let mut order: Vec<usize> = (0..sites.len()).filter(|place| waits_for[*place] == 0).collect();
    let mut next = 0;
    while let Some(place) = order.get(next).copied() {
        next += 1;
        for child in &below[place] {
            waits_for[*child] -= 1;
            if waits_for[*child] == 0 {
                order.push(*child);
            }
        }
    }
    order
}

/// Those whom `observed_by` names; for a site without an agent, those that look at it from above.
fn named_watchers(network: &Network, named: &[Vantage], above: &[Vec<Watcher>]) -> Vec<Watcher> {
    let mut found = Vec::new();
    for vantage in named {
        match vantage.site().map(|id| network.sites.position(id)) {
            None => found.push(None),
            Some(Some(place)) if network.sites[place].agent => found.push(Some(place)),
            Some(Some(place)) => found.extend_from_slice(&above[place]),
            Some(None) => {}
        }
    }
    sorted(&found)
}

fn sorted<'a>(watchers: impl IntoIterator<Item = &'a Watcher>) -> Vec<Watcher> {
    let mut list: Vec<Watcher> = watchers.into_iter().copied().collect();
    list.sort_unstable();
    list.dedup();
    list
}

fn subject(site: &Site, target: &Target) -> Subject {
    Subject::Target { site: site.id.clone(), target: target.id.clone() }
}

fn planned_target(site: &Site, target: &Target) -> PlannedTarget {
    let settings = &site.settings;
    let patience = || target.probe.patience(settings.timeout, settings.interval);
    PlannedTarget {
        subject: subject(site, target),
        probe: target.probe.clone(),
        probes: target.probe.tries(settings.probes),
        timeout_ms: ms(target.timeout.unwrap_or_else(patience)),
        ..planned_reference(target.address, settings)
    }
}

fn planned_reference(address: IpAddr, settings: &Settings) -> PlannedTarget {
    PlannedTarget {
        subject: Subject::Reference(address),
        address,
        probe: Probe::Icmp,
        interval_ms: ms(settings.interval),
        probes: settings.probes,
        timeout_ms: ms(settings.timeout),
        down_after: settings.down_after,
        up_after: settings.up_after,
        loss_warn: settings.loss_warn,
        rtt_warn_us: settings.rtt_warn.map(|rtt| ms(rtt).saturating_mul(1_000)),
        witnesses: Vec::new(),
    }
}

fn planned_device(site: &Site, target: &Target, access: Access) -> PlannedDevice {
    PlannedDevice {
        subject: subject(site, target),
        address: target.address,
        port: SNMP_PORT,
        interval_ms: ms(site.settings.interval.max(MIN_POLL)),
        access,
        links: target.links.iter().map(|link| link.interface.clone()).collect(),
    }
}

fn ms(length: Duration) -> u64 {
    millis(length).unsigned_abs()
}
