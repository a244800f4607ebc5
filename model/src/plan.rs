//! The plan: what an agent probes, and how. The collector makes it out of the inventory, the agent obeys it.
//!
//! A plan is JSON on the way to the agent; its [`revision`](Plan::revision) is its ETag. Batches name targets, devices
//! and links by their index in the plan of that revision, so a plan that was handed out is kept as long as batches may
//! refer to it.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::{
    id::{Subject, Vantage},
    probe::Probe,
    profile::Profile,
};

/// What one agent does. Whoever reads one that may be newer than himself reads its profiles on their own, as
/// `P`: what he does not understand of them is no reason not to ping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan<P = Profile> {
    /// Whose plan it is.
    pub agent: Vantage,
    /// How often to deliver, in milliseconds.
    pub report_interval_ms: u64,
    /// How exactly to keep RTTs.
    #[serde(default, skip_serializing_if = "Precision::is_full")]
    pub precision: Precision,
    /// How many bytes a minute of a backlog to deliver, after the collector could not be reached for a while. The present
    /// always goes.
    #[serde(default = "default_backlog", skip_serializing_if = "is_default_backlog")]
    pub backlog_bytes_per_minute: u32,
    /// What to probe; at most 65,535.
    pub targets: Vec<PlannedTarget>,
    /// What to poll over SNMP; at most 65,535.
    pub devices: Vec<PlannedDevice>,
    /// What is read of which devices beside their interfaces; at most [`MAX_PROFILES`](crate::profile::MAX_PROFILES).
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<P>,
}

/// The budget of a plan that says nothing of it: a week's backlog of 2 MB takes about 40 minutes, and 500 agents that
/// come back at once send half a megabyte a second.
pub const DEFAULT_BACKLOG: u32 = 64_000;

fn default_backlog() -> u32 {
    DEFAULT_BACKLOG
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_default_backlog(bytes: &u32) -> bool {
    *bytes == DEFAULT_BACKLOG
}

/// How exactly an agent keeps RTTs. Everything else it always keeps exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// To 1 µs.
    #[default]
    Full,
    /// To 1 %, and the jitter of a round to 5 %, for a metered link ([`Batch::thin`](crate::wire::Batch::thin)).
    Thin,
}

impl Precision {
    /// Its name in the inventory and in plans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Precision::Full => "full",
            Precision::Thin => "thin",
        }
    }

    /// Whether it is what a plan means that says nothing of it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        *self == Precision::Full
    }
}

/// A target to probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedTarget {
    /// What it is.
    pub subject: Subject,
    /// Where it is.
    pub address: IpAddr,
    /// How it is asked.
    #[serde(default, skip_serializing_if = "Probe::is_icmp")]
    pub probe: Probe,
    /// One round this often, in milliseconds.
    pub interval_ms: u64,
    /// How often it is asked in a round.
    pub probes: u16,
    /// How long each answer is waited for, in milliseconds.
    pub timeout_ms: u64,
    /// Failed or poor rounds in a row that decide; until then the agent probes faster.
    pub down_after: u32,
    /// Good rounds in a row that decide.
    pub up_after: u32,
    /// The loss from which a round is poor, in percent.
    pub loss_warn: f64,
    /// The median RTT from which a round is poor, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_warn_us: Option<u64>,
    /// Indices of the targets that are asked along when this one falls silent: what they answer after it tells what
    /// else is gone. They are the gateways of its site's upstreams and of all sites below it, as far as the agent
    /// probes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<u16>,
}

/// A device to poll over SNMP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedDevice {
    /// The target that it is.
    pub subject: Subject,
    /// Where it is (UDP port 161).
    pub address: IpAddr,
    /// Its UDP port.
    pub port: u16,
    /// One poll this often, in milliseconds.
    pub interval_ms: u64,
    /// How to ask.
    pub access: Access,
    /// The interfaces that matter, each by ifName or ifAlias; at most 65,535.
    pub links: Vec<String>,
}

/// How to ask a device, secrets included: a plan is stored with mode 0600 and never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "version")]
pub enum Access {
    /// SNMP v1.
    #[serde(rename = "1")]
    V1 {
        /// The community string.
        community: String,
    },
    /// SNMP v2c.
    #[serde(rename = "2c")]
    V2c {
        /// The community string.
        community: String,
    },
    /// SNMP v3, user-based.
    #[serde(rename = "3")]
    V3 {
        /// The user's name.
        user: String,
        /// Authentication protocol and password.
        auth: Option<(AuthProtocol, String)>,
        /// Privacy protocol and password.
        privacy: Option<(PrivacyProtocol, String)>,
    },
}

impl fmt::Debug for Access {
    /// Says the version, keeps the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::V1 { .. } => "SNMP v1",
            Access::V2c { .. } => "SNMP v2c",
            Access::V3 { .. } => "SNMP v3",
        })
    }
}

/// Authentication of SNMP v3 (RFC 3414, RFC 7860).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthProtocol {
    /// HMAC-MD5-96.
    Md5,
    /// HMAC-SHA-96.
    Sha1,
    /// HMAC-SHA-224.
    Sha224,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-384.
    Sha384,
    /// HMAC-SHA-512.
    Sha512,
}

/// Encryption of SNMP v3 (RFC 3414, RFC 3826).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrivacyProtocol {
    /// CBC-DES.
    Des,
    /// CFB128-AES-128.
    Aes128,
    /// CFB128-AES-192.
    Aes192,
    /// CFB128-AES-256.
    Aes256,
}

/// Which plan it is: the first 64 bits of the SHA-256 of its JSON. Written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanRevision(pub u64);

impl fmt::Display for PlanRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for PlanRevision {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(PlanRevision)
    }
}

impl<P> Plan<P> {
    /// The same plan with other profiles.
    #[must_use]
    pub fn with_profiles<Q>(self, profiles: impl FnOnce(Vec<P>) -> Vec<Q>) -> Plan<Q> {
        let Plan { agent, report_interval_ms, precision, backlog_bytes_per_minute, targets, devices, .. } =
            self;
        let profiles = profiles(self.profiles);
        Plan { agent, report_interval_ms, precision, backlog_bytes_per_minute, targets, devices, profiles }
    }
}

impl Plan {
    /// The plan as it travels and is stored.
    ///
    /// # Panics
    /// Never: a plan has no map with keys that JSON cannot carry.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a plan is plain data")
    }

    /// Which plan this is.
    #[must_use]
    pub fn revision(&self) -> PlanRevision {
        PlanRevision::of_json(&self.to_json())
    }
}

impl PlanRevision {
    /// The revision of a plan that was read as this JSON.
    #[must_use]
    pub fn of_json(json: &str) -> Self {
        let digest = sha2::Sha256::digest(json.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        PlanRevision(u64::from_be_bytes(first))
    }
}
