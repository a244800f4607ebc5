//! The way to a target that has just gone down, hop by hop: who still answers tells where it was cut.
//!
//! Measured once, right after the decision, and kept like a round. The rule guarded here: it must not add to the trouble
//! that it looks at. One way is traced at a time and one a minute at most; when many targets go down at once they
//! mostly hang on the same cut, so the first few speak for all.

#[cfg(target_os = "linux")]
mod socket;
mod walk;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use kentongan_model::{time::Clock, wire};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{keeping::Keeping, plan_cache::LoadedPlan};
use walk::Walk;

/// From the end of one trace to the beginning of the next.
const PAUSE: Duration = Duration::from_secs(60);
/// Targets that may wait for their turn; further ones are not traced, and counted.
const WAITING: usize = 2;
/// A target that was decided down longer ago than this is not traced any more, and counted: what is found then is another
/// story.
const TOO_LATE: Duration = Duration::from_secs(150);

/// Where those who decide ask for a trace.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    sender: mpsc::Sender<Order>,
    missed: Arc<AtomicU32>,
}

/// A target that has gone down.
#[derive(Debug)]
struct Order {
    plan: Arc<LoadedPlan>,
    target: usize,
    decided: Duration,
}

/// The task that traces.
pub(crate) struct Traces {
    orders: mpsc::Receiver<Order>,
    /// Targets that were not traced, since it was told last.
    missed: Arc<AtomicU32>,
    clock: Arc<dyn Clock>,
    keeping: Keeping,
}

impl Orders {
    /// Asks for the way to this target of the plan, decided down at that time since boot.
    pub(crate) fn trace(&self, plan: &Arc<LoadedPlan>, target: usize, decided: Duration) {
        let order = Order { plan: Arc::clone(plan), target, decided };
        if self.sender.try_send(order).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(target = %plan.plan.targets[target].subject, "not traced: others wait already");
        }
    }
}

impl Traces {
    /// The task, and where to order.
    pub(crate) fn new(clock: Arc<dyn Clock>, keeping: Keeping) -> (Orders, Self) {
        let (sender, orders) = mpsc::channel(WAITING);
        let missed = Arc::<AtomicU32>::default();
        (Orders { sender, missed: Arc::clone(&missed) }, Traces { orders, missed, clock, keeping })
    }

    /// Traces until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // It ends by itself only when nobody is left to order.
        stop.run_until_cancelled(async {
            while let Some(order) = self.orders.recv().await {
                if self.clock.since_boot().saturating_sub(order.decided) <= TOO_LATE {
                    self.trace(&order).await;
                    tokio::time::sleep(PAUSE).await;
                } else {
                    self.missed.fetch_add(1, Ordering::Relaxed);
                }
                // Who is missed finds others waiting, so that this comes round again.
                let targets = self.missed.swap(0, Ordering::Relaxed);
                if targets > 0 {
                    tracing::info!(targets, "went down and were not traced: one a minute is");
                }
            }
        })
        .await;
        stop.cancelled().await;
    }

    async fn trace(&self, order: &Order) {
        let planned = &order.plan.plan.targets[order.target];
        let begun = self.clock.since_boot();
        match way_to(planned.address, &*self.clock).await {
            Ok(walk) => {
                let (reached, hops) = walk.end();
                let answered = hops.iter().filter(|hop| hop.address.is_some()).count();
                tracing::info!(target = %planned.subject, address = %planned.address, reached, answered, "traced");
                let mono_ms = u64::try_from(begun.as_millis()).unwrap_or(u64::MAX);
                let target = u16::try_from(order.target).unwrap_or(u16::MAX);
                let trace = wire::Trace { target, mono_ms, reached, hops };
                self.keeping.keep_trace(order.plan.revision, trace);
            }
            Err(error) => tracing::debug!(target = %planned.subject, %error, "cannot be traced"),
        }
    }
}

/// Walks the way to an address.
#[cfg(target_os = "linux")]
async fn way_to(address: IpAddr, clock: &dyn Clock) -> std::io::Result<Walk> {
    let mut walk = Walk::new(address);
    socket::walk(&mut walk, address, clock).await?;
    Ok(walk)
}

/// Only Linux tells an ordinary program which router an error came from.
#[cfg(not(target_os = "linux"))]
async fn way_to(_: IpAddr, _: &dyn Clock) -> std::io::Result<Walk> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use kentongan_model::time::{HandClock, Timestamp};

    use super::*;
    use crate::{
        hourly::tests::Log,
        spool::{Limits, Spool},
    };

    const PLAN: &str = r#"{"agent":"kec-a","report_interval_ms":30000,"targets":[{"subject":"kec-a/router","address":"127.0.0.1","interval_ms":5000,"probes":5,"timeout_ms":1000,"down_after":3,"up_after":2,"loss_warn":20.0}],"devices":[]}"#;

    #[tokio::test]
    async fn targets_that_found_others_waiting_or_waited_too_long_are_counted_and_told() {
        let (folder, own) = (tempfile::tempdir().unwrap(), "kec-a".parse().unwrap());
        let plan = Arc::new(LoadedPlan::read(PLAN, &own).unwrap());
        let at = Timestamp::from_millis(1_000);
        let clock = Arc::new(HandClock::new(at + TOO_LATE * 2, at));
        let (memory, disk) = (folder.path().join("memory"), folder.path().join("disk"));
        let spool = Spool::open(own, &memory, &disk, Limits::default(), &clock.stamp()).unwrap();
        let (orders, traces) = Traces::new(clock.clone(), Keeping::new(spool, clock));
        let log = Log::begin();
        for _ in 0..WAITING + 3 {
            orders.trace(&plan, 0, Duration::ZERO);
        }
        let stop = CancellationToken::new();
        let running = traces.run(stop.clone());
        tokio::join!(running, async {
            drop(orders);
            stop.cancel();
        });
        let told: u32 = log
            .take()
            .lines()
            .filter_map(|line| line.split_once("targets=")?.1.split(' ').next()?.parse::<u32>().ok())
            .sum();
        assert_eq!(told, 5);
    }
}
