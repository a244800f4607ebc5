//! What every request handler has at hand.

use std::sync::Arc;

use kentongan_model::time::Clock;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    inventory::Shelf,
    limits::DeliveryRate,
    metrics::Metrics,
    plans::Plans,
    store::{readers::Readers, writer::Writer},
};

/// The parts of a running collector, as the API sees them.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shelf: Shelf,
    pub(crate) plans: Plans,
    pub(crate) writer: Writer,
    pub(crate) journal: Readers,
    pub(crate) state: Readers,
    pub(crate) rate: DeliveryRate,
    pub(crate) long_polls: Semaphore,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
}
