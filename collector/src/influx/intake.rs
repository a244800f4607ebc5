//! From memory to disk: loads of points are gathered into blocks and put into the queue.
//!
//! The rule: the journal position moves only together with its points. A disk that fails is tried again for as long as it
//! takes; meanwhile the journal's follower waits.

use std::{error::Error, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    counters::{Tally, add},
    line::Point,
    pause::Pause,
    queue::Block,
    sink::Stock,
};

/// How long points wait for others that go into the same block.
const LINGER: Duration = Duration::from_millis(500);
/// The most bytes of lines in one block.
const MAX_BLOCK_BYTES: usize = 4 << 20;

/// Points on their way to disk, with the journal position that they bring the queue to.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) position: Option<i64>,
    pub(super) points: Vec<Point>,
}

/// The task that takes points in.
#[derive(Debug)]
pub(super) struct Intake {
    arriving: mpsc::Receiver<Load>,
    stock: Arc<Stock>,
    batch_points: usize,
}

impl Intake {
    pub(super) fn new(arriving: mpsc::Receiver<Load>, stock: Arc<Stock>, batch_points: usize) -> Self {
        Intake { arriving, stock, batch_points }
    }

    /// Takes points in until `stop`, and then what has arrived by then.
    pub(super) async fn run(&mut self, stop: &CancellationToken) {
        while let Some(load) = stop.run_until_cancelled(self.arriving.recv()).await.flatten() {
            let gathered = self.gather(load).await;
            self.put(gathered, stop).await;
        }
        self.arriving.close();
        while let Some(load) = self.arriving.recv().await {
            let gathered = self.gather(load).await;
            self.put(gathered, stop).await;
        }
    }

    /// Waits a little for more, until a block is full.
    async fn gather(&mut self, mut gathered: Load) -> Load {
        let enough = tokio::time::sleep(LINGER);
        tokio::pin!(enough);
        while gathered.points.len() < self.batch_points {
            let next = tokio::select! {
                next = self.arriving.recv() => next,
                () = &mut enough => None,
            };
            let Some(mut next) = next else { break };
            gathered.points.append(&mut next.points);
            gathered.position = next.position.or(gathered.position);
        }
        gathered
    }

    /// Puts a load on disk. Gives up only when `stop` comes while the disk fails: then its position has not moved.
    async fn put(&self, Load { position, points }: Load, stop: &CancellationToken) {
        let blocks: Arc<[Block]> = pack(&points, self.batch_points, &self.stock.tally).into();
        let mut pause = Pause::default();
        loop {
            let blocks = Arc::clone(&blocks);
            match self.stock.on_disk(move |queue| queue.push(&blocks, position)).await {
                Ok(dropped) => {
                    add(&self.stock.tally.dropped, dropped);
                    self.stock.arrived.notify_one();
                    return;
                }
                Err(error) => tell_of_disk(&error),
            }
            if stop.run_until_cancelled(pause.wait(None)).await.is_none() {
                return;
            }
        }
    }
}

/// Says that the disk fails.
pub(super) fn tell_of_disk(error: &(dyn Error + 'static)) {
    tracing::error!(error, "points for influxdb wait for the disk");
}

/// Points as blocks; those that cannot be written are counted and left out.
fn pack(points: &[Point], batch_points: usize, tally: &Tally) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut lines, mut count) = (String::new(), 0);
    for point in points {
        match point.write_line(&mut lines) {
            Ok(left_out) => {
                add(&tally.fields_dropped, left_out as u64);
                count += 1;
            }
            Err(why) => {
                add(&tally.unwritable, 1);
                tracing::debug!(measurement = point.measurement(), %why, "a point cannot be written");
            }
        }
        if count >= batch_points || lines.len() >= MAX_BLOCK_BYTES {
            blocks.push(Block::pack(&lines, std::mem::take(&mut count) as u64));
            lines.clear();
        }
    }
    if count > 0 {
        blocks.push(Block::pack(&lines, count as u64));
    }
    blocks
}
