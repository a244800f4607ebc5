//! The network as the timeline sees it: places and targets as small numbers.
//!
//! Names come in once, at the entrance; everything behind works on indices. Sites are numbered by the order of their
//! ids, so that sorted indices are sorted names. Rule guarded here: the order in which sites are taken, upstreams first.

use std::{collections::HashMap, net::IpAddr};

use kentongan_model::{
    id::{SiteId, Subject, TargetId, Vantage},
    inventory::{Network, Role},
    state::Kind,
    time::{Timestamp, millis},
};

pub(crate) use crate::place::{About, Place};
use crate::{
    evidence::Pace,
    round::Limits,
    span::{Span, joined},
};

/// One site.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) id: SiteId,
    pub(crate) kind: Kind,
    pub(crate) upstream: Vec<u32>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) rounds: Pace,
    pub(crate) deliveries: Pace,
    pub(crate) limits: Limits,
    /// How far apart a site and its upstreams may be seen to fail or recover and still belong together.
    pub(crate) correlate_ms: i64,
    pub(crate) targets: Vec<Spotted>,
    /// Its own planned windows.
    pub(crate) windows: Vec<Span>,
}

/// One target of a site.
#[derive(Debug, Clone)]
pub(crate) struct Spotted {
    pub(crate) id: TargetId,
    pub(crate) ap: bool,
    pub(crate) links: Vec<SpottedLink>,
}

/// A link that the inventory names.
#[derive(Debug, Clone)]
pub(crate) struct SpottedLink {
    pub(crate) interface: String,
    pub(crate) to: Option<u32>,
}

/// Every place of a network.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) sites: Vec<Spot>,
    /// The sites, upstreams first.
    pub(crate) order: Vec<u32>,
    /// Where each site stands in that order.
    pub(crate) rank: Vec<u32>,
    /// The sites that have each site as an upstream.
    pub(crate) behind: Vec<Vec<u32>>,
    references: HashMap<IpAddr, u32>,
    pub(crate) reference_pace: Pace,
    pub(crate) reference_limits: Limits,
    by_id: HashMap<Box<str>, u32>,
    by_name: HashMap<Box<str>, About>,
}

impl Places {
    pub(crate) fn of(network: &Network) -> Self {
        let mut listed: Vec<_> = network.sites.iter().collect();
        listed.sort_by(|a, b| a.id.cmp(&b.id));
        let by_id: HashMap<Box<str>, u32> =
            (0..).zip(&listed).map(|(ix, site)| (site.id.as_str().into(), ix)).collect();
        let index = |id: &SiteId| by_id.get(id.as_str()).copied();
        let mut by_name = HashMap::new();
        let mut sites = Vec::with_capacity(listed.len());
        for (ix, site) in (0..).zip(&listed) {
            for (position, target) in (0..).zip(&site.targets) {
                by_name.insert(format!("{}/{}", site.id, target.id).into(), About::target(ix, position));
            }
            let upstream: Vec<u32> = site.upstream.iter().filter_map(index).collect();
            let near = upstream.iter().map(|up| listed[*up as usize]).chain([*site]);
            let slowest = near.flat_map(|site| {
                [Some(site.settings.interval), site.agent.then_some(site.settings.report_interval)]
            });
            let targets = site.targets.iter().map(|target| Spotted {
                id: target.id.clone(),
                ap: target.role == Some(Role::Ap),
                links: target
                    .links
                    .iter()
                    .map(|link| SpottedLink {
                        interface: link.interface.clone(),
                        to: link.to.as_ref().and_then(index),
                    })
                    .collect(),
            });
            let own = network.maintenance.iter().filter(|window| window.site == site.id);
            sites.push(Spot {
                id: site.id.clone(),
                kind: site.kind,
                since: site.since,
                rounds: Pace::of_rounds(&site.settings),
                deliveries: Pace::of_deliveries(&site.settings),
                limits: Limits::of(&site.settings),
                correlate_ms: slowest.flatten().map(millis).max().unwrap_or(0).saturating_mul(2),
                targets: targets.collect(),
                windows: joined(own.map(|window| Span::new(window.from, window.to)).collect()),
                upstream,
            });
        }
        let references: HashMap<IpAddr, u32> = network.references.iter().copied().zip(0..).collect();
        for (address, position) in &references {
            by_name.insert(format!("reference/{address}").into(), About::Reference(*position));
        }
        let (order, behind) = upstreams_first(&sites);
        let mut rank = vec![0; sites.len()];
        (0..).zip(&order).for_each(|(place, site)| rank[*site as usize] = place);
        Places {
            order,
            rank,
            behind,
            sites,
            references,
            reference_pace: Pace::of_rounds(&network.defaults),
            reference_limits: Limits::of(&network.defaults),
            by_id,
            by_name,
        }
    }

