//! The task that judges: lets the judge read on, judge and tidy up, five times a second at most, and shows the board.
//!
//! The rule it guards: ingest never waits for it. What fails is tried again; a judge that panics ends the collector, so
//! that nobody looks at states that stand still.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kentongan_model::{
    id::SiteId,
    state::State,
    time::{Clock, Timestamp},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    board::Board,
    influx::{Sink, points::site_point},
    inventory::Inventory,
    live::Judge,
    metrics::Metrics,
    store::{StoreError, writer::Writer},
};

/// The pause between judgements.
const PAUSE: Duration = Duration::from_millis(200);
/// Entries behind from which the progress of catching up is told.
const MANY: i64 = 20_000;
/// How often the state of every site is carried to InfluxDB when it does not change.
const SITES_EVERY: Duration = Duration::from_secs(60);

/// Where the outcome of judging is shown.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// The last board; none until the journal is caught up with.
    pub(crate) board: watch::Sender<Option<Arc<Board>>>,
    /// The number of the last event.
    pub(crate) event: watch::Sender<i64>,
}

/// The judge has a fault.
#[derive(Debug, thiserror::Error)]
#[error("the judge has a fault; its last words are in the log")]
pub(crate) struct Panicked;

/// Judges until `stop`, and once more then.
pub(crate) async fn run(
    mut judge: Judge,
    clock: Arc<dyn Clock>,
    (writer, mut inventory): (Writer, watch::Receiver<Arc<Inventory>>),
    shown: Shown,
    (sink, metrics): (Option<Arc<Sink>>, Arc<Metrics>),
    stop: CancellationToken,
) -> Result<(), Panicked> {
    let mut carried = Carried::default();
    let mut failing = false;
    let mut edited: Option<Arc<Inventory>> = None;
    loop {
        let last = stop.is_cancelled();
        if inventory.has_changed().unwrap_or(false) {
            edited = Some(inventory.borrow_and_update().clone());
        }
        // What is not on disk is not judged by: it is tried again the next time.
        if let Some(taken) = edited.as_ref().and_then(|edited| judge.takes_over(edited, clock.now()))
            && let Ok(id) = writer.keep_inventory(taken.clone()).await
        {
            edited = None;
            judge.change_inventory(id, taken);
        }
        let (clock_there, stopping) = (Arc::clone(&clock), stop.clone());
        let worked = tokio::task::spawn_blocking(move || {
            let outcome = step(&mut judge, &*clock_there, last, &stopping);
            (judge, outcome)
        });
        let outcome;
        (judge, outcome) = worked.await.map_err(|_| Panicked)?;
        match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(board)) => {
                failing = false;
                metrics.judged_position.set(board.position);
                if let Some(sink) = &sink {
                    carried.offer(sink, &board);
                }
                // The board first: whoever is woken by an event and looks finds what it tells of.
                shown.board.send_replace(Some(Arc::new(board)));
                shown.event.send_replace(judge.last_event());
            }
            Err(error) if !failing => {
                failing = true;
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, ?cause, "the judge cannot work; it goes on trying");
            }
            Err(_) => {}
        }
        if last {
            return Ok(());
        }
        stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
    }
}

/// Reads on to the end of the journal and judges. On stop it reads one chunk more; if that is not the end there is no
/// judgement, which would be one without the latest deliveries, and the next start goes on from here.
pub(crate) fn step(
    judge: &mut Judge,
    clock: &dyn Clock,
    last: bool,
    stop: &CancellationToken,
) -> Result<Option<Board>, StoreError> {
    let begun = clock.now();
    let behind = judge.behind()?;
    let mut told = begun;
    while judge.read_on()? {
        let now = clock.now();
        if stop.is_cancelled() {
            judge.tidy(now, true)?;
            return Ok(None);
        }
        if behind >= MANY && now.since(told) >= Duration::from_secs(5) {
            told = now;
            let left = judge.behind()?;
            tracing::info!(left, of = behind, "catching up with the journal");
        }
    }
    let now = clock.now();
    let board = judge.judge(now)?;
    judge.tidy(now, last)?;
    Ok(Some(board))
}

/// What InfluxDB was told of sites.
#[derive(Debug, Default)]
struct Carried {
    states: HashMap<SiteId, State>,
    all_at: Option<Timestamp>,
}

impl Carried {
    /// Offers a point for each site whose state is another than before, and for all once a minute.
    fn offer(&mut self, sink: &Sink, board: &Board) {
        let all = self.all_at.is_none_or(|at| board.as_of.since(at) >= SITES_EVERY);
        if all {
            self.all_at = Some(board.as_of);
        }
        let network = &board.inventory.network;
        let mut points = Vec::new();
        for (id, site) in board.sites.iter() {
            let state = site.state();
            let changed = self.states.insert(id.clone(), state) != Some(state);
            if changed {
                // The state began before it was known: the point says since when it holds.
                let since = site.current().map_or(board.as_of, |interval| interval.from);
                points.extend(site_point(network, id, state, since));
            }
            if all {
                points.extend(site_point(network, id, state, board.as_of));
            }
        }
        if !points.is_empty() {
            sink.offer(points);
        }
    }
}
