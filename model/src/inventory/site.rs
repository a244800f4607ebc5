//! A site and what stands there: targets, links, a place on the map.
//!
//! [`Sites`] keeps them in the order of the file and finds one by its id at once, in a network of 83,762 villages too.

use std::{collections::HashMap, fmt, net::IpAddr, ops::Deref, time::Duration};

use serde::{Deserialize, Serialize};

use super::{RegionCode, ServiceHours, Settings, read::suggest::closest};
use crate::{
    id::{CredentialId, SiteId, TargetId, Vantage},
    probe::Probe,
    state::Kind,
    time::Timestamp,
};

/// The sites of a network, in the order of the file; each is found by its id at once.
#[derive(Clone, Default)]
pub struct Sites {
    list: Vec<Site>,
    by_id: HashMap<SiteId, usize>,
}

impl Sites {
    /// The site of that id.
    #[must_use]
    pub fn get(&self, id: &SiteId) -> Option<&Site> {
        self.position(id).map(|at| &self.list[at])
    }

    /// The id that `written`, which no site has, was probably meant to be.
    #[must_use]
    pub fn like(&self, written: &str) -> Option<&SiteId> {
        let meant = closest(written, self.list.iter().map(|site| site.id.as_str()))?;
        self.list.iter().map(|site| &site.id).find(|id| id.as_str() == meant)
    }

    /// Where the site of that id stands in the list.
    #[must_use]
    pub fn position(&self, id: &SiteId) -> Option<usize> {
        self.by_id.get(id).copied()
    }
}

impl From<Vec<Site>> for Sites {
    /// Of sites with the same id (no inventory that was read has any) the first is found.
    fn from(list: Vec<Site>) -> Self {
        let by_id = list.iter().enumerate().rev().map(|(at, site)| (site.id.clone(), at)).collect();
        Sites { list, by_id }
    }
}

impl Deref for Sites {
    type Target = [Site];
    fn deref(&self) -> &[Site] {
        &self.list
    }
}

impl fmt::Debug for Sites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl<'a> IntoIterator for &'a Sites {
    type Item = &'a Site;
    type IntoIter = std::slice::Iter<'a, Site>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

/// A place that is watched.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name, as people say it.
    pub name: String,
    /// What kind of place it is.
    pub kind: Kind,
    /// Kemendagri code of the area it lies in or stands for.
    pub region: Option<RegionCode>,
    /// Where it stands.
    pub location: Option<Location>,
    /// The sites through which it reaches the core; none: directly on the core.
    pub upstream: Vec<SiteId>,
    /// Whether an agent runs there.
    pub agent: bool,
    /// Who provides its link.
    pub provider: Option<String>,
    /// How many people it serves.
    pub population: Option<u64>,
    /// When its uptime begins to count.
    pub since: Option<Timestamp>,
    /// When it is meant to serve; none: always.
    pub service_hours: Option<ServiceHours>,
    /// How it is probed and judged.
    pub settings: Settings,
    /// What is probed there, at least one; the first is the gateway.
    pub targets: Vec<Target>,
    /// Who probes it, where the file overrides the rule.
    pub observed_by: Option<Vec<Vantage>>,
}

impl Site {
    /// The target that stands for the site's connection.
    ///
    /// # Panics
    /// Never for a site of a [`Network`] that was read from a file: each has a target.
    #[must_use]
    pub fn gateway(&self) -> &Target {
        &self.targets[0]
    }
}

/// One address at a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its id within the site; `gateway` where the site has a mere `address`.
    pub id: TargetId,
    /// What it is for, where that matters.
    pub role: Option<Role>,
    /// Where it is.
    pub address: IpAddr,
    /// How it is asked whether it is there.
    pub probe: Probe,
    /// How long an answer is waited for, where the file says so of this target.
    pub timeout: Option<Duration>,
    /// The credential with which it is polled.
    pub snmp: Option<CredentialId>,
    /// Its interfaces that matter.
    pub links: Vec<Link>,
}

/// What a target is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// An access point: a hotspot whose access points are all down is down.
    Ap,
    /// A router.
    Router,
    /// A switch.
    Switch,
    /// A radio link's end.
    Radio,
    /// An optical line terminal.
    Olt,
}

/// An interface that matters, by ifName or ifAlias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// ifName or ifAlias, exactly.
    pub interface: String,
    /// The site at its other end.
    pub to: Option<SiteId>,
    /// What it is made of.
    pub medium: Option<Medium>,
}

/// What a link is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// Glass fibre.
    Fiber,
    /// Radio.
    Radio,
    /// Copper.
    Copper,
    /// Satellite.
    Satellite,
}

/// Degrees, WGS84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Latitude, -90 to 90.
    pub lat: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
}
