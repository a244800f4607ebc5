//! Figures of many sites together: a kecamatan, a kind, a provider, the network.
//!
//! Rule guarded here: the seconds of the sites are summed and divided once; a mean of percentages it is not. The median,
//! the worst site and the population-weighted uptime stand beside.

use std::{collections::BTreeMap, str::FromStr};

use kentongan_model::{id::SiteId, inventory::Site};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::uptime::{Sums, Uptime, rounded};

/// By what sites are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// All of them.
    Network,
    /// Their kind.
    Kind,
    /// Their provider.
    Provider,
    /// The kecamatan that they stand for or lie in.
    Kecamatan,
    /// Each alone.
    Site,
}

/// A word that names no grouping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not one of network, kind, provider, kecamatan and site")]
pub struct ByError(String);

impl FromStr for By {
    type Err = ByError;
    fn from_str(text: &str) -> Result<Self, ByError> {
        match text {
            "network" => Ok(By::Network),
            "kind" => Ok(By::Kind),
            "provider" => Ok(By::Provider),
            "kecamatan" => Ok(By::Kecamatan),
            "site" => Ok(By::Site),
            other => Err(ByError(other.to_owned())),
        }
    }
}

impl By {
    /// The groups that replay tells.
    pub const REPLAYED: [By; 4] = [By::Network, By::Kind, By::Provider, By::Kecamatan];

    /// The key of the group that a site belongs to, such as `kecamatan:33.03.12`; none when it belongs to no such group.
    #[must_use]
    pub fn key(self, site: &Site) -> Option<String> {
        match self {
            By::Network => Some("network".to_owned()),
            By::Kind => Some(format!("kind:{}", site.kind)),
            By::Provider => site.provider.as_ref().map(|provider| format!("provider:{provider}")),
            By::Kecamatan => site.region.as_ref()?.kecamatan().map(|code| format!("kecamatan:{code}")),
            By::Site => Some(format!("site:{}", site.id)),
        }
    }
}

/// The figures of a group. Serialises to an object of `groups` of `docs/replay.md`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupUptime {
    /// How many sites belong to it.
    pub sites: usize,
    /// Their time by state.
    pub sums: Sums,
    /// The median of their uptimes, in percent.
    pub median_uptime_pct: Option<f64>,
    /// The site with the lowest uptime; the first by id when several have it.
    pub worst_site: Option<SiteId>,
    /// The mean of their uptimes weighted with their populations, in percent.
    pub population_uptime_pct: Option<f64>,
}

/// The figures of some sites together.
#[must_use]
pub fn group<'a>(sites: impl IntoIterator<Item = (&'a Site, &'a Uptime)>) -> GroupUptime {
    let mut all = GroupUptime::default();
    let mut known: Vec<(f64, &SiteId)> = Vec::new();
    let (mut weighted, mut people) = (0.0, 0.0);
    for (site, uptime) in sites {
        all.sites += 1;
        all.sums += uptime.sums;
        let Some(pct) = uptime.sums.uptime_pct() else { continue };
        known.push((pct, &site.id));
        if let Some(population) = site.population {
            #[expect(clippy::cast_precision_loss, reason = "fewer people than 2^53")]
            let population = population as f64;
            weighted += population * pct;
            people += population;
        }
    }
    known.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    let half = known.len() / 2;
    all.median_uptime_pct = match known.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(known[half].0),
        _ => Some(f64::midpoint(known[half - 1].0, known[half].0)),
    };
    all.worst_site = known.first().map(|(_, id)| (*id).clone());
    all.population_uptime_pct = (people > 0.0).then(|| weighted / people);
    all
}

/// The figures of every group, by key.
#[must_use]
pub fn groups<'a>(
    by: By,
    sites: impl IntoIterator<Item = (&'a Site, &'a Uptime)>,
) -> BTreeMap<String, GroupUptime> {
    let mut members: BTreeMap<String, Vec<(&Site, &Uptime)>> = BTreeMap::new();
    for (site, uptime) in sites {
        if let Some(key) = by.key(site) {
            members.entry(key).or_default().push((site, uptime));
        }
    }
    members.into_iter().map(|(key, sites)| (key, group(sites))).collect()
}

impl Serialize for GroupUptime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sites", &self.sites)?;
        self.sums.write(&mut map)?;
        map.serialize_entry("median_uptime_pct", &self.median_uptime_pct.map(rounded))?;
        map.serialize_entry("worst_site", &self.worst_site)?;
        map.serialize_entry("population_uptime_pct", &self.population_uptime_pct.map(rounded))?;
        map.end()
    }
}
