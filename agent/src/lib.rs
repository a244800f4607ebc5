//! The agent: a measurement begins here. It probes what its plan says, keeps what it measured in a spool that
//! outlives it, and delivers it to the collector until the collector has acknowledged it.
//!
//! On the way of a measurement: [`schedule`] says when a target is due, `rounds` has it pinged through a [`pinger`] and
//! [`decision`] says whether that settled anything; `snmp` reads devices, `trace` walks the
//! way to what went down; [`spool`] keeps; [`uplink`] delivers. The rule of
//! the crate: what was measured is gone only when the collector has it, or when a stated limit dropped it and counted it.

mod chance;
pub mod config;
pub mod decision;
pub mod enrol;
mod host;
mod hourly;
pub mod icmp;
mod keeping;
pub mod language;
pub mod pace;
pub mod pinger;
pub mod plan_cache;
mod probe;
mod rounds;
pub mod schedule;
pub mod self_test;
pub mod snmp;
pub mod spool;
mod tls;
mod trace;
pub mod traffic;
pub mod uplink;

use std::{sync::Arc, time::Duration};

use kentongan_model::time::Clock;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub use config::Config;
use icmp::{IcmpError, IcmpPinger};
use keeping::Keeping;
use pinger::Pinger;
use plan_cache::PlanCache;
use spool::{Limits, Spool, SpoolError};
pub use tls::CaFileError;
use traffic::Traffic;
use uplink::{AddressError, Uplink};

/// Why an agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It cannot ping.
    #[error(transparent)]
    Icmp(#[from] IcmpError),
    /// Its folders cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Its collector's address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// One of its tasks has died, which is a fault of the program.
    #[error("the agent has a fault and ends")]
    Fault(#[from] tokio::task::JoinError),
}

/// Runs an agent until `stop`: measures, keeps and delivers. What is undelivered at the end is on disk.
///
/// # Errors
/// When it cannot begin (rights, folders, address), or has a fault.
pub async fn run(config: Config, clock: Arc<dyn Clock>, stop: CancellationToken) -> Result<(), AgentError> {
    let pinger = IcmpPinger::open(config.engine, &clock)?;
    run_with(pinger, config, clock, stop).await
}

/// Runs an agent on another engine.
///
/// # Errors
/// As [`run`].
pub async fn run_with<P: Pinger>(
    pinger: P,
    config: Config,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let agent = config.agent.clone();
    let on_disk = config.state_dir.join("spool");
    let spool = Spool::open(agent.clone(), &config.memory_dir, &on_disk, Limits::default(), &clock.stamp())?;
    let keeping = Keeping::new(spool, Arc::clone(&clock));
    let cache = PlanCache::new(&config.state_dir);
    let (plans, followed) = watch::channel(cache.load(&agent).map(Arc::new));
    let traffic = Traffic::default();
    let uplink = Uplink::new(&config, Arc::clone(&clock), keeping.clone(), cache, plans, &traffic)?;

    let measuring = stop.child_token();
    let mut measurers = JoinSet::new();
    let (orders, traces) = trace::Traces::new(Arc::clone(&clock), keeping.clone());
    let rounds = rounds::Rounds {
        pinger: Arc::new(pinger),
        clock: Arc::clone(&clock),
        plans: followed.clone(),
        keeping: keeping.clone(),
        orders,
    };
    let host = host::Host {
        clock: Arc::clone(&clock),
        plans: followed.clone(),
        keeping: keeping.clone(),
        state_dir: config.state_dir.clone(),
    };
    let polls = snmp::Polls { clock, plans: followed, keeping };
    measurers.spawn(rounds.run(measuring.clone()));
    measurers.spawn(polls.run(measuring.clone()));
    measurers.spawn(traces.run(measuring.clone()));
    measurers.spawn(host.run(measuring.clone()));

    // The uplink ends last: it takes along what the others measured to the end.
    let measured = CancellationToken::new();
    let mut delivering = JoinSet::new();
    delivering.spawn(uplink.run(measured.clone()));
    let mut ended = Ok(());
    while let Some(one) = measurers.join_next().await {
        if one.is_err() {
            measuring.cancel();
            ended = one;
        }
    }
    measured.cancel();
    while let Some(one) = delivering.join_next().await {
        one?;
    }
    Ok(ended?)
}

/// Waits for what is due; forever if nothing is.
pub(crate) async fn sleep_until(due: Option<Duration>, now: Duration) {
    match due {
        Some(due) => tokio::time::sleep(due.saturating_sub(now)).await,
        None => std::future::pending().await,
    }
}

/// An error and what it comes from, in one line.
#[must_use]
pub fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told.push_str(": ");
        told.push_str(&cause.to_string());
        source = cause.source();
    }
    told
}
