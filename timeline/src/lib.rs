//! Observations in; states, uptime and incidents out. Pure: no clock, no I/O but the reader that a replay is given.
//!
//! The way of a measurement through this crate: a round becomes a sample (`round`), folded by the automaton of its
//! `evidence`; deliveries pass `heartbeat` first. All changes of all evidence are the `facts`; `graph` tells who is
//! connected, `judge` applies the rules of `docs/domain.md`, `correlation` mends what staggered probes tear apart,
//! `incident` and `cause` read off what is told. [`replay`] does so for a log, [`Live`] batch by batch; both end in the
//! same [`Judgement`].

mod blind;
mod bridge;
mod cause;
mod correlation;
mod evidence;
mod facts;
mod flapping;
mod graph;
mod group;
mod heartbeat;
mod incident;
mod interval;
mod judge;
mod judgement;
mod links;
mod live;
mod maintenance;
mod place;
mod places;
mod rejudge;
pub mod replay;
mod round;
mod service;
mod settling;
mod span;
mod steps;
mod sweep;
mod uptime;

pub use cause::{CauseEvidence, DarkPort};
pub use flapping::{FlapRule, Flapping, flapping};
pub use group::{By, ByError, GroupUptime, group, groups};
pub use incident::{GROUP_WAIT_MS, Incident};
pub use interval::Interval;
pub use judgement::{Against, Judgement, SiteJudgement, Unproven};
pub use live::{Checkpoint, Counters, Limits, Live, MAX_AHEAD, RETENTION_DAYS, Wanting};
pub use maintenance::maintenance;
pub use service::service;
pub use span::{Span, covered, joined, within};
pub use uptime::{Sums, Uptime, uptime, uptime_within};
