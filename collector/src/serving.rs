//! Serving: the parts of a collector wired together, and ended in order.
//!
//! The rule it guards: on stop everything drains in the direction of the data: first no more requests, then the judge's
//! last word, then the queue of the metric store, and the journal's last. A part that ends unasked ends the whole with
//! an error, for whoever supervises it to start it anew.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Collector, Error, api,
    board::Board,
    follower,
    judging::{self, Shown},
    limits::{DeliveryRate, TryRate},
    live::Judge,
    plans::Plans,
    reader::Reader,
    station::Station,
    store::{JOURNAL_FILE, STATE_FILE, inventories::TakenOver, readers::Readers},
    streams::Streams,
    tally::Tally,
};

/// How long requests that are under way may go on after the stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs a collector until `stop`.
pub(crate) async fn run(
    collector: Collector,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), Error> {
    let Collector {
        config,
        clock,
        shelf,
        profiles,
        folder,
        operator,
        metrics,
        writer,
        writer_thread,
        state,
        sink,
        press,
    } = collector;
    let journal = Readers::new(folder.file(JOURNAL_FILE), config.limits.reads);
    writer.begin().await?;
    let following = shelf.follow();
    let judge = {
        let (journal, inventory, metrics) = (journal.clone(), shelf.current(), Arc::clone(&metrics));
        let (days, now) = (config.journal_days, clock.now());
        let position = *writer.committed().borrow();
        let taken = TakenOver { inventory: Arc::clone(&inventory), position, since: now };
        writer.keep_inventory(taken).await?;
        let opening =
            tokio::task::spawn_blocking(move || Judge::open(&journal, state, inventory, days, metrics, now));
        opening.await.map_err(|_| Error::Judge)??
    };
    let shown = Shown {
        board: watch::Sender::new(None::<Arc<Board>>),
        event: watch::Sender::new(judge.last_event()),
    };
    let streams = Arc::new(Streams::new(config.limits.streams));
    let station = Arc::new(Station {
        clock: Arc::clone(&clock),
        plans: Plans::new(shelf.clone(), profiles.clone(), writer.clone(), journal.clone()),
        shelf: shelf.clone(),
        operator,
        writer: writer.clone(),
        journal: journal.clone(),
        state: Readers::new(folder.file(STATE_FILE), config.limits.reads),
        shown: shown.clone(),
        latest: judge.latest(),
        sink: sink.clone(),
        rate: DeliveryRate::new(&config.limits),
        streams: Arc::clone(&streams),
        tally: Tally::default(),
        tries: TryRate::new(&config.limits),
        long_polls: Semaphore::new(config.limits.long_polls),
        metrics: Arc::clone(&metrics),
        stop: stop.clone(),
        press,
        config,
    });

    let mut watching = Ending::spawn(|end| {
        let inventory = shelf.clone().watch(Arc::clone(&metrics), end.clone());
        async move {
            tokio::join!(inventory, profiles.watch(end));
        }
    });
    let judging_writer = writer.clone();
    let mut judging = Ending::spawn(|end| {
        judging::run(
            judge,
            clock,
            (judging_writer, following),
            shown,
            (sink.clone(), Arc::clone(&metrics)),
            end,
        )
    });
    let mut carrying = sink.map(|sink| {
        let reader = Reader::new(journal, Arc::clone(&metrics));
        let (inventory, committed) = (shelf.follow(), writer.committed());
        let carried = Arc::clone(&sink);
        let following = Ending::spawn(|end| follower::run(reader, carried, inventory, committed, end));
        (following, Ending::spawn(|end| async move { sink.run(end).await }))
    });

    let app = api::router(&station);
    drop(station);
    let graceful = async {
        let served = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned()).await;
        // A stream has left HTTP, and is waited for by nobody else.
        streams.ended().await;
        served
    };
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let mut ended = tokio::select! {
        served = graceful => served.map_err(Error::Serve),
        () = overdue => Ok(()),
        _ = &mut judging.task => Err(Error::Judge),
        _ = &mut watching.task => Err(Error::Ended("watching the inventory and the device profiles")),
        part = either_ends(&mut carrying) => Err(Error::Ended(part)),
        () = writer.ended() => Err(Error::Ended("writing the journal")),
    };
    stop.cancel();
    watching.end().await;
    if !judging.task.is_finished() && !matches!(judging.end().await, Some(Ok(()))) {
        ended = ended.and(Err(Error::Judge));
    }
    if let Some((following, sinking)) = carrying {
        following.end().await;
        sinking.end().await;
    }
    writer.end();
    drop(writer);
    let _ = tokio::time::timeout(DRAIN, tokio::task::spawn_blocking(move || writer_thread.join())).await;
    ended
}

/// Waits until one of the two tasks that carry to the metric store ends, and tells which; for good when there are none.
async fn either_ends(carrying: &mut Option<(Ending<()>, Ending<()>)>) -> &'static str {
    match carrying {
        None => std::future::pending().await,
        Some((following, sinking)) => tokio::select! {
            _ = &mut following.task => "following the journal for InfluxDB",
            _ = &mut sinking.task => "carrying points to InfluxDB",
        },
    }
}

/// A task with the token that ends it. It ends, too, when this is dropped.
struct Ending<T> {
    token: CancellationToken,
    task: JoinHandle<T>,
}

impl<T: Send + 'static> Ending<T> {
    fn spawn<F: Future<Output = T> + Send + 'static>(task: impl FnOnce(CancellationToken) -> F) -> Self {
        let token = CancellationToken::new();
        Ending { task: tokio::spawn(task(token.clone())), token }
    }

    /// Ends it and waits; none when it has panicked or had ended before.
    async fn end(mut self) -> Option<T> {
        self.token.cancel();
        if self.task.is_finished() {
            return None; // It may have been waited for already, which one can do once only.
        }
        (&mut self.task).await.ok()
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.token.cancel();
    }
}
