//! The collector: deliveries of agents come in ([`ingest`]), lie in the journal (`store`), are judged (`live`), and
//! are shown by the API (`api`) and carried to InfluxDB ([`influx`]).
//!
//! The rules it guards: nothing is acknowledged before it is on disk, and the journal is the truth: whatever is shown
//! can be computed from it again.

mod again;
mod api;
mod bases;
mod board;
mod boot;
mod config;
mod follower;
pub mod gauges;
mod history;
pub mod influx;
mod ingest;
mod inventory;
mod judging;
mod latest;
mod ledger;
mod limits;
mod live;
mod metrics;
mod monthly;
mod operator;
mod placing;
mod plans;
mod press;
mod problem;
pub mod profiles;
pub mod proof;
mod reader;
mod serving;
mod station;
mod store;
mod streams;
mod tally;
mod unfold;

use std::{path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use kentongan_model::{
    enrolment::EnrolmentCode,
    id::Vantage,
    secret::Secret,
    time::{Clock, Timestamp},
};
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use crate::operator::{OPERATOR_TOKEN_FILE, OperatorError};
#[doc(hidden)]
pub use crate::reader::read_entry;
pub use crate::{
    again::{AgainError, monthly_again},
    config::{Config, Limits},
    inventory::InventoryError,
    monthly::{Monthly, MonthlyError, monthly, monthly_until},
    press::Print,
    store::{StoreError, folder::FolderError},
};
use crate::{
    influx::{InfluxConfig, InfluxError, Sink},
    inventory::Shelf,
    metrics::Metrics,
    operator::Operator,
    press::Press,
    store::{
        JOURNAL_FILE, JOURNAL_STEPS, STATE_FILE, STATE_STEPS, agents, enrolments,
        folder::{self, Folder},
        readers::Readers,
        windows,
        writer::{Unwritten, Writer},
    },
};

/// What goes wrong with the collector as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The inventory cannot be used.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The device profiles cannot be used.
    #[error("the device profiles have faults:\n{0}")]
    Profiles(#[from] profiles::ProfileFaults),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operator's token cannot be had.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// The journal does not take what has to be in it.
    #[error("the journal cannot be written; is the disk full?")]
    Journal,
    /// The journal is damaged.
    #[error(
        "journal.db is damaged; stop kentongan, copy the data folder, and mend it with `sqlite3 journal.db .recover | sqlite3 mended.db`, which then takes its place"
    )]
    JournalDamaged,
    /// No token can be drawn.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The judge has a fault.
    #[error("states can no longer be judged; the log says why")]
    Judge,
    /// A part that runs as long as the collector has ended before it.
    #[error("{0} has ended by a fault; the log says why")]
    Ended(&'static str),
    /// The API cannot be served.
    #[error("the API can no longer be served")]
    Serve(#[source] std::io::Error),
}

impl From<Unwritten> for Error {
    fn from(reason: Unwritten) -> Self {
        match reason {
            Unwritten::Damaged => Error::JournalDamaged,
            Unwritten::Busy | Unwritten::Refused => Error::Journal,
        }
    }
}

/// A collector whose data folder and inventory are in order.
#[derive(Debug)]
pub struct Collector {
    config: Config,
    clock: Arc<dyn Clock>,
    shelf: Shelf,
    profiles: profiles::ProfileShelf,
    folder: Arc<Folder>,
    operator: Operator,
    metrics: Arc<Metrics>,
    writer: Writer,
    writer_thread: JoinHandle<()>,
    state: Connection,
    sink: Option<Arc<Sink>>,
    press: Press,
}

impl Collector {
    /// Takes the data folder, opens the store and reads the inventory.
    ///
    /// # Errors
    /// When one of them cannot be used; the message says what to do.
    pub fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Collector, Error> {
        let shelf = Shelf::open(&config.inventory)?;
        let profiles = profiles::ProfileShelf::open(&config.inventory)?;
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
        let operator = Operator::open(folder.path())?;
        let journal = Readers::new(folder.file(JOURNAL_FILE), 1);
        shelf.take_windows(|| journal.ask_here(windows::counting))?;
        let state = store::open(&folder.file(STATE_FILE), STATE_STEPS)?;
        Ok(Collector {
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
            sink: None,
            press: Press::default(),
        })
    }

    /// Carries what is measured to a metric store, too.
    ///
    /// # Errors
    /// When the section is wrong, a secret is missing or the queue on disk cannot be opened.
    pub fn with_influx(mut self, config: InfluxConfig) -> Result<Collector, InfluxError> {
        let sink = Sink::open(config, self.folder.path(), Arc::clone(&self.clock))?;
        self.sink = Some(Arc::new(sink));
        Ok(self)
    }

    /// Prints reports in every format, not as JSON alone.
    #[must_use]
    pub fn with_press(mut self, print: Arc<Print>) -> Collector {
        self.press = Press(Some(print));
        self
    }

    /// Lets an agent deliver. The token is shown here once and kept nowhere; one that the agent had before is void.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn add_agent(&self, vantage: &Vantage) -> Result<Secret, Error> {
        let token = agents::draw().map_err(Error::Random)?;
        self.writer.add_agent(vantage.clone(), token.clone()).await?;
        Ok(token)
    }

    /// Serves agents and everyone who asks, until `stop`; then ends in order: what is under way is answered, the last
    /// deliveries are judged, the timeline's memory is put away.
    ///
    /// # Errors
    /// When the journal or the API can no longer be served.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
        serving::run(self, listener, stop).await
    }
}

/// Lets an agent deliver to the collector whose data lies in `data`, whether it runs or not.
///
/// # Errors
/// When the folder or its journal cannot be written.
pub fn add_agent(data: &Path, vantage: &Vantage, clock: &dyn Clock) -> Result<Secret, Error> {
    folder::make(data).map_err(|source| FolderError::Unwritable { folder: data.to_owned(), source })?;
    let token = agents::draw().map_err(Error::Random)?;
    let mut conn = store::open(&data.join(JOURNAL_FILE), JOURNAL_STEPS)?;
    let tx = conn.transaction().map_err(StoreError::from)?;
    agents::put(&tx, vantage, &token, clock.now())?;
    enrolments::void(&tx, vantage)?;
    tx.commit().map_err(StoreError::from)?;
    Ok(token)
}

/// A code that was given out.
#[derive(Debug, Clone)]
pub struct GivenOut {
    /// The code, which is kept nowhere.
    pub code: EnrolmentCode,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Lets whoever shows the code enrol as that agent, once and as long as it is `valid`, at the collector whose data lies
/// in `data`, whether it runs or not. A code that was given out for the agent before is void; its token is not, until
/// the new code is used.
///
/// # Errors
/// When the folder or its journal cannot be written.
pub fn give_out_code(
    data: &Path,
    vantage: &Vantage,
    valid: Duration,
    clock: &dyn Clock,
) -> Result<GivenOut, Error> {
    folder::make(data).map_err(|source| FolderError::Unwritable { folder: data.to_owned(), source })?;
    let code = enrolments::draw().map_err(Error::Random)?;
    let conn = store::open(&data.join(JOURNAL_FILE), JOURNAL_STEPS)?;
    let expires_at = enrolments::put(&conn, vantage, &code, clock.now(), valid)?;
    Ok(GivenOut { code, expires_at })
}
