//! The sink: takes points from the journal's follower, keeps them in the queue on disk, carries them to the database.
//!
//! Two tasks, one for each verb, that share nothing but the queue: a database that is gone stops the carrying, never the
//! taking in. Memory is bounded by `INTAKES` deliveries on their way to disk; when they are all on their way,
//! [`Sink::accept`] waits (its caller reads the journal, which can wait) and [`Sink::offer`] drops and counts.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use kentongan_model::time::Clock;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    config::{ConfigFaults, Destination, InfluxConfig},
    counters::{Counters, Tally, add},
    line::Point,
    outcome::{Outcome, Trouble},
    queue::{Block, Queue, QueueError},
    sieve::{Fate, Sieve},
    told::Told,
    writer::{Writer, WriterError},
};

/// How many deliveries of points may be on their way to disk.
const INTAKES: usize = 64;
/// How long points wait for others that go into the same block.
const LINGER: Duration = Duration::from_millis(500);
/// The most bytes of lines in one block.
const MAX_BLOCK_BYTES: usize = 4 << 20;
/// The first wait after a failure; it doubles up to [`LONGEST_WAIT`], with jitter.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
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

/// Points on their way to disk, with the journal position that they bring the queue to.
#[derive(Debug, Default)]
struct Intake {
    position: Option<i64>,
    points: Vec<Point>,
}

/// The way into the database.
#[derive(Debug)]
pub struct Sink {
    intake: mpsc::Sender<Intake>,
    taken: tokio::sync::Mutex<mpsc::Receiver<Intake>>,
    store: Arc<Store>,
    destination: Destination,
    writer: tokio::sync::Mutex<Writer>,
    clock: Arc<dyn Clock>,
}

/// What both tasks share.
#[derive(Debug)]
struct Store {
    queue: Mutex<Queue>,
    tally: Tally,
    batch_points: usize,
    arrived: Notify,
}

impl Sink {
    /// Opens the queue in the data folder and makes ready to write; nothing is sent before [`run`](Self::run).
    ///
    /// # Errors
    /// When the section is wrong, a secret is missing or the queue cannot be opened.
    pub fn open(config: InfluxConfig, data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, InfluxError> {
        let (queue_bytes, batch_points) = (config.queue_bytes, config.batch_points);
        let destination = config.destination()?;
        let writer = Writer::new(&destination, Arc::clone(&clock))?;
        let queue = Queue::open(&data_dir.join(FILE), queue_bytes)?;
        let (intake, taken) = mpsc::channel(INTAKES);
        let store =
            Store { queue: Mutex::new(queue), tally: Tally::default(), batch_points, arrived: Notify::new() };
        Ok(Sink {
            intake,
            taken: taken.into(),
            store: Arc::new(store),
            destination,
            writer: writer.into(),
            clock,
        })
    }

    /// The journal position up to which points are on disk; the journal's follower begins behind it, or at the
    /// journal's beginning when there is none.
    #[must_use]
    pub fn position(&self) -> Option<i64> {
        self.store.queue().position()
    }

    /// Takes the points that the journal gives up to `position`, which may be none; waits while too many others are on
    /// their way to disk. To be called by one follower, in the journal's order.
    ///
    /// # Errors
    /// When [`run`](Self::run) has ended.
    pub async fn accept(&self, position: i64, points: Vec<Point>) -> Result<(), Closed> {
        self.intake.send(Intake { position: Some(position), points }).await.map_err(|_| Closed)
    }

    /// Takes points that have no place in the journal; drops and counts them when too many others are on their way.
    pub fn offer(&self, points: Vec<Point>) {
        if let Err(refused) = self.intake.try_send(Intake { position: None, points }) {
            let (mpsc::error::TrySendError::Full(intake) | mpsc::error::TrySendError::Closed(intake)) =
                refused;
            add(&self.store.tally.offers_dropped, intake.points.len() as u64);
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (points, bytes) = self.store.queue().waiting();
        self.store.tally.read(points, bytes)
    }

    /// Takes points in and carries them to the database, until `stop`; what was accepted by then is on disk when it
    /// returns. A sink runs once.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.take_in(&stop), self.carry(&stop));
    }

    /// Points to disk, several deliveries in one transaction.
    async fn take_in(&self, stop: &CancellationToken) {
        let mut taken = self.taken.lock().await;
        while let Some(first) = stop.run_until_cancelled(taken.recv()).await.flatten() {
            let gathered = self.gather(first, &mut taken).await;
            self.put(gathered, stop).await;
        }
        taken.close();
        while let Some(first) = taken.recv().await {
            let gathered = self.gather(first, &mut taken).await;
            self.put(gathered, stop).await;
        }
    }

    /// Waits a little for more, until a block is full.
    async fn gather(&self, mut gathered: Intake, taken: &mut mpsc::Receiver<Intake>) -> Intake {
        let enough = tokio::time::sleep(LINGER);
        tokio::pin!(enough);
        while gathered.points.len() < self.store.batch_points {
            let next = tokio::select! {
                next = taken.recv() => next,
                () = &mut enough => None,
            };
            let Some(mut next) = next else { break };
            gathered.points.append(&mut next.points);
            gathered.position = next.position.or(gathered.position);
        }
        gathered
    }

    /// Puts points on disk; a disk that fails is tried again, so that the position never passes over a point.
    async fn put(&self, Intake { position, points }: Intake, stop: &CancellationToken) {
        let packed = on_disk(&self.store, move |store| store.pack(&points)).await;
        let blocks: Arc<[Block]> = packed.into();
        let mut pause = pauses();
        loop {
            let blocks = Arc::clone(&blocks);
            match on_disk(&self.store, move |store| store.queue().push(&blocks, position)).await {
                Ok(dropped) => {
                    add(&self.store.tally.dropped, dropped);
                    self.store.arrived.notify_one();
                    return;
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "points wait for the disk")
                }
            }
            if stop.run_until_cancelled(wait(&mut pause, None)).await.is_none() {
                return;
            }
        }
    }

