//! What a self-test may find: every finding is a variant with what was seen, its topic and its verdict. Pure.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use kentongan_model::{
    id::{Subject, Vantage},
    plan::PlanRevision,
    time::Timestamp,
};

use crate::uplink::Obstacle;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Well,
    /// It works, or nobody can tell; somebody should look at it.
    Doubtful,
    /// The agent cannot do its work.
    Failed,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// `agent.toml`.
    Configuration,
    /// Where it writes.
    Folders,
    /// Whether an agent is running.
    Running,
    /// The right to ping.
    Ping,
    /// The way out.
    Gateway,
    /// The collector's name.
    Dns,
    /// The wall clock.
    Clock,
    /// The way to the collector.
    Connection,
    /// The collector's certificate.
    Tls,
    /// What the collector says.
    Collector,
    /// What is to be pinged.
    Targets,
    /// A device of the plan.
    Snmp,
}

impl Topic {
    /// Its name for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Topic::Configuration => "configuration",
            Topic::Folders => "folders",
            Topic::Running => "running",
            Topic::Ping => "ping",
            Topic::Gateway => "gateway",
            Topic::Dns => "dns",
            Topic::Clock => "clock",
            Topic::Connection => "connection",
            Topic::Tls => "tls",
            Topic::Collector => "collector",
            Topic::Targets => "targets",
            Topic::Snmp => "snmp",
        }
    }
}

/// What a folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What outlives a power cut.
    Flash,
    /// What does not have to.
    Memory,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    Configured {
        agent: Vantage,
        collector: String,
    },
    Unconfigured {
        error: String,
    },
    Folder {
        purpose: Purpose,
        folder: PathBuf,
        free_kb: u64,
    },
    NarrowFolder {
        purpose: Purpose,
        folder: PathBuf,
        free_kb: u64,
    },
    /// The other kind of storage than it should be on.
    MisplacedFolder {
        purpose: Purpose,
        folder: PathBuf,
    },
    Unwritable {
        folder: PathBuf,
        error: String,
    },
    Running,
    NotRunning,
    MayPing {
        lacking: Option<String>,
    },
    MayNotPing {
        error: String,
    },
    LoopbackSilent,
    GatewayAnswers {
        address: IpAddr,
        rtt_us: u32,
    },
    GatewaySilent {
        address: IpAddr,
    },
    NoGateway,
    NameKnown {
        host: String,
        addresses: Vec<IpAddr>,
        took: Duration,
    },
    NameUnknown {
        host: String,
        error: String,
    },
    /// The clock beside the collector's; positive when this one is ahead.
    Clock {
        ahead_ms: i64,
    },
    ClockOff {
        ahead_ms: i64,
    },
    /// There was no other clock to compare with.
    ClockAlone {
        now: Timestamp,
    },
    ClockUnset {
        now: Timestamp,
        needed: bool,
    },
    AddressUnusable {
        error: String,
    },
    Connected {
        encrypted: bool,
        took: Duration,
    },
    Unconnected {
        obstacle: Obstacle,
        error: String,
    },
    Plan {
        revision: PlanRevision,
        targets: usize,
        devices: usize,
    },
    EmptyPlan,
    TokenRefused,
    AgentUnknown,
    PlanUnusable {
        error: String,
    },
    Unexpected {
        status: u16,
    },
    /// The collector gave none; this is the one that was kept.
    KeptPlan {
        targets: usize,
        devices: usize,
    },
    NoPlan,
    TargetsAnswer {
        count: usize,
    },
    TargetsSilent {
        silent: Vec<Subject>,
        more: usize,
        of: usize,
    },
    Device {
        subject: Subject,
        address: IpAddr,
        description: String,
    },
    DeviceSilent {
        subject: Subject,
        address: IpAddr,
        access: String,
        error: String,
    },
    DevicesLeftOut {
        count: usize,
    },
}

impl Found {
    /// What it is about.
    pub(crate) fn topic(&self) -> Topic {
        match self {
            Found::Configured { .. } | Found::Unconfigured { .. } => Topic::Configuration,
            Found::Folder { .. }
            | Found::NarrowFolder { .. }
            | Found::MisplacedFolder { .. }
            | Found::Unwritable { .. } => Topic::Folders,
            Found::Running | Found::NotRunning => Topic::Running,
            Found::MayPing { .. } | Found::MayNotPing { .. } | Found::LoopbackSilent => Topic::Ping,
            Found::GatewayAnswers { .. } | Found::GatewaySilent { .. } | Found::NoGateway => Topic::Gateway,
            Found::NameKnown { .. } | Found::NameUnknown { .. } => Topic::Dns,
            Found::Clock { .. }
            | Found::ClockOff { .. }
            | Found::ClockAlone { .. }
            | Found::ClockUnset { .. } => Topic::Clock,
            Found::AddressUnusable { .. } | Found::Connected { encrypted: false, .. } => Topic::Connection,
            Found::Connected { encrypted: true, .. } => Topic::Tls,
            Found::Unconnected { obstacle, .. } => match obstacle {
                Obstacle::CertificateTime
                | Obstacle::CertificateIssuer
                | Obstacle::CertificateName
                | Obstacle::Tls => Topic::Tls,
                Obstacle::Unreachable | Obstacle::Slow | Obstacle::Foreign => Topic::Connection,
            },
            Found::Plan { .. }
            | Found::EmptyPlan
            | Found::TokenRefused
            | Found::AgentUnknown
            | Found::PlanUnusable { .. }
            | Found::Unexpected { .. }
            | Found::KeptPlan { .. }
            | Found::NoPlan => Topic::Collector,
            Found::TargetsAnswer { .. } | Found::TargetsSilent { .. } => Topic::Targets,
            Found::Device { .. } | Found::DeviceSilent { .. } | Found::DevicesLeftOut { .. } => Topic::Snmp,
        }
    }

    /// How bad it is.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Found::Configured { .. }
            | Found::Folder { .. }
            | Found::Running
            | Found::MayPing { .. }
            | Found::GatewayAnswers { .. }
            | Found::NameKnown { .. }
            | Found::Clock { .. }
            | Found::Connected { .. }
            | Found::Plan { .. }
            | Found::TargetsAnswer { .. }
            | Found::Device { .. } => Verdict::Well,
            Found::NarrowFolder { .. }
            | Found::MisplacedFolder { .. }
            | Found::NotRunning
            | Found::GatewaySilent { .. }
            | Found::NoGateway
            | Found::ClockOff { .. }
            | Found::ClockAlone { .. }
            | Found::ClockUnset { needed: false, .. }
            | Found::EmptyPlan
            | Found::KeptPlan { .. }
            | Found::TargetsSilent { .. }
            | Found::DevicesLeftOut { .. } => Verdict::Doubtful,
            Found::Unconfigured { .. }
            | Found::Unwritable { .. }
            | Found::MayNotPing { .. }
            | Found::LoopbackSilent
            | Found::NameUnknown { .. }
            | Found::ClockUnset { needed: true, .. }
            | Found::AddressUnusable { .. }
            | Found::Unconnected { .. }
            | Found::TokenRefused
            | Found::AgentUnknown
            | Found::PlanUnusable { .. }
            | Found::Unexpected { .. }
            | Found::NoPlan
            | Found::DeviceSilent { .. } => Verdict::Failed,
        }
    }
}
