//! What every request handler has at hand.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use kentongan_model::time::Clock;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    board::Board,
    config::Config,
    influx::Sink,
    inventory::Shelf,
    judging::Shown,
    latest::Latest,
    limits::{DeliveryRate, TryRate},
    metrics::Metrics,
    operator::Operator,
    plans::Plans,
    press::Press,
    problem::Problem,
    store::{readers::Readers, writer::Writer},
    streams::Streams,
    tally::Tally,
};

/// The parts of a running collector, as the API sees them.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shelf: Shelf,
    pub(crate) operator: Operator,
    pub(crate) plans: Plans,
    pub(crate) writer: Writer,
    pub(crate) journal: Readers,
    pub(crate) state: Readers,
    pub(crate) shown: Shown,
    pub(crate) latest: Arc<RwLock<Latest>>,
    pub(crate) sink: Option<Arc<Sink>>,
    pub(crate) rate: DeliveryRate,
    pub(crate) streams: Arc<Streams>,
    pub(crate) tally: Tally,
    pub(crate) tries: TryRate,
    pub(crate) long_polls: Semaphore,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
    pub(crate) press: Press,
}

impl Station {
    /// What was judged last, or the problem that nothing is judged yet.
    pub(crate) fn board(&self) -> Result<Arc<Board>, Problem> {
        let board = self.shown.board.borrow().clone();
        board
            .ok_or_else(|| Problem::busy("the journal is being judged again after the start; try again soon"))
    }

    /// What was measured last.
    pub(crate) fn latest(&self) -> RwLockReadGuard<'_, Latest> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that is counted, for Prometheus.
    pub(crate) fn metrics_text(&self) -> String {
        // What is read off cannot be forgotten when a client hangs up.
        let waiting = self.config.limits.long_polls.saturating_sub(self.long_polls.available_permits());
        self.metrics.long_polls.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.metrics.streams.set(i64::try_from(self.streams.count()).unwrap_or(i64::MAX));
        self.metrics.text(self.sink.as_ref().map(|sink| sink.counters()))
    }
}
