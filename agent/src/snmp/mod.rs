//! Reads devices over SNMP: each at its interval, none delayed by another's silence, readings into the spool at once.
//!
//! A few lanes poll at the same time; devices that were silent the last time share lanes of their own, so that they can
//! hold up each other only. Looks at gauges, which may take a large device long, have theirs, alike, and go on beside the
//! polls, so that no device misses one for them. What a vendor's devices hold stands in
//! [profiles](kentongan_model::profile), not here.

mod ber;
mod client;
mod columns;
mod device;
mod exchange;
mod gauges;
mod greeting;
mod identity;
mod interfaces;
mod labels;
mod links;
mod measure;
mod pdu;
mod places;
mod sensors;
mod survey;
#[cfg(test)]
mod tests;
mod usm;
mod walk;

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use kentongan_model::{
    plan::{PlanRevision, PlannedDevice},
    time::Clock,
    wire::{DeviceReading, Gauge, GaugeReading},
};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    keeping::Keeping,
    plan_cache::LoadedPlan,
    schedule::{Rhythm, Schedule},
};
pub use client::Client;
use device::{Device, PATIENCE, Reading};
pub use exchange::{Exchange, Patience};
use gauges::{Basis, Gauges};
pub(crate) use greeting::describe;
pub use pdu::{Answer, Objects, Value};
pub use survey::{Seen, Survey, survey};
pub use usm::Refusal;