    /// Blocks to the database, the oldest first.
    async fn carry(&self, stop: &CancellationToken) {
        let mut writer = self.writer.lock().await;
        let mut told = Told::default();
        let carrying = async {
            let mut pause = pauses();
            loop {
                let carried = match on_disk(&self.store, |store| store.queue().oldest()).await {
                    Ok(None) => {
                        self.store.arrived.notified().await;
                        continue;
                    }
                    Ok(Some(held)) => {
                        let (written, rejected) = self.deliver(&held.block, &mut writer, &mut told).await;
                        add(&self.store.tally.written, written);
                        add(&self.store.tally.rejected, rejected);
                        on_disk(&self.store, move |store| store.queue().settle(&held)).await
                    }
                    Err(error) => Err(error),
                };
                match carried {
                    Ok(()) => pause = pauses(),
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "points wait for the disk");
                        wait(&mut pause, None).await;
                    }
                }
            }
        };
        // A block that is cut off here stays on disk and is sent again: the same point twice is one point.
        let _: Option<()> = stop.run_until_cancelled(carrying).await;
    }

    /// Sends a block until each of its lines is written or refused for good; returns how many were which.
    async fn deliver(&self, block: &Block, writer: &mut Writer, told: &mut Told) -> (u64, u64) {
        let Some(text) = block.unpack() else {
            tracing::error!(
                points = block.points,
                "a block of the queue for influxdb is damaged and left out"
            );
            return (0, block.points);
        };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut sieve = Sieve::new(lines.len());
        let mut pause = pauses();
        while let Some(range) = sieve.next() {
            let body = if range.len() == lines.len() {
                block.body.clone()
            } else {
                Block::pack(&lines[range.clone()].concat(), range.len() as u64).body
            };
            let (fate, reason) = match writer.write(body.into()).await {
                Outcome::Written => (Fate::Written, String::new()),
                Outcome::TooLarge => (Fate::TooLarge, "too large for one request".to_owned()),
                Outcome::Refused(refusal) => {
                    let counted = refusal.dropped.filter(|_| told.knows(&refusal.reason));
                    (Fate::Refused { counted }, refusal.reason)
                }
                Outcome::Retry { trouble, after } => {
                    add(&self.store.tally.retries, 1);
                    told.trouble(&trouble, self.counters().queued);
                    wait(&mut pause, after).await;
                    self.renew(writer, &trouble, told);
                    continue;
                }
            };
            told.recovered(self.counters().queued);
            pause = pauses();
            if let Some(line) = sieve.tell(fate) {
                told.refusal(&reason, lines[line].trim_end());
            }
        }
        sieve.tally()
    }

    /// Reads the secrets again after they were refused: they may have been changed.
    fn renew(&self, writer: &mut Writer, trouble: &Trouble, told: &mut Told) {
        if matches!(trouble, Trouble::Unauthorised { .. }) {
            match Writer::new(&self.destination, Arc::clone(&self.clock)) {
                Ok(renewed) => *writer = renewed,
                Err(error) => told.trouble(&Trouble::Secret(error.to_string()), self.counters().queued),
            }
        }
    }
}

impl Store {
    /// The queue. Nothing that holds it panics, and a lock is never held across an `.await`.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Points as blocks; those that cannot be written are counted and left out.
    fn pack(&self, points: &[Point]) -> Vec<Block> {
        let mut blocks = Vec::new();
        let (mut lines, mut count) = (String::new(), 0);
        for point in points {
            match point.write_line(&mut lines) {
                Ok(left_out) => {
                    add(&self.tally.fields_dropped, left_out as u64);
                    count += 1;
                }
                Err(why) => {
                    add(&self.tally.unwritable, 1);
                    tracing::debug!(measurement = point.measurement(), %why, "a point cannot be written");
                }
            }
            if count as usize >= self.batch_points || lines.len() >= MAX_BLOCK_BYTES {
                blocks.push(Block::pack(&lines, std::mem::take(&mut count)));
                lines.clear();
            }
        }
        if count > 0 {
            blocks.push(Block::pack(&lines, count));
        }
        blocks
    }
}

/// Runs what blocks on a thread made for it.
async fn on_disk<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> T + Send + 'static,
) -> T {
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || work(&store)).await {
        Ok(done) => done,
        // It is never aborted, so it has panicked.
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(SHORTEST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Sleeps as long as the server asks for (but for a second at least), or else longer each time.
async fn wait(pause: &mut ExponentialBackoff, asked: Option<Duration>) {
    let length = match asked {
        Some(asked) => asked.max(SHORTEST_WAIT),
        None => pause.next().unwrap_or(LONGEST_WAIT),
    };
    tokio::time::sleep(length).await;
}
