//! Between those who measure and the spool: keeps a record the moment it is measured, and tells the uplink of changes.
//!
//! The spool is shared by the tasks of one agent behind a lock that is held for one file operation at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kentongan_model::{
    plan::PlanRevision,
    time::Clock,
    wire::{DeviceReading, GaugeReading, MeasuredRound, Trace},
};
use tokio::sync::Notify;

use crate::spool::{Record, Spool, Weight};

/// Where measurements are kept. Clones share one spool.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    spool: Arc<Mutex<Spool>>,
    clock: Arc<dyn Clock>,
    changed: Arc<Notify>,
}

impl Keeping {
    pub(crate) fn new(spool: Spool, clock: Arc<dyn Clock>) -> Self {
        Keeping { spool: Arc::new(Mutex::new(spool)), clock, changed: Arc::new(Notify::new()) }
    }

    /// Rounds that have ended together.
    pub(crate) fn keep_rounds(&self, plan: PlanRevision, rounds: Vec<(MeasuredRound, Weight)>) {
        let records: Vec<Record> =
            rounds.into_iter().map(|(round, weight)| Record::Round(round, weight)).collect();
        self.keep(plan, &records);
        for record in &records {
            if let Record::Round(MeasuredRound { target, mono_ms, .. }, _) = record {
                tracing::trace!(target, mono_ms, "kept");
            }
        }
    }

    pub(crate) fn keep_reading(&self, plan: PlanRevision, reading: DeviceReading) {
        self.keep(plan, &[Record::Reading(reading)]);
    }

    pub(crate) fn keep_gauges(&self, plan: PlanRevision, reading: GaugeReading) {
        self.keep(plan, &[Record::Gauges(reading)]);
    }

    pub(crate) fn keep_trace(&self, plan: PlanRevision, trace: Trace) {
        self.keep(plan, &[Record::Trace(trace)]);
    }

    fn keep(&self, plan: PlanRevision, records: &[Record]) {
        let now = self.clock.stamp();
        if let Err(error) = self.spool().append_all(plan, records, &now) {
            tracing::error!("measurements are lost: {}", crate::told(&error));
        }
    }

    /// Something was decided otherwise than before: it is to be delivered at once.
    pub(crate) fn tell_change(&self) {
        self.changed.notify_one();
    }

    /// Waits until [`Self::tell_change`] was called since the last time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The spool itself, for a moment; never across an await.
    pub(crate) fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
