//! A small network and its October: what the tests of the reports and of the press look at.
//!
//! Twelve sites, two contracts, service hours, planned work, each cause, each reason to leave an outage out, a site
//! that began within the month, one without enough data, and outages over both edges of the month.

use std::collections::{BTreeMap, HashMap};

use kentongan_model::{
    id::SiteId,
    inventory::{Network, Site},
    state::{Cause, State},
    time::Timestamp,
};
use kentongan_timeline::{By, Interval, Span, maintenance};

use crate::{Fault, Known, Month, Origin, Report, compose};

/// The inventory.
pub const INVENTORY: &str = include_str!("sample.toml");

/// When it was asked for.
pub const AS_OF: &str = "2026-11-01T08:00:00+07:00";

/// Faults: root, from, to (in Jakarta), cause. Whatever hangs behind the root is unreachable meanwhile.
const FAULTS: [(&str, &str, &str, Cause); 11] = [
    ("desa-cepedak", "2026-09-30T23:58:00", "2026-10-01T00:10:00", Cause::Power),
    ("kec-kutoarjo", "2026-10-05T10:00:00", "2026-10-05T12:00:00", Cause::Power),
    ("kec-bruno", "2026-10-09T02:00:00", "2026-10-09T02:04:00", Cause::Link),
    ("hotspot-alun", "2026-10-10T09:00:00", "2026-10-10T12:00:00", Cause::Undetermined),
    ("desa-kiyang", "2026-10-12T13:00:00", "2026-10-12T14:00:00", Cause::Link),
    ("kec-bruno", "2026-10-14T08:00:00", "2026-10-14T11:30:00.250", Cause::Link),
    ("desa-tursidi", "2026-10-18T20:00:00", "2026-10-18T23:15:00", Cause::Undetermined),
    ("noc", "2026-10-22T03:00:00", "2026-10-22T03:40:00", Cause::Link),
    ("kec-kutoarjo", "2026-10-25T06:00:00", "2026-10-25T06:30:00", Cause::Power),
    ("desa-tursidi", "2026-10-25T06:30:00", "2026-10-25T07:30:00", Cause::Link),
    ("desa-brunorejo", "2026-10-31T23:58:00", "2026-11-01T00:30:00", Cause::Link),
];

/// Other stretches of a site's timeline.
const STRETCHES: [(&str, &str, &str, State); 2] = [
    ("desa-gowong", "2026-10-01T00:00:00", "2026-10-06T12:00:00", State::Unknown),
    ("hotspot-pasar", "2026-10-28T00:00:00", "2026-10-29T06:00:00", State::Degraded),
];

/// What is known of it.
#[derive(Debug)]
pub struct Sample {
    /// The inventory.
    pub network: Network,
    /// Planned work.
    pub maintenance: BTreeMap<SiteId, Vec<Span>>,
    /// The timelines.
    pub timelines: HashMap<SiteId, Vec<Interval>>,
    /// The incidents.
    pub faults: Vec<Fault>,
}

impl Sample {
    /// The sample as it was on the first of November.
    ///
    /// # Panics
    /// Never: its inventory is tested.
    #[must_use]
    pub fn new() -> Sample {
        let network = Network::parse(INVENTORY).expect("the inventory of the sample");
        let faults =
            FAULTS.map(|(root, from, to, cause)| Fault { root: id(root), span: local(from, to), cause });
        let timelines =
            network.sites.iter().map(|site| (site.id.clone(), timeline(&network, site, &faults))).collect();
        Sample { maintenance: maintenance(&network), network, timelines, faults: faults.to_vec() }
    }

    /// As a report is made of it.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known {
            network: &self.network,
            maintenance: &self.maintenance,
            timelines: &self.timelines,
            faults: &self.faults,
            begins: Some(at("2026-09-15T00:00:00+07:00")),
            as_of: at(AS_OF),
        }
    }

    /// The report of October.
    ///
    /// # Panics
    /// Never: of October everything is known.
    #[must_use]
    pub fn report(&self, by: By) -> Report {
        compose(&self.known(), Month { year: 2026, month: 10 }, by, origin()).expect("a report of October")
    }
}

impl Default for Sample {
    fn default() -> Self {
        Sample::new()
    }
}

/// The report of October, by kecamatan.
#[must_use]
pub fn report() -> Report {
    Sample::new().report(By::Kecamatan)
}

/// Where it comes from; the digests are made up.
#[must_use]
pub fn origin() -> Origin {
    Origin {
        journal_position: 123_456,
        journal_digest: "3b".repeat(32),
        inventory_digest: "7e".repeat(32),
        tzdata: "2026b".to_owned(),
        version: "0.1.0".to_owned(),
    }
}

fn timeline(network: &Network, site: &Site, faults: &[Fault]) -> Vec<Interval> {
    let above = above(network, site);
    let own = faults.iter().filter_map(|fault| {
        let (state, roots) = match fault.root == site.id {
            true => (State::Down, Vec::new()),
            false if above.contains(&fault.root) => (State::Unreachable, vec![fault.root.clone()]),
            false => return None,
        };
        Some(Interval { state, from: fault.span.from, to: fault.span.to, roots })
    });
    let others = STRETCHES.iter().filter(|(of, ..)| *of == site.id.as_str()).map(|(_, from, to, state)| {
        let span = local(from, to);
        Interval { state: *state, from: span.from, to: span.to, roots: Vec::new() }
    });
    let mut marked: Vec<Interval> = own.chain(others).collect();
    marked.sort_by_key(|interval| interval.from);
    let mut whole = Vec::new();
    let mut reached = site.since.unwrap_or(at("2026-09-15T00:00:00+07:00"));
    let up = |from, to| Interval { state: State::Up, from, to, roots: Vec::new() };
    for interval in
        marked.into_iter().filter(|interval| site.since.is_none_or(|since| since <= interval.from))
    {
        if reached < interval.from {
            whole.push(up(reached, interval.from));
        }
        reached = interval.to;
        whole.push(interval);
    }
    whole.push(up(reached, at(AS_OF)));
    whole
}

/// The sites on the way to the core.
fn above(network: &Network, site: &Site) -> Vec<SiteId> {
    let ups = site.upstream.iter().filter_map(|id| network.site(id));
    ups.flat_map(|up| [vec![up.id.clone()], above(network, up)].concat()).collect()
}

fn id(text: &str) -> SiteId {
    text.parse().expect("an id")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn local(from: &str, to: &str) -> Span {
    Span::new(at(&format!("{from}+07:00")), at(&format!("{to}+07:00")))
}
