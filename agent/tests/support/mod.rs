//! What the tests of a whole agent share: the collector that it talks to, a plan for it, and a story beside it.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses its own part")]

mod collector;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

pub use collector::{Arrival, FakeCollector, Mood, TOKEN};
use kentongan_agent::Config;
use kentongan_model::{
    plan::{Plan, PlannedDevice, PlannedTarget, Precision},
    probe::Probe,
    time::{Clock, Stamp, SystemClock, Timestamp},
    wire::Batch,
};

/// A plan of an agent at `kec-a` with these targets.
pub fn plan(targets: Vec<PlannedTarget>, devices: Vec<PlannedDevice>) -> Plan {
    Plan {
        agent: "kec-a".parse().unwrap(),
        report_interval_ms: 1_000,
        precision: Precision::Full,
        backlog_bytes_per_minute: 1_000_000,
        targets,
        devices,
        profiles: Vec::new(),
    }
}

pub fn target(subject: &str, address: &str) -> PlannedTarget {
    PlannedTarget {
        subject: subject.parse().unwrap(),
        address: address.parse().unwrap(),
        probe: Probe::Icmp,
        interval_ms: 2_000,
        probes: 3,
        timeout_ms: 500,
        down_after: 3,
        up_after: 2,
        loss_warn: 20.0,
        rtt_warn_us: None,
        witnesses: Vec::new(),
    }
}

/// Waits until `is_so`, which is asked often. Fails after 30 s, with what was waited for.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 30 s in vain until {what}");
}

/// The batches by series and sequence; a name that came with different bytes fails.
pub fn by_name(arrivals: &[Arrival]) -> BTreeMap<(u32, u64), Batch> {
    let mut names: BTreeMap<(u32, u64), &Arrival> = BTreeMap::new();
    for arrival in arrivals {
        let name = (arrival.batch.series, arrival.batch.sequence);
        if let Some(before) = names.insert(name, arrival) {
            assert_eq!(before.sealed, arrival.sealed, "batch {name:?} came with different bytes");
        }
    }
    names.into_iter().map(|(name, arrival)| (name, arrival.batch.clone())).collect()
}

/// Runs an agent beside `story`, and stops it when that has ended.
pub async fn beside_agent<T>(config: Config, story: impl Future<Output = T>) -> T {
    beside_agent_of(Arc::new(SystemClock::new()), config, story).await
}

/// A clock on which a minute passes in a second. What is waited for takes as long as ever.
#[derive(Debug)]
pub struct Hasty {
    clock: SystemClock,
    began: Duration,
}

impl Hasty {
    pub fn new() -> Self {
        let clock = SystemClock::new();
        Hasty { began: clock.since_boot(), clock }
    }
}

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn stamp(&self) -> Stamp {
        Stamp { mono_ms: self.since_boot().as_millis() as u64, ..self.clock.stamp() }
    }

    fn since_boot(&self) -> Duration {
        self.began + 60 * (self.clock.since_boot() - self.began)
    }
}

/// The same with an agent of this clock.
pub async fn beside_agent_of<T>(clock: Arc<dyn Clock>, config: Config, story: impl Future<Output = T>) -> T {
    let stop = tokio_util::sync::CancellationToken::new();
    let agent = tokio::spawn(kentongan_agent::run(config, clock, stop.clone()));
    let told = story.await;
    stop.cancel();
    agent.await.unwrap().unwrap();
    told
}
