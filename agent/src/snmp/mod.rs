//! Reads devices over SNMP: each at its interval, none delayed by another's silence, readings into the spool at once.
//!
//! A few lanes poll at the same time; devices that were silent the last time share lanes of their own, so that they can
//! hold up each other only. Sessions cost two buffers of 65 kB each, so only a few are kept between polls.

mod columns;
mod device;
mod links;
mod session;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use kentongan_model::{plan::PlannedDevice, time::Clock, wire::DeviceReading};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    keeping::Keeping,
    plan_cache::LoadedPlan,
    schedule::{Rhythm, Schedule},
};
use device::{Device, Reading};
use session::SnmpError;

/// Devices that are polled at the same time.
const LANES: usize = 8;
/// Beside them, devices that did not answer the last time.
const SILENT_LANES: usize = 2;
/// Sessions that are kept from poll to poll. The other devices get a new one for each poll.
const SESSIONS_KEPT: usize = 8;

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
    devices: Vec<Option<Device>>,
}

/// A poll that has ended.
struct Polled {
    device: Device,
    begun: Duration,
    answered_ms: u64,
    outcome: Result<Reading, SnmpError>,
}

impl Polls {
    /// Polls until told to stop. Polls that run then are given up.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let (lanes, silent_lanes) = (Arc::new(Semaphore::new(LANES)), Arc::new(Semaphore::new(SILENT_LANES)));
        let mut running = FuturesUnordered::new();
        let mut work = None;
        self.adopt(&mut work);
        loop {
            let now = self.clock.since_boot();
            if let Some(work) = &mut work {
                for index in work.schedule.take_due(now) {
                    let Some(device) = work.devices[index].take() else { continue };
                    let lanes = if device.is_silent { &silent_lanes } else { &lanes };
                    running.push(poll(device, Arc::clone(lanes), Arc::clone(&self.clock)));
                }
            }
            let next_due = work.as_ref().and_then(|work| work.schedule.next_due());
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = self.plans.changed() => match changed {
                    Ok(()) => self.adopt(&mut work),
                    Err(_) => return,
                },
                Some(polled) = running.next() => self.take(&mut work, polled),
                () = crate::sleep_until(next_due, now) => {}
            }
        }
    }

    /// Takes up the newest plan. Devices that stand in both plans alike keep what is known about them.
    fn adopt(&mut self, work: &mut Option<Work>) {
        let Some(plan) = self.plans.borrow_and_update().clone() else { return };
        let now = self.clock.since_boot();
        let planned = &plan.plan.devices;
        let rhythm = |device: &PlannedDevice| Rhythm {
            interval: Duration::from_millis(device.interval_ms),
            fast_rounds: 0,
        };
        let mut next = Work {
            schedule: Schedule::new(now, planned.iter().map(rhythm)),
            devices: planned.iter().map(|device| Some(Device::new(device.clone()))).collect(),
            plan: Arc::clone(&plan),
        };
        if let Some(mut before) = work.take() {
            for (index, device) in planned.iter().enumerate() {
                let Some(old) = before.position(device) else { continue };
                next.schedule.keep(index, &before.schedule, old, now);
                match before.devices[old].take() {
                    Some(known) => next.devices[index] = Some(known),
                    // Its poll is running, and brings it back.
                    None => next.schedule.running(index),
                }
            }
        }
        *work = Some(next);
    }

    fn take(&self, work: &mut Option<Work>, polled: Polled) {
        let Polled { mut device, begun, answered_ms, outcome } = polled;
        let Some(work) = work else { return };
        let Some(index) = work.position(&device.planned) else { return };
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
        let kept = work.devices.iter().flatten().filter(|device| device.has_session()).count();
        if kept >= SESSIONS_KEPT {
            device.drop_session();
        }
        work.devices[index] = Some(device);
        work.schedule.done(index, begun, self.clock.since_boot(), false);
    }
}

impl Work {
    fn position(&self, planned: &PlannedDevice) -> Option<usize> {
        self.plan.plan.devices.iter().position(|device| device == planned)
    }
}

async fn poll(mut device: Device, lanes: Arc<Semaphore>, clock: Arc<dyn Clock>) -> Polled {
    let begun = clock.since_boot();
    let lane = lanes.acquire_owned().await;
    // What a device sends is decoded by snmp2, in which hostile bytes may still find an overflow.
    let polling = AssertUnwindSafe(device.poll(clock.since_boot())).catch_unwind();
    let outcome = polling.await.unwrap_or(Err(SnmpError::Panicked));
    drop(lane);
    if outcome.is_err() {
        device.drop_session();
    }
    Polled { device, begun, answered_ms: clock.stamp().mono_ms, outcome }
}
