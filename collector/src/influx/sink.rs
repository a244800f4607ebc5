//! The sink as the rest of the collector sees it: points go in, counters come out.
//!
//! Two tasks, one for each verb, that share nothing but the queue: the [`Intake`] puts points on disk, the [`Carrier`]
//! takes them to the database. So a database that is gone stops the carrying, never the taking in.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kentongan_model::time::Clock;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    carrier::Carrier,
    config::{ConfigFaults, InfluxConfig},
    counters::{Counters, Tally, add},
    intake::{Intake, Load},
    line::Point,
    queue::{Queue, QueueError},
    writer::WriterError,
};

/// How many loads of points may be on their way to disk. When all are, [`Sink::accept`] waits (its caller reads the
/// journal, which can wait) and [`Sink::offer`] drops and counts.
const LOADS: usize = 64;
const FILE: &str = "influx-queue.sqlite";

/// Why there is no sink.
#[derive(Debug, thiserror::Error)]
pub enum InfluxError {
    /// The section is wrong.
    #[error("[influx]: {0}")]
    Config(#[from] ConfigFaults),
    /// The queue is not usable.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A secret is not there, or cannot be used.
    #[error("[influx]: cannot write to the database with this configuration")]
    Writer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<WriterError> for InfluxError {
    fn from(error: WriterError) -> Self {
        InfluxError::Writer(error.into())
    }
}

/// The sink has stopped: the points were not taken, and their position has not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the influxdb sink has stopped")]
pub struct Closed;

/// The way into the database.
#[derive(Debug)]
pub struct Sink {
    loads: mpsc::Sender<Load>,
    stock: Arc<Stock>,
    tasks: tokio::sync::Mutex<(Intake, Carrier)>,
}

/// What both tasks share.
#[derive(Debug)]
pub(super) struct Stock {
    queue: Mutex<Queue>,
    pub(super) tally: Tally,
    /// Rung when blocks have come into the queue.
    pub(super) arrived: Notify,
}

impl Sink {
    /// Opens the queue in the data folder and makes ready to write; nothing is sent before [`run`](Self::run).
    ///
    /// # Errors
    /// When the section is wrong, a secret is missing or the queue cannot be opened.
    pub fn open(config: InfluxConfig, data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, InfluxError> {
        let (queue_bytes, batch_points) = (config.queue_bytes, config.batch_points);
        let destination = config.destination()?;
        let queue = Mutex::new(Queue::open(&data_dir.join(FILE), queue_bytes)?);
        let stock = Arc::new(Stock { queue, tally: Tally::default(), arrived: Notify::new() });
        let (loads, arriving) = mpsc::channel(LOADS);
        let intake = Intake::new(arriving, Arc::clone(&stock), batch_points);
        let carrier = Carrier::new(destination, Arc::clone(&stock), clock)?;
        Ok(Sink { loads, stock, tasks: (intake, carrier).into() })
    }

    /// The journal position up to which points are on disk; the journal's follower begins behind it, or at the
    /// journal's beginning when there is none.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.stock.queue().position()
    }

    /// Takes the points that the journal gives up to `position`, which may be none; waits while too many others are on
    /// their way to disk. To be called by one follower, in the journal's order.
    ///
    /// # Errors
    /// When [`run`](Self::run) has ended.
    pub async fn accept(&self, position: i64, points: Vec<Point>) -> Result<(), Closed> {
        self.loads.send(Load { position: Some(position), points }).await.map_err(|_| Closed)
    }

    /// Takes points that have no place in the journal; drops and counts them when too many others are on their way.
    pub fn offer(&self, points: Vec<Point>) {
        if let Err(refused) = self.loads.try_send(Load { position: None, points }) {
            let (mpsc::error::TrySendError::Full(load) | mpsc::error::TrySendError::Closed(load)) = refused;
            add(&self.stock.tally.offers_dropped, load.points.len() as u64);
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (points, bytes) = self.stock.queue().waiting();
        self.stock.tally.read(points, bytes)
    }

    /// Takes points in and carries them to the database, until `stop`; what was accepted by then is on disk when it
    /// returns. A sink runs once.
    pub async fn run(&self, stop: CancellationToken) {
        let (intake, carrier) = &mut *self.tasks.lock().await;
        tokio::join!(intake.run(&stop), carrier.run(&stop));
    }
}

impl Stock {
    /// The queue. Nothing that holds it panics, and it is never held across an `.await`.
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the queue on a thread that may block.
    pub(super) async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Queue) -> T + Send + 'static,
    ) -> T {
        let stock = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&mut stock.queue())).await {
            Ok(done) => done,
            // It is never aborted, so it has panicked.
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
