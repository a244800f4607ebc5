//! The collector's event feed, as the alerter reads it: pages of `GET {base}/api/v1/events?after=&wait=`.
//!
//! A page is read entry by entry, so that one that a newer collector invented is told as unreadable and does not
//! deafen the alerter to all that follow.

use std::time::Duration;

use kentongan_model::{event::Event, time::Timestamp};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::store::Cursor;

/// How long the collector may hold a request while nothing happens.
pub(crate) const WAIT: Duration = Duration::from_secs(25);
/// How much longer the answer may take.
const GRACE: Duration = Duration::from_secs(15);
/// The largest page that is read, in bytes; a larger one is an error, and asked for again.
const LARGEST_PAGE: usize = 64 * 1024 * 1024;

/// Why the feed could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    #[error("cannot reach the collector")]
    Unreachable(#[source] reqwest::Error),
    #[error("the collector answered {0} to a question for its events")]
    Status(StatusCode),
    #[error("a page of events is larger than {LARGEST_PAGE} bytes")]
    TooLarge,
    #[error("the answer is no page of events; is base_url the collector's?")]
    NoPage(#[source] serde_json::Error),
}

/// A page: what was written after the cursor.
#[derive(Debug)]
pub(crate) struct FeedPage {
    pub(crate) entries: Vec<FeedEntry>,
}

/// One entry.
#[derive(Debug)]
pub(crate) enum FeedEntry {
    /// It can be read.
    Event(Box<Event>),
    /// It cannot, but for its number.
    Unreadable {
        /// The number.
        id: i64,
        /// Why not.
        fault: String,
    },
}

impl FeedEntry {
    pub(crate) fn id(&self) -> i64 {
        match self {
            FeedEntry::Event(event) => event.id,
            FeedEntry::Unreadable { id, .. } => *id,
        }
    }

    /// When it was written, where that can be read.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        match self {
            FeedEntry::Event(event) => Some(event.at),
            FeedEntry::Unreadable { .. } => None,
        }
    }
}

/// The way to the collector.
#[derive(Debug)]
pub(crate) struct Feed {
    client: Client,
    url: String,
}

impl Feed {
    pub(crate) fn new(base_url: &str) -> Result<Self, reqwest::Error> {
        // The collector is near, on the same machine as a rule: a proxy for the internet is not for it.
        let client = Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).build()?;
        Ok(Feed { client, url: format!("{}/api/v1/events", base_url.trim_end_matches('/')) })
    }

    /// Asks for what follows `after`, and waits up to `wait` for it.
    pub(crate) async fn page(&self, after: i64, wait: Duration) -> Result<FeedPage, FeedError> {
        let mut response = self
            .client
            .get(&self.url)
            .query(&[("after", after), ("wait", i64::try_from(wait.as_secs()).unwrap_or(0))])
            .timeout(wait + GRACE)
            .send()
            .await
            .map_err(FeedError::Unreachable)?;
        if !response.status().is_success() {
            return Err(FeedError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FeedError::Unreachable)? {
            if body.len() + chunk.len() > LARGEST_PAGE {
                return Err(FeedError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        read(&body)
    }
}

#[derive(Deserialize)]
struct RawPage {
    events: Vec<Value>,
}

fn read(body: &[u8]) -> Result<FeedPage, FeedError> {
    let raw: RawPage = serde_json::from_slice(body).map_err(FeedError::NoPage)?;
    let mut entries = Vec::with_capacity(raw.events.len());
    for value in raw.events {
        let id = value.get("id").and_then(Value::as_i64);
        match (serde_json::from_value::<Event>(value), id) {
            (Ok(event), _) => entries.push(FeedEntry::Event(Box::new(event))),
            (Err(error), Some(id)) => entries.push(FeedEntry::Unreadable { id, fault: error.to_string() }),
            (Err(error), None) => return Err(FeedError::NoPage(error)),
        }
    }
    Ok(FeedPage { entries })
}

/// Whether the page that follows the entry *before* the cursor shows that the feed is still the one that was
/// followed: it has the entry of the cursor, as it was. A collector whose data was deleted begins with other entries.
pub(crate) fn is_same_feed(cursor: &Cursor, page: &FeedPage) -> bool {
    match (cursor.after, page.entries.first()) {
        (0, _) => true,
        (_, None) => false,
        (after, Some(first)) if first.id() == after => {
            cursor.at.is_none() || first.at().is_none() || first.at() == cursor.at
        }
        // The entry itself was cut off, and later ones follow.
        (after, Some(first)) => first.id() > after,
    }
}
