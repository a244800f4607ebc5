//! What was observed, in the terms of the contract: the input of the timeline, whether it comes from the journal or
//! from a replay log.

use crate::{
    id::{SiteId, Subject, TargetId, Vantage},
    time::Timestamp,
};

/// One agent's probes of one target at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// When the first probe was sent.
    pub at: Timestamp,
    /// Who probed.
    pub vantage: Vantage,
    /// What was probed.
    pub target: Subject,
    /// Probes sent, at least 1.
    pub sent: u32,
    /// The RTT of each answered probe in microseconds, at most `sent`, in any order.
    pub rtts_us: Vec<u32>,
}

/// A delivery of a site's agent that reached the collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// When it arrived, by the collector's clock.
    pub at: Timestamp,
    /// The site of the agent.
    pub agent: SiteId,
    /// When the agent's router booted.
    pub boot_at: Option<Timestamp>,
}

/// ifOperStatus of an interface, reduced to what the contract needs (RFC 2863: `up` is up, all else is down, but for
/// `unknown` and `testing`, which are not told).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Oper {
    /// Passes packets.
    Up,
    /// Does not.
    Down,
}

/// One interface of a device, as an SNMP answer shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceState {
    /// ifName.
    pub name: Option<String>,
    /// ifAlias.
    pub alias: Option<String>,
    /// ifOperStatus; none when the answer does not tell.
    pub oper: Option<Oper>,
}

/// A target's answer to an SNMP poll. It is no round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnmpAnswer {
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked.
    pub vantage: Vantage,
    /// The site that was asked.
    pub site: SiteId,
    /// The target that was asked.
    pub target: TargetId,
    /// When the target booted, from sysUpTime.
    pub boot_at: Option<Timestamp>,
    /// What was read of its interfaces.
    pub interfaces: Vec<InterfaceState>,
}

/// A stretch [from, to) in which the collector did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Downtime {
    /// When it stopped.
    pub from: Timestamp,
    /// When it was back.
    pub to: Timestamp,
}

/// Anything that can be observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Probes and their answers.
    Round(Round),
    /// A delivery that arrived.
    Heartbeat(Heartbeat),
    /// An answered SNMP poll.
    Snmp(SnmpAnswer),
    /// The collector did not run.
    CollectorDown(Downtime),
}
