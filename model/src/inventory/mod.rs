//! The inventory: what is watched (`hotspots.toml`, described in `docs/inventory.md`), as trusted values.
//!
//! A [`Network`] exists only when its file had no fault: ids are unique, references lead somewhere, upstreams form no
//! circle. [`read`](Network::read) tells all faults at once, each with its place in the file.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub use crate::plan::{AuthProtocol, PrivacyProtocol};
pub use crate::secret::SecretSource;
pub use crate::state::Kind;
use crate::{
    id::{CredentialId, SiteId, TargetId, Vantage},
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
    pub sites: Vec<Site>,
    /// Planned windows, in the order of the file.
    pub maintenance: Vec<MaintenanceWindow>,
    /// SNMP credentials by name.
    pub credentials: BTreeMap<CredentialId, Credential>,
}

impl Network {
    /// The site of that id.
    #[must_use]
    pub fn site(&self, id: &SiteId) -> Option<&Site> {
        self.sites.iter().find(|site| site.id == *id)
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
            sla: 99.0,
        }
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

/// A Kemendagri code: `33`, `33.03`, `33.03.07` or `33.03.07.2012`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionCode(String);

/// A text that is no Kemendagri code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a Kemendagri code such as 33.03.07 or 33.03.07.2012")]
pub struct RegionError(String);

impl std::str::FromStr for RegionCode {
    type Err = RegionError;
    fn from_str(text: &str) -> Result<Self, RegionError> {
        let widths = [2, 2, 2, 4];
        let parts: Vec<&str> = text.split('.').collect();
        let fits = parts.len() <= widths.len()
            && parts.iter().zip(widths).all(|(p, w)| p.len() == w && p.bytes().all(|b| b.is_ascii_digit()));
        if fits { Ok(RegionCode(text.to_owned())) } else { Err(RegionError(text.to_owned())) }
    }
}

impl RegionCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code of the kecamatan that this region is or lies in: its first three parts.
    #[must_use]
    pub fn kecamatan(&self) -> Option<&str> {
        const LENGTH: usize = "33.03.07".len();
        self.0.get(..LENGTH)
    }
}

/// A planned window [from, to).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Where the work is.
    pub site: SiteId,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

/// How a device is asked over SNMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// SNMP v1 or v2c (RFC 1157, RFC 1901).
    Community {
        /// Whether it is v1, which has neither GETBULK nor 64-bit counters.
        v1: bool,
        /// The community string.
        community: SecretSource,
    },
    /// SNMP v3 with the user-based security model (RFC 3414).
    User {
        /// The user's name.
        user: String,
        /// Authentication; none: noAuthNoPriv.
        auth: Option<(AuthProtocol, SecretSource)>,
        /// Encryption; only with authentication.
        privacy: Option<(PrivacyProtocol, SecretSource)>,
    },
}
