//! The wire: how an agent's measurements travel to the collector, and how the journal keeps them.
//!
//! A [`Batch`] is what an agent measured in one report interval, sealed once and then only carried. A [`Delivery`]
//! is a sealed batch with the moment of its sending, from which the collector tells how old the measurements are.

mod bytes;
mod coder;
mod counters;
mod envelope;
mod error;
mod gauges;
mod grain;
mod head;
mod range;
mod readings;
mod rounds;
mod rtts;
mod seal;
mod stretch;
mod thin;
mod traces;

pub use envelope::{BaseTag, split};
pub use error::{
    MAX_GAUGES, MAX_HOPS, MAX_INTERFACES, MAX_OPENED, MAX_READINGS, MAX_ROUNDS, MAX_RTTS, MAX_SEALED,
    MAX_TEXT, MAX_TRACES, WireError,
};

use std::net::IpAddr;

use crate::{gauge::GaugeKind, id::Vantage, plan::PlanRevision, time::Stamp};

/// What an agent measured in one report interval.
///
/// (agent, series, sequence) names it for good: the same name is the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Whose it is.
    pub agent: Vantage,
    /// Which run of sequence numbers; drawn at random when an agent starts without a spool.
    pub series: u32,
    /// Its number in the series, counted from 1.
    pub sequence: u64,
    /// When it was sealed, by the router's clocks. All times in it count from this boot.
    pub sealed: Stamp,
    /// The plan that its indices refer to.
    pub plan: PlanRevision,
    /// Rounds that the agent measured before but had to drop because its spool was full, since the last batch.
    pub dropped_rounds: u64,
    /// Rounds.
    pub rounds: Vec<MeasuredRound>,
    /// SNMP readings.
    pub readings: Vec<DeviceReading>,
    /// Looks at gauges.
    pub gauges: Vec<GaugeReading>,
    /// Ways to targets that have gone down.
    pub traces: Vec<Trace>,
}

/// One round of probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredRound {
    /// Index of the target in the plan.
    pub target: u16,
    /// When the first probe was sent, in milliseconds since boot.
    pub mono_ms: u64,
    /// Probes sent, at least 1.
    pub sent: u16,
    /// RTT of each answered probe in microseconds, at most `sent`, in any order. The wire does not keep the order: of an
    /// opened batch they ascend.
    pub rtts_us: Vec<u32>,
}

/// One answered SNMP poll of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceReading {
    /// Index of the device in the plan.
    pub device: u16,
    /// When it was answered, in milliseconds since boot.
    pub mono_ms: u64,
    /// sysUpTime in hundredths of a second.
    pub uptime_cs: Option<u32>,
    /// What was read of its links.
    pub interfaces: Vec<InterfaceReading>,
}

/// What was read of one interface that a link names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceReading {
    /// Index of the link in the planned device.
    pub link: u16,
    /// ifName; told when it is new to the series or has changed.
    pub name: Option<String>,
    /// ifAlias; told when it is new to the series or has changed.
    pub alias: Option<String>,
    /// ifOperStatus, 1 to 7 (RFC 2863).
    pub oper_status: Option<u8>,
    /// ifHighSpeed in Mbit/s.
    pub high_speed_mbps: Option<u32>,
    /// Counters, each where the device has it, in the order of [`COUNTERS`].
    pub counters: [Option<u64>; 8],
}

/// The counters of an interface, in the order of [`InterfaceReading::counters`]: ifHCInOctets, ifHCOutOctets,
/// ifHCInUcastPkts, ifHCOutUcastPkts, ifInErrors, ifOutErrors, ifInDiscards, ifOutDiscards (IF-MIB, RFC 2863).
pub const COUNTERS: [&str; 8] = [
    "in_octets",
    "out_octets",
    "in_packets",
    "out_packets",
    "in_errors",
    "out_errors",
    "in_discards",
    "out_discards",
];

/// One look at gauges: those of one device, or those of the agent's own router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaugeReading {
    /// Index of the device in the plan; none is the router that the agent runs on.
    pub device: Option<u16>,
    /// When they were read, in milliseconds since boot.
    pub mono_ms: u64,
    /// What they showed.
    pub gauges: Vec<Gauge>,
}

/// What one gauge showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// Its number among the gauges of its device in this series, as the agent gave it.
    pub number: u16,
    /// What it is; told when it is new to the series or has changed, and again once an hour.
    pub label: Option<Label>,
    /// Its value, in thousandths of its kind's unit.
    pub value: i64,
}

/// What a gauge is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// What it says, and in which unit.
    pub kind: GaugeKind,
    /// Where in the device: an interface, an ONU, a radio, an SSID. Empty for the device as a whole; at most
    /// [`MAX_TEXT`] bytes.
    pub place: String,
}

/// The way to a target, hop by hop, taken when it went down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Index of the target in the plan.
    pub target: u16,
    /// When its first probe was sent, in milliseconds since boot.
    pub mono_ms: u64,
    /// Whether the target itself answered, as the last hop.
    pub reached: bool,
    /// Who answered at each distance, from 1 on.
    pub hops: Vec<Hop>,
}

/// Who answered at one distance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Who; none when nobody did in time.
    pub address: Option<IpAddr>,
    /// After how long, in microseconds; 0 when nobody did.
    pub rtt_us: u32,
}

/// A sealed batch on its way, with the moment of its sending.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The router's clocks when it was sent.
    pub sent: Stamp,
    /// What it carries.
    pub batch: Batch,
}

/// Codes a text: its length, and its bytes as they are.
fn text(
    coder: &mut dyn coder::Coder,
    length: &mut coder::Number,
    text: String,
    what: &'static str,
) -> Result<String, WireError> {
    let mut bytes = text.into_bytes();
    let told = coder.number(length, bytes.len() as u64)?;
    bytes.resize(error::within("bytes of a name", told, MAX_TEXT)?, 0);
    for byte in &mut bytes {
        *byte = coder.raw(8, u64::from(*byte))? as u8;
    }
    String::from_utf8(bytes).map_err(|_| WireError::Malformed(what))
}
