//! Absences: sites that an edit took out of the inventory, and those that are back.
//!
//! The rule it guards: taking a site out rewrites nothing of its past, and neither does putting it back. What was known
//! of it until it went is final; when it is back, it begins anew there.
//!
//! Limit: kept for [`REMEMBERED_MS`], which is as long as the timeline may hold an incident that lasts; what is older
//! reaches no judgement.

use std::{borrow::Cow, collections::BTreeMap};

use kentongan_model::{id::SiteId, inventory::Network, time::Timestamp};
use kentongan_timeline::RETENTION_DAYS;
use serde::{Deserialize, Serialize};

const REMEMBERED_MS: i64 = 10 * RETENTION_DAYS * 86_400_000;

/// What became of a site that was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Absence {
    /// It is gone, since then.
    Gone(Timestamp),
    /// It is back, since then.
    Back(Timestamp),
}

/// The sites that were taken out of the inventory for good or for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Absences(BTreeMap<SiteId, Absence>);

impl Absences {
    /// The inventory changes at `at`.
    pub(crate) fn change(&mut self, before: &Network, now: &Network, at: Timestamp) {
        self.0.retain(|_, absence| {
            let (Absence::Gone(since) | Absence::Back(since)) = absence;
            at.millis_since(*since) <= REMEMBERED_MS
        });
        for (id, absence) in &mut self.0 {
            if matches!(absence, Absence::Gone(_)) && now.site(id).is_some() {
                *absence = Absence::Back(at);
            }
        }
        let gone = before.sites.iter().filter(|site| now.site(&site.id).is_none());
        self.0.extend(gone.map(|site| (site.id.clone(), Absence::Gone(at))));
    }

    /// The network in which each site that is back counts from then on.
    pub(crate) fn applied<'a>(&self, network: &'a Network) -> Cow<'a, Network> {
        let mut list = Vec::new();
        for (id, absence) in &self.0 {
            let Absence::Back(at) = absence else { continue };
            if let Some(k) = network.sites.position(id) {
                if list.is_empty() {
                    list = network.sites.to_vec();
                }
                list[k].since = list[k].since.max(Some(*at));
            }
        }
        if list.is_empty() {
            return Cow::Borrowed(network);
        }
        Cow::Owned(Network { sites: list.into(), ..network.clone() })
    }

    /// Whether what began at `at` at that site lies before it was taken out, so that no judgement can change it.
    pub(crate) fn is_final(&self, site: &str, at: Timestamp) -> bool {
        let absence = site.parse().ok().and_then(|id: SiteId| self.0.get(&id).copied());
        match absence {
            None => false,
            Some(Absence::Gone(_)) => true,
            Some(Absence::Back(since)) => at < since,
        }
    }
}
