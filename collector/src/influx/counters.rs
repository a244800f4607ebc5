//! What the sink has done, in points, for `/metrics` and the tests.

use std::sync::atomic::{AtomicU64, Ordering};

/// A reading of the sink's counters. All but the two gauges only grow, from 0 at the start of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Gauge: points that wait in the queue on disk.
    pub queued: u64,
    /// Gauge: bytes that they take there.
    pub queued_bytes: u64,
    /// Points that the database took.
    pub written: u64,
    /// Points that the database refused for good.
    pub rejected: u64,
    /// Points that were dropped, the oldest first, because the queue was full.
    pub dropped: u64,
    /// Points without a place in the journal that were dropped because the way to the queue was full.
    pub offers_dropped: u64,
    /// Points that line protocol cannot carry, or without any field left.
    pub unwritable: u64,
    /// Fields that were left out of points that were written (NaN, infinite, out of range).
    pub fields_dropped: u64,
    /// Requests that have to be made again, for whatever reason.
    pub retries: u64,
}

/// The counters that grow, as the sink's tasks share them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) written: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) offers_dropped: AtomicU64,
    pub(super) unwritable: AtomicU64,
    pub(super) fields_dropped: AtomicU64,
    pub(super) retries: AtomicU64,
}

impl Tally {
    /// The counters with the gauges beside them.
    pub(super) fn read(&self, queued: u64, queued_bytes: u64) -> Counters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            queued,
            queued_bytes,
            written: get(&self.written),
            rejected: get(&self.rejected),
            dropped: get(&self.dropped),
            offers_dropped: get(&self.offers_dropped),
            unwritable: get(&self.unwritable),
            fields_dropped: get(&self.fields_dropped),
            retries: get(&self.retries),
        }
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, points: u64) {
    counter.fetch_add(points, Ordering::Relaxed);
}
