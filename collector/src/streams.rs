//! The streams that are open: one for each agent, and a newer one ends the older, which its agent has given up.
//!
//! The rule it guards: a stream is a way in like any other. How many there are at once has a limit, and when the collector
//! stops, it waits until each has said what it still had to say.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use kentongan_model::id::Vantage;
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

/// The streams that are open.
#[derive(Debug)]
pub(crate) struct Streams {
    most: usize,
    open: Mutex<HashMap<Vantage, (u64, CancellationToken)>>,
    number: AtomicU64,
    serving: TaskTracker,
}

/// A stream's place among them; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Arc<Streams>,
    agent: Vantage,
    number: u64,
    replaced: CancellationToken,
    _serving: TaskTrackerToken,
}

impl Streams {
    /// None yet; at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Streams { most, open: Mutex::default(), number: AtomicU64::new(0), serving: TaskTracker::new() }
    }

    /// A place for an agent, whose earlier stream ends by that; none while all are taken.
    pub(crate) fn enter(self: &Arc<Self>, agent: &Vantage) -> Option<Place> {
        let mut open = self.open();
        if open.len() >= self.most && !open.contains_key(agent) {
            return None;
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let replaced = CancellationToken::new();
        if let Some((_, older)) = open.insert(agent.clone(), (number, replaced.clone())) {
            older.cancel();
        }
        let serving = self.serving.token();
        Some(Place { streams: Arc::clone(self), agent: agent.clone(), number, replaced, _serving: serving })
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.open().len()
    }

    /// Whether the agent has one.
    pub(crate) fn has(&self, agent: &Vantage) -> bool {
        self.open().contains_key(agent)
    }

    /// Returns when all have ended.
    pub(crate) async fn ended(&self) {
        self.serving.close();
        self.serving.wait().await;
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Vantage, (u64, CancellationToken)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Returns when a newer stream of the same agent has taken it.
    pub(crate) async fn replaced(&self) {
        self.replaced.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        if open.get(&self.agent).is_some_and(|(number, _)| *number == self.number) {
            open.remove(&self.agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_agents_newer_stream_ends_its_older_one_and_nobody_elses_and_places_are_bounded() {
        let streams = Arc::new(Streams::new(2));
        let [core, a, b]: [Vantage; 3] = ["core", "kec-a", "kec-b"].map(|name| name.parse().unwrap());
        let first = streams.enter(&core).unwrap();
        let other = streams.enter(&a).unwrap();
        assert!(streams.enter(&b).is_none());
        let second = streams.enter(&core).unwrap();
        first.replaced().await;
        assert!(!second.replaced.is_cancelled() && !other.replaced.is_cancelled());
        drop(first);
        assert!(streams.has(&core) && streams.count() == 2, "the older one's end is not the newer one's");
        drop((second, other));
        assert!(streams.enter(&b).is_some());
        streams.ended().await;
    }
}
