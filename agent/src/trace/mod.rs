//! The way to a target that has just gone down, hop by hop: who still answers tells where it was cut.
//!
//! Measured once, right after the decision, and kept like a round. The rule guarded here: it must not add to the trouble
//! that it looks at. One way is traced at a time and one a minute at most; when many targets go down at once they
//! mostly hang on the same cut, so the first few speak for all.

#[cfg(target_os = "linux")]
mod socket;
mod walk;

use std::{net::IpAddr, sync::Arc, time::Duration};

use kentongan_model::{time::Clock, wire};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{keeping::Keeping, plan_cache::LoadedPlan};
use walk::Walk;

/// From the end of one trace to the beginning of the next.
const PAUSE: Duration = Duration::from_secs(60);
/// Targets that may wait for their turn; further ones are not traced, which is told at level debug.
const WAITING: usize = 2;
/// A target that was decided down longer ago than this is not traced any more: what is found then is another story.
const TOO_LATE: Duration = Duration::from_secs(150);

/// Where those who decide ask for a trace.
#[derive(Debug, Clone)]
pub(crate) struct Orders(mpsc::Sender<Order>);

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
    clock: Arc<dyn Clock>,
    keeping: Keeping,
}

impl Orders {
    /// Asks for the way to this target of the plan, decided down at that time since boot.
    pub(crate) fn trace(&self, plan: &Arc<LoadedPlan>, target: usize, decided: Duration) {
        let order = Order { plan: Arc::clone(plan), target, decided };
        if self.0.try_send(order).is_err() {
            tracing::debug!(target = %plan.plan.targets[target].subject, "not traced: others wait already");
        }
    }
}

impl Traces {
    /// The task, and where to order.
    pub(crate) fn new(clock: Arc<dyn Clock>, keeping: Keeping) -> (Orders, Self) {
        let (sender, orders) = mpsc::channel(WAITING);
        (Orders(sender), Traces { orders, clock, keeping })
    }

    /// Traces until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // It ends by itself only when nobody is left to order.
        stop.run_until_cancelled(async {
            while let Some(order) = self.orders.recv().await {
                if self.clock.since_boot().saturating_sub(order.decided) <= TOO_LATE {
                    self.trace(&order).await;
                    tokio::time::sleep(PAUSE).await;
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
