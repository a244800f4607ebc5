//! The inventory: what is watched (`hotspots.toml`, described in `docs/inventory.md`), as trusted values.
//!
//! A [`Network`] exists only when its file had no fault: ids are unique, references lead somewhere, upstreams form no
//! circle. [`read`](Network::read) tells all faults at once, each with its place in the file.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

mod contract;
mod credential;
mod fault;
pub mod limits;
pub mod plans;
mod read;
mod region;
mod service;
mod site;

pub use self::{
    contract::Contract,
    credential::{Credential, MissingSecrets},
    fault::{Fault, Faults, ReadError},
    region::{RegionCode, RegionError},
    service::ServiceHours,
    site::{Link, Location, Medium, Role, Site, Sites, Target},
};
pub use crate::plan::{AuthProtocol, Precision, PrivacyProtocol};
pub use crate::secret::SecretSource;
pub use crate::state::Kind;
use crate::{
    id::{CredentialId, SiteId},
    time::Timestamp,
};

/// Everything one operator watches.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its name, as people say it.
    pub name: String,
    /// Who runs it.
    pub operator: Option<String>,
    /// The time zone of its calendar; `Asia/Jakarta` unless the file says otherwise.
    pub timezone: TimeZone,
    /// The language of messages and reports.
    pub language: Language,
    /// The settings of `[defaults]`; they are also those of the references.
    pub defaults: Settings,
    /// Addresses of the core's own surroundings: all of them down means that the core is blind.
    pub references: Vec<IpAddr>,
    /// The sites, in the order of the file.
    pub sites: Sites,
    /// Planned windows, in the order of the file.
    pub maintenance: Vec<MaintenanceWindow>,
    /// What providers have promised, in the order of the file; one for each provider.
    pub contracts: Vec<Contract>,
    /// SNMP credentials by name.
    pub credentials: BTreeMap<CredentialId, Credential>,
}

impl Network {
    /// The site of that id.
    #[must_use]
    pub fn site(&self, id: &SiteId) -> Option<&Site> {
        self.sites.get(id)
    }
}

/// The language of what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Bahasa Indonesia.
    #[default]
    Id,
    /// English.
    En,
}

/// How a site is probed and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// One round of probes this often.
    pub interval: Duration,
    /// Echo requests in a round, at least 1.
    pub probes: u16,
    /// How long an echo reply is waited for.
    pub timeout: Duration,
    /// Failed (or poor) rounds in a row that confirm down (or degraded), at least 1.
    pub down_after: u32,
    /// Good rounds in a row that confirm up, at least 1.
    pub up_after: u32,
    /// The loss from which a round is poor, in percent.
    pub loss_warn: f64,
    /// The median RTT from which a round is poor.
    pub rtt_warn: Option<Duration>,
    /// How often an agent delivers.
    pub report_interval: Duration,
    /// How exactly an agent keeps RTTs.
    pub wire: Precision,
    /// How much of a backlog an agent delivers in a minute, in kB.
    pub backlog_kb_per_minute: u32,
    /// The monthly uptime that was promised, in percent.
    pub sla: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            interval: Duration::from_secs(30),
            probes: 5,
            timeout: Duration::from_secs(1),
            down_after: 3,
            up_after: 2,
            loss_warn: 20.0,
            rtt_warn: None,
            report_interval: Duration::from_secs(30),
            wire: Precision::Full,
            backlog_kb_per_minute: crate::plan::DEFAULT_BACKLOG / 1_000,
            sla: 99.0,
        }
    }
}

/// A planned window [from, to).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// Where the work is.
    pub site: SiteId,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Why.
    pub reason: Option<String>,
    /// When it was added by command; none when it stands in the file. One that was added after it had begun was announced
    /// in retrospect.
    #[serde(default)]
    pub added_at: Option<Timestamp>,
}
