//! From disk to the database: the oldest block is sent until each of its points is written or refused for good.
//!
//! The rule: a block leaves the disk only then. What is cut off in between is sent again; the same point twice is one
//! point.

use std::sync::Arc;

use kentongan_model::time::Clock;
use tokio_util::sync::CancellationToken;

use super::{
    config::Destination,
    counters::add,
    intake::tell_of_disk,
    outcome::{Outcome, Trouble},
    pause::Pause,
    queue::{Block, Queue, QueueError},
    sieve::{Fate, Sieve},
    sink::Stock,
    told::Told,
    writer::{Writer, WriterError},
};

/// The task that carries blocks.
#[derive(Debug)]
pub(super) struct Carrier {
    destination: Destination,
    writer: Writer,
    stock: Arc<Stock>,
    told: Told,
    clock: Arc<dyn Clock>,
}

impl Carrier {
    pub(super) fn new(
        destination: Destination,
        stock: Arc<Stock>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WriterError> {
        let writer = Writer::new(&destination, Arc::clone(&clock))?;
        Ok(Carrier { destination, writer, stock, told: Told::default(), clock })
    }

    /// Carries blocks until `stop`.
    pub(super) async fn run(&mut self, stop: &CancellationToken) {
        let carrying = async {
            let mut pause = Pause::default();
            loop {
                match self.carry_one().await {
                    Ok(()) => pause = Pause::default(),
                    Err(error) => {
                        tell_of_disk(&error);
                        pause.wait(None).await;
                    }
                }
            }
        };
        let _: Option<()> = stop.run_until_cancelled(carrying).await;
    }

    /// Carries the oldest block, or waits for one.
    async fn carry_one(&mut self) -> Result<(), QueueError> {
        let Some(held) = self.stock.on_disk(Queue::oldest).await? else {
            self.stock.arrived.notified().await;
            return Ok(());
        };
        let (written, rejected) = self.deliver(&held.block).await;
        add(&self.stock.tally.written, written);
        add(&self.stock.tally.rejected, rejected);
        self.stock.on_disk(move |queue| queue.settle(&held)).await
    }

    /// Sends a block; returns how many of its points were written and how many refused for good.
    async fn deliver(&mut self, block: &Block) -> (u64, u64) {
        let Some(text) = block.unpack() else {
            tracing::error!(
                points = block.points,
                "a block of the queue for influxdb is damaged and left out"
            );
            return (0, block.points);
        };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut sieve = Sieve::new(lines.len());
        let mut pause = Pause::default();
        while let Some(range) = sieve.next() {
            let body = if range.len() == lines.len() {
                block.body.clone()
            } else {
                Block::pack(&lines[range.clone()].concat(), range.len() as u64).body
            };
            let (fate, reason) = match self.writer.write(body.into()).await {
                Outcome::Written => (Fate::Written, String::new()),
                Outcome::TooLarge => (Fate::TooLarge, "too large for one request".to_owned()),
                Outcome::Refused(refusal) => {
                    let counted = refusal.dropped.filter(|_| self.told.knows(&refusal.reason));
                    (Fate::Refused { counted }, refusal.reason)
                }
                Outcome::Retry { trouble, after } => {
                    add(&self.stock.tally.retries, 1);
                    self.told.trouble(&trouble, self.waiting());
                    pause.wait(after).await;
                    self.renew(&trouble);
                    continue;
                }
            };
            self.told.recovered(self.waiting());
            pause = Pause::default();
            if let Some(line) = sieve.tell(fate) {
                self.told.refusal(&reason, lines[line].trim_end());
            }
        }
        sieve.tally()
    }

    /// Reads the secrets again after they were refused: they may have been changed.
    fn renew(&mut self, trouble: &Trouble) {
        if matches!(trouble, Trouble::Unauthorised { .. }) {
            match Writer::new(&self.destination, Arc::clone(&self.clock)) {
                Ok(renewed) => self.writer = renewed,
                Err(error) => self.told.trouble(&Trouble::Secret(error.to_string()), self.waiting()),
            }
        }
    }

    /// Points that wait, for the log.
    fn waiting(&self) -> u64 {
        self.stock.queue().waiting().0
    }
}
