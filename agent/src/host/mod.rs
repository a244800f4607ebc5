//! The router's look at itself: load, memory, flash, its uplink's traffic, its wifi clients. A measurement like others, from
//! a different place: nothing of it decides a state.
//!
//! The rule guarded here: what this router does not have is left out, silently; most are no access point. What a number
//! means is said when it is new and again every hour, so that a collector that has forgotten it learns it again.

mod kernel;
mod numbers;
mod wifi;

use std::{path::PathBuf, sync::Arc, time::Duration};

use kentongan_model::{
    gauge::GaugeKind,
    id::Vantage,
    time::Clock,
    wire::{GaugeReading, Label},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{keeping::Keeping, plan_cache::LoadedPlan};
use numbers::Numbers;
use wifi::Wifi;

/// From one look to the next.
const PAUSE: Duration = Duration::from_secs(60);

/// A value in thousandths of its kind's unit.
type Value = (Label, i64);

/// The task that looks.
pub(crate) struct Host {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) plans: watch::Receiver<Option<Arc<LoadedPlan>>>,
    pub(crate) keeping: Keeping,
    /// The agent's folder on flash.
    pub(crate) state_dir: PathBuf,
}

impl Host {
    /// Looks once a minute until told to stop. The machine at the core is no router, and somebody else's to watch.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let (mut wifi, mut numbers) = (Wifi::default(), Numbers::default());
        stop.run_until_cancelled(async {
            loop {
                let plan = self.plans.borrow_and_update().clone();
                if let Some(plan) = plan.filter(|plan| plan.plan.agent != Vantage::Core) {
                    let mut values = kernel::look(&self.state_dir);
                    values.extend(wifi.look(self.clock.since_boot()).await);
                    let now = self.clock.since_boot();
                    let mono_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
                    let gauges = numbers.number(values, now);
                    self.keeping.keep_gauges(plan.revision, GaugeReading { device: None, mono_ms, gauges });
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
        .await;
        stop.cancelled().await;
    }
}

fn value(kind: GaugeKind, place: &str, value: i64) -> Value {
    (Label { kind, place: place.to_owned() }, value)
}
