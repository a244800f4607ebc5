//! The collector: deliveries of agents come in ([`ingest`]), lie in the journal (`store`), are judged (`live`), and
//! are shown by the API (`api`) and carried to InfluxDB ([`influx`]).
//!
//! The rules it guards: nothing is acknowledged before it is on disk, and the journal is the truth: whatever is shown
//! can be computed from it again.

mod api;
mod config;
pub mod influx;
mod ingest;
mod inventory;
mod limits;
mod metrics;
mod placing;
mod plans;
mod problem;
mod station;
mod store;
mod unfold;

use std::{path::Path, sync::Arc, time::Duration};

use kentongan_model::{id::Vantage, secret::Secret, time::Clock};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

pub use crate::{
    config::{Config, Limits},
    inventory::InventoryError,
    store::{StoreError, folder::FolderError},
};
use crate::{
    inventory::Shelf,
    limits::DeliveryRate,
    metrics::Metrics,
    plans::Plans,
    station::Station,
    store::{
        JOURNAL_FILE, JOURNAL_STEPS, STATE_FILE, STATE_STEPS, agents,
        folder::{self, Folder},
        readers::Readers,
        writer::Writer,
    },
};

/// How long requests that are under way may go on after the stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What goes wrong with the collector as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The inventory cannot be used.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal does not take what has to be in it.
    #[error("the journal cannot be written; is the disk full?")]
    Journal,
    /// No token can be drawn.
    #[error("the system gives no random bytes for a token: {0}")]
    Random(getrandom::Error),
    /// The API cannot be served.
    #[error("the API can no longer be served")]
    Serve(#[source] std::io::Error),
}

/// A collector whose data folder and inventory are in order.
#[derive(Debug)]
pub struct Collector {
    station: Arc<Station>,
    writer_thread: std::thread::JoinHandle<()>,
}

impl Collector {
    /// Takes the data folder, opens the store and reads the inventory.
    ///
    /// # Errors
    /// When one of them cannot be used; the message says what to do.
    pub fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Collector, Error> {
        let shelf = Shelf::open(&config.inventory)?;
        let folder = Arc::new(Folder::take(&config.data)?);
        let metrics = Arc::new(Metrics::new());
        let waiting = config.limits.deliveries_waiting;
        let (writer, writer_thread) = Writer::start(
            Arc::clone(&folder),
            waiting,
            config.journal_days,
            Arc::clone(&clock),
            Arc::clone(&metrics),
        )?;
        drop(store::open(&folder.file(STATE_FILE), STATE_STEPS)?);
        let journal = Readers::new(folder.file(JOURNAL_FILE), config.limits.reads);
        let state = Readers::new(folder.file(STATE_FILE), config.limits.reads);
        let station = Arc::new(Station {
            clock,
            plans: Plans::new(shelf.clone(), writer.clone(), journal.clone()),
            shelf,
            writer,
            journal,
            state,
            rate: DeliveryRate::new(&config.limits),
            long_polls: Semaphore::new(config.limits.long_polls),
            metrics,
            stop: CancellationToken::new(),
            config,
        });
        Ok(Collector { station, writer_thread })
    }

    /// Lets an agent deliver. The token is shown here once and kept nowhere; one that the agent had before is void.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn add_agent(&self, vantage: &Vantage) -> Result<Secret, Error> {
        let token = agents::draw().map_err(Error::Random)?;
        self.station.writer.add_agent(vantage.clone(), token.clone()).await.map_err(|_| Error::Journal)?;
        Ok(token)
    }

    /// Serves agents and everyone who asks, until `stop`; then ends in order.
    ///
    /// # Errors
    /// When the API can no longer be served.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
        let station = self.station;
        station.writer.begin().await.map_err(|_| Error::Journal)?;
        let watcher =
            tokio::spawn(station.shelf.clone().watch(Arc::clone(&station.metrics), stop.child_token()));
        let ending = {
            let (stop, station) = (stop.clone(), Arc::clone(&station));
            async move {
                stop.cancelled().await;
                station.stop.cancel();
            }
        };
        let serving = axum::serve(listener, api::router(&station)).with_graceful_shutdown(ending);
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        let served = tokio::select! { served = serving.into_future() => served, () = late => Ok(()) };
        stop.cancel();
        let _ = watcher.await;
        station.writer.end();
        drop(station);
        let _ = tokio::task::spawn_blocking(move || self.writer_thread.join()).await;
        served.map_err(Error::Serve)
    }
}

/// Lets an agent deliver to the collector whose data lies in `data`, whether it runs or not.
///
/// # Errors
/// When the folder or its journal cannot be written.
pub fn add_agent(data: &Path, vantage: &Vantage, clock: &dyn Clock) -> Result<Secret, Error> {
    folder::make(data).map_err(|source| FolderError::Unwritable { folder: data.to_owned(), source })?;
    let token = agents::draw().map_err(Error::Random)?;
    let conn = store::open(&data.join(JOURNAL_FILE), JOURNAL_STEPS)?;
    agents::put(&conn, vantage, &token, clock.now())?;
    Ok(token)
}
