//! Who is told what, when, where and why.
//!
//! The last steps of a measurement: the collector writes an event, `feed` reads it, [`decide`] names who hears of it
//! or why nobody does, [`message`] words it, the store keeps decision, message and cursor in one transaction, and one
//! courier for each outlet delivers it. The alerter knows the collector only by its address and its feed.
//!
//! The rule that this crate guards: an incident is told once when it begins and once when it is over; nothing is lost
//! by a crash, and whatever is not told has a reason that can be read.

mod backoff;
mod channel;
mod check;
pub mod config;
pub mod decide;
mod deliver;
mod desk;
mod feed;
mod follow;
pub mod message;
pub mod payload;
pub mod reason;
pub mod reply;
mod shelf;
mod store;
#[cfg(test)]
#[path = "../tests/alerter/tale.rs"]
mod tale;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::join_all;
use kentongan_model::time::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use channel::OpenError;
pub use config::Config;
pub use store::{Counters, Entry, Fate, StoreError};

use crate::{
    channel::Outlet,
    config::{ChannelFaults, ChannelName},
    deliver::Courier,
    desk::Desk,
    follow::Follower,
    message::Wording,
    reason::{Says, Topic},
    reply::Action,
    shelf::Shelf,
    store::{Letter, Store},
};

/// Why the alerter cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The channels are not what they should be.
    #[error("the channels cannot be used:\n{0}")]
    Channels(ChannelFaults),
    /// One of them cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address of the collector is none.
    #[error("'{0}' is not the address of a collector; write one such as http://127.0.0.1:8080")]
    BaseUrl(String),
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another alerter uses the database.
    #[error("another alerter uses {0}; stop it first")]
    AlreadyRunning(PathBuf),
    /// The file that keeps a second alerter away cannot be made.
    #[error("cannot make {path}; check its owner and free space")]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No channel has that name.
    #[error("no channel is called '{0}'; the configuration has {1}")]
    NoSuchChannel(ChannelName, String),
    /// A test message was not taken: by whom, and what they said.
    #[error("the test message did not arrive; {0}")]
    NotDelivered(String),
}

/// Follows the collector's feed and tells what is to be told, until `stop` is cancelled.
///
/// All of it is this one future: what is dropped with it is done again by the next run on the same database.
///
/// # Errors
/// When it cannot begin. Once it runs it waits out every trouble: of the collector, the channels and the disk.
pub async fn run(config: Config, clock: Arc<dyn Clock>, stop: CancellationToken) -> Result<(), AlertError> {
    let outlets = open_all(&config)?;
    if !matches!(reqwest::Url::parse(&config.base_url), Ok(url) if url.has_host()) {
        return Err(AlertError::BaseUrl(config.base_url));
    }
    let feed = feed::Feed::new(&config.base_url).map_err(AlertError::Client)?;
    let mut store = Store::open(&config.database, clock.now())?;
    let _alone = lock(&config.database)?;
    let known: Vec<_> = outlets.iter().map(|outlet| outlet.id().clone()).collect();
    let dropped = store.drop_removed(&known, clock.now())?;
    if dropped > 0 {
        tracing::warn!(
            "{dropped} messages waited for channels that are no longer configured, and are given up"
        );
    }
    if outlets.is_empty() {
        tracing::info!("no channel is configured: alerts are only shown here");
    }

    let shelf = Shelf::new(store);
    let desk = Desk {
        listeners: outlets.iter().map(|outlet| outlet.listener.clone()).collect(),
        wording: wording(&config),
    };
    let (bell, rung) = watch::channel(());
    let couriers = join_all(outlets.into_iter().map(|outlet| {
        let courier = Courier {
            outlet,
            shelf: shelf.clone(),
            clock: Arc::clone(&clock),
            pace: config.pace,
            bell: rung.clone(),
        };
        courier.deliver(stop.clone())
    }));
    let follower = Follower { feed, shelf, desk: Arc::new(desk), clock, bell };
    tokio::join!(follower.follow(stop.clone()), couriers);
    Ok(())
}

/// Sends a test message to a channel (for mail, to each recipient), past the outbox.
///
/// # Errors
/// When it does not arrive, with what the receiver said.
pub async fn test(config: &Config, channel: &ChannelName, clock: &dyn Clock) -> Result<(), AlertError> {
    config::check(&config.channels).map_err(AlertError::Channels)?;
    let Some(wanted) = config.channels.iter().find(|known| known.name() == channel) else {
        let names: Vec<String> = config.channels.iter().map(|known| known.name().to_string()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(AlertError::NoSuchChannel(channel.clone(), names));
    };
    let mut troubles = Vec::new();
    for outlet in Outlet::open(wanted, &config.network)? {
        let now = clock.now();
        let key = format!("test-{}", now.as_millis());
        let letter = Letter {
            id: 0,
            thread: key.clone(),
            key,
            says: Says::Test,
            message: wording(config).test(),
            record: None,
            flapping: None,
            decided_at: now,
            attempts: 0,
        };
        match outlet.send(&letter, now, config.pace.attempt).await {
            Action::Delivered => {}
            Action::Retry { trouble } | Action::RetryAfter { trouble, .. } | Action::GiveUp { trouble } => {
                troubles.push(format!("{}: {trouble}", outlet.id()));
            }
        }
    }
    if troubles.is_empty() { Ok(()) } else { Err(AlertError::NotDelivered(troubles.join("; "))) }
}

/// What was told, withheld or given up and why, newest first, `limit` entries at most; empty where no alerter ran yet.
///
/// # Errors
/// When the database cannot be read.
pub fn log(database: &Path, limit: usize) -> Result<Vec<Entry>, StoreError> {
    Store::look(database)?.map_or(Ok(Vec::new()), |store| store.log(limit, None))
}

/// The same without mere changes of state, which nobody is ever told of: what a person wants to read first.
///
/// # Errors
/// When the database cannot be read.
pub fn log_of_incidents(database: &Path, limit: usize) -> Result<Vec<Entry>, StoreError> {
    Store::look(database)?.map_or(Ok(Vec::new()), |store| store.log(limit, Some(Topic::SiteState)))
}

/// What was counted since the database was made.
///
/// # Errors
/// When the database cannot be read.
pub fn counters(database: &Path) -> Result<Counters, StoreError> {
    Store::look(database)?.map_or(Ok(Counters::default()), |store| store.counters())
}

fn open_all(config: &Config) -> Result<Vec<Outlet>, AlertError> {
    config::check(&config.channels).map_err(AlertError::Channels)?;
    let mut outlets = Vec::new();
    for channel in &config.channels {
        outlets.extend(Outlet::open(channel, &config.network)?);
    }
    Ok(outlets)
}

fn wording(config: &Config) -> Wording {
    Wording { network: config.network.clone(), language: config.language, timezone: config.timezone.clone() }
}

/// Keeps a second alerter away from the database for as long as the file is held.
fn lock(database: &Path) -> Result<File, AlertError> {
    let path = database.with_extension("lock");
    let failed = |source| AlertError::Lock { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AlertError::AlreadyRunning(database.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// An error with its sources, on one line.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