/// Why a device gave no reading.
#[derive(Debug, thiserror::Error)]
pub enum SnmpError {
    /// It did not answer in time.
    #[error("no answer; is SNMP on there, for this agent's address and with this community or user?")]
    Timeout,
    /// The socket failed.
    #[error("cannot ask")]
    Socket(#[from] std::io::Error),
    /// It does not talk with this user.
    #[error("{0}")]
    Refused(Refusal),
    /// It answered with an error status (RFC 3416 section 3).
    #[error("error status {status} at object {index}")]
    Status {
        /// error-status.
        status: u32,
        /// error-index, counted from 1.
        index: usize,
    },
    /// The answer contradicts itself or the question.
    #[error("a malformed answer: {0}")]
    Malformed(&'static str),
    /// What should follow an object lies before it.
    #[error("a walk that goes backwards")]
    Backwards,
}

/// Devices that are polled at the same time.
const LANES: usize = 16;
/// Beside them, devices that did not answer the last time.
const SILENT_LANES: usize = 4;
/// Devices whose gauges are looked at at the same time.
const LOOKING_LANES: usize = 4;
/// Beside them, devices whose last look failed or took long.
const SLOW_LANES: usize = 4;

/// The task that polls.
pub(crate) struct Polls {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) plans: watch::Receiver<Option<Arc<LoadedPlan>>>,
    pub(crate) keeping: Keeping,
}

/// What is being done under one plan.
struct Work {
    plan: Arc<LoadedPlan>,
    schedule: Schedule,
    /// Each device; none while it is being polled.
    devices: Vec<Option<Box<Device>>>,
    /// Each device's gauges; none while they are being looked at.
    gauges: Vec<Option<Box<Gauges>>>,
    /// The plan since which the profiles are as they are.
    profiles: PlanRevision,
}

/// What has come back.
enum Ended {
    /// A poll.
    Polled { device: Box<Device>, begun: Duration, answered_ms: u64, outcome: Result<Reading, SnmpError> },
    /// A look at gauges.
    Looked { gauges: Box<Gauges>, answered_ms: u64, values: Vec<Gauge> },
}

/// A look at gauges that is due.
struct Look {
    gauges: Box<Gauges>,
    plan: Arc<LoadedPlan>,
    basis: Basis,
}

/// The ways to the devices.
struct Lanes {
    answering: Arc<Semaphore>,
    silent: Arc<Semaphore>,
    looking: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Polls {
    /// Polls until told to stop. Polls that run then are given up.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let lanes = Lanes {
            answering: Arc::new(Semaphore::new(LANES)),
            silent: Arc::new(Semaphore::new(SILENT_LANES)),
            looking: Arc::new(Semaphore::new(LOOKING_LANES)),
            slow: Arc::new(Semaphore::new(SLOW_LANES)),
        };
        let exchange = Arc::default();
        let mut running = FuturesUnordered::new();
        let mut work = None;
        self.adopt(&mut work, &exchange);
        loop {
            let now = self.clock.since_boot();
            if let Some(work) = &mut work {
                for index in work.schedule.take_due(now) {
                    let Some(device) = work.devices[index].take() else { continue };
                    let lane = if device.is_silent { &lanes.silent } else { &lanes.answering };
                    running.push(poll(device, Arc::clone(lane), Arc::clone(&self.clock)).boxed());
                }
            }
            let next_due = work.as_ref().and_then(|work| work.schedule.next_due());
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = self.plans.changed() => match changed {
                    Ok(()) => self.adopt(&mut work, &exchange),
                    Err(_) => return,
                },
                Some(ended) = running.next() => {
                    if let Some(due) = self.take(&mut work, ended) {
                        let lane = if due.gauges.is_slow { &lanes.slow } else { &lanes.looking };
                        running.push(look(due, Arc::clone(lane), Arc::clone(&self.clock)).boxed());
                    }
                }
                () = crate::sleep_until(next_due, now) => {}
            }
        }
    }

    /// Takes up the newest plan. Devices that stand in both plans alike keep what is known about them.
    fn adopt(&mut self, work: &mut Option<Work>, exchange: &Arc<Exchange>) {
        let Some(plan) = self.plans.borrow_and_update().clone() else { return };
        let now = self.clock.since_boot();
        let planned = &plan.plan.devices;
        let rhythm = |device: &PlannedDevice| Rhythm {
            interval: Duration::from_millis(device.interval_ms),
            fast_rounds: 0,
        };
        let mut next = Work {
            schedule: Schedule::new(now, planned.iter().map(rhythm)),
            devices: Vec::with_capacity(planned.len()),
            gauges: Vec::with_capacity(planned.len()),
            profiles: plan.revision,
            plan: Arc::clone(&plan),
        };
        for device in planned {
            let device = Arc::new(device.clone());
            next.gauges.push(Some(Box::new(Gauges::new(Arc::clone(&device), exchange, PATIENCE))));
            next.devices.push(Some(Box::new(Device::new(device, exchange, PATIENCE))));
        }
        if let Some(mut before) = work.take() {
            if before.plan.plan.profiles == plan.plan.profiles {
                next.profiles = before.profiles;
            }
            for (index, device) in planned.iter().enumerate() {
                let Some(old) = before.position(device) else { continue };
                next.schedule.keep(index, &before.schedule, old, now);
                next.gauges[index] = before.gauges[old].take();
                match before.devices[old].take() {
                    Some(known) => next.devices[index] = Some(known),
                    // Its poll is running, and brings it back.
                    None => next.schedule.running(index),
                }
            }
        }
        *work = Some(next);
    }

    /// Keeps what came back. A device whose gauges are due is told of, while its polls go on.
    fn take(&self, work: &mut Option<Work>, ended: Ended) -> Option<Look> {
        let work = work.as_mut()?;
        match ended {
            Ended::Polled { mut device, begun, answered_ms, outcome } => {
                let index = work.position(&device.planned)?;
                self.take_reading(work, &mut device, index, answered_ms, outcome);
                let may_look = !device.is_silent && !work.plan.plan.profiles.is_empty();
                let basis = (work.profiles, device.reboots);
                work.devices[index] = Some(device);
                work.schedule.done(index, begun, self.clock.since_boot(), false);
                let gauges = work.gauges[index].take_if(|gauges| may_look && gauges.is_due(begun))?;
                Some(Look { gauges, plan: Arc::clone(&work.plan), basis })
            }
            Ended::Looked { gauges, answered_ms, values } => {
                let index = work.position(&gauges.device)?;
                if !values.is_empty() {
                    let device = Some(u16::try_from(index).unwrap_or(u16::MAX));
                    let reading = GaugeReading { device, mono_ms: answered_ms, gauges: values };
                    self.keeping.keep_gauges(work.plan.revision, reading);
                }
                work.gauges[index] = Some(gauges);
                None
            }
        }
    }

    fn take_reading(
        &self,
        work: &Work,
        device: &mut Device,
        index: usize,
        answered_ms: u64,
        outcome: Result<Reading, SnmpError>,
    ) {
        let (subject, address): (_, IpAddr) = (&device.planned.subject, device.planned.address);
        match outcome {
            Ok(reading) => {
                if device.is_silent {
                    tracing::info!(device = %subject, %address, "answers SNMP again");
                }
                device.is_silent = false;
                let reading = DeviceReading {
                    device: u16::try_from(index).unwrap_or(u16::MAX),
                    mono_ms: answered_ms,
                    uptime_cs: reading.uptime_cs,
                    interfaces: reading.interfaces,
                };
                self.keeping.keep_reading(work.plan.revision, reading);
            }
            Err(error) => {
                if !device.is_silent {
                    tracing::warn!(device = %subject, %address, "gives no SNMP reading: {}", crate::told(&error));
                }
                device.is_silent = true;
            }
        }
    }
}

impl Work {
    fn position(&self, planned: &PlannedDevice) -> Option<usize> {
        self.plan.plan.devices.iter().position(|device| device == planned)
    }
}

async fn poll(mut device: Box<Device>, lanes: Arc<Semaphore>, clock: Arc<dyn Clock>) -> Ended {
    let begun = clock.since_boot();
    let lane = lanes.acquire_owned().await;
    let outcome = device.poll(clock.since_boot()).await;
    drop(lane);
    Ended::Polled { device, begun, answered_ms: clock.stamp().mono_ms, outcome }
}

async fn look(due: Look, lanes: Arc<Semaphore>, clock: Arc<dyn Clock>) -> Ended {
    let Look { mut gauges, plan, basis } = due;
    let lane = lanes.acquire_owned().await;
    // What a look needs is made when it begins: many wait.
    let values = Box::pin(gauges.look(&plan.plan.profiles, basis, &*clock)).await;
    drop(lane);
    Ended::Looked { gauges, answered_ms: clock.stamp().mono_ms, values }
}