    /// The place of that name: `core`, or the id of a site.
    pub(crate) fn place(&self, name: &str) -> Option<Place> {
        if name == "core" {
            Some(Place::CORE)
        } else {
            self.by_id.get(name).map(|ix| Place::of_site(*ix as usize))
        }
    }

    /// What is meant by `site/target` or `reference/address`.
    pub(crate) fn about(&self, name: &str) -> Option<About> {
        self.by_name.get(name).copied().or_else(|| {
            // An IPv6 address can be spelt in many ways.
            let address: IpAddr = name.strip_prefix("reference/")?.parse().ok()?;
            self.references.get(&address).map(|position| About::Reference(*position))
        })
    }

    pub(crate) fn place_of(&self, vantage: &Vantage) -> Option<Place> {
        vantage.site().map_or(Some(Place::CORE), |id| self.place(id.as_str()))
    }

    pub(crate) fn name_of(&self, place: Place) -> Vantage {
        place.site().map_or(Vantage::Core, |site| Vantage::Site(self.sites[site].id.clone()))
    }

    /// A site by its id.
    pub(crate) fn site(&self, id: &SiteId) -> Option<usize> {
        self.by_id.get(id.as_str()).map(|ix| *ix as usize)
    }

    pub(crate) fn subject(&self, subject: &Subject) -> Option<About> {
        match subject {
            Subject::Target { site, target } => self.target(site, target),
            Subject::Reference(address) => {
                self.references.get(address).map(|position| About::Reference(*position))
            }
        }
    }

    pub(crate) fn target(&self, site: &SiteId, target: &TargetId) -> Option<About> {
        let ix = self.site(site)?;
        let position = self.sites[ix].targets.iter().position(|spotted| spotted.id == *target)?;
        Some(About::target(u32::try_from(ix).ok()?, u32::try_from(position).ok()?))
    }

    /// The name of what was probed; none for an agent's heartbeats.
    pub(crate) fn subject_of(&self, about: About) -> Option<Subject> {
        if let About::Reference(position) = about {
            let (address, _) = self.references.iter().find(|(_, at)| **at == position)?;
            return Some(Subject::Reference(*address));
        }
        let spot = &self.sites[about.site()?];
        let target = &spot.targets[about.position()? as usize];
        Some(Subject::Target { site: spot.id.clone(), target: target.id.clone() })
    }

    /// The links that the inventory names at a target.
    pub(crate) fn links(&self, about: About) -> &[SpottedLink] {
        let target = about.site().zip(about.position());
        target.map_or(&[], |(site, position)| &self.sites[site].targets[position as usize].links)
    }

    /// The pace of evidence about something.
    pub(crate) fn pace(&self, about: About) -> &Pace {
        match about {
            About::Agent(site) => &self.sites[site as usize].deliveries,
            About::Gateway(site) | About::Other(site, _) => &self.sites[site as usize].rounds,
            About::Reference(_) => &self.reference_pace,
        }
    }

    /// From where on rounds about something are poor.
    pub(crate) fn limits(&self, about: About) -> &Limits {
        about.site().map_or(&self.reference_limits, |site| &self.sites[site].limits)
    }

    /// Whether such evidence can keep its state through the collector's downtime: what the core sees of its
    /// references and of sites that hang directly on it.
    pub(crate) fn bridged(&self, vantage: Place, about: About) -> bool {
        vantage == Place::CORE && about.site().is_none_or(|site| self.sites[site].upstream.is_empty())
    }

    /// Whether `low` reaches the core through `high`.
    pub(crate) fn is_downstream(&self, low: usize, high: usize) -> bool {
        let mut seen = vec![low];
        let mut next = 0;
        while let Some(site) = seen.get(next).copied() {
            for up in self.sites[site].upstream.iter().map(|up| *up as usize) {
                if up == high {
                    return true;
                }
                if !seen.contains(&up) {
                    seen.push(up);
                }
            }
            next += 1;
        }
        false
    }
}

/// Kahn's order (what a circle holds, and no inventory has one, is left out), and who stands behind each site.
fn upstreams_first(sites: &[Spot]) -> (Vec<u32>, Vec<Vec<u32>>) {
    let mut missing: Vec<usize> = sites.iter().map(|site| site.upstream.len()).collect();
    let mut behind = vec![Vec::new(); sites.len()];
    for (ix, site) in (0u32..).zip(sites) {
        for up in &site.upstream {
            behind[*up as usize].push(ix);
        }
    }
    let mut order: Vec<u32> =
        (0u32..).zip(sites).filter(|(_, site)| site.upstream.is_empty()).map(|(ix, _)| ix).collect();
    let mut next = 0;
    while let Some(ix) = order.get(next).copied() {
        for low in &behind[ix as usize] {
            missing[*low as usize] -= 1;
            if missing[*low as usize] == 0 {
                order.push(*low);
            }
        }
        next += 1;
    }
    (order, behind)
}
