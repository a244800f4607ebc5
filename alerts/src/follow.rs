//! The follower: asks the collector for what is new, has it decided, and wakes the outlets.
//!
//! It examines its stored cursor before each question instead of trusting its memory. After each interruption and each
//! quiet spell it first makes sure that the feed is still the same one: a collector whose data was deleted counts from
//! 1 again.

use std::{sync::Arc, time::Duration};

use kentongan_model::time::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff,
    desk::Desk,
    error_chain,
    feed::{Feed, FeedError, WAIT, is_same_feed},
    shelf::Shelf,
    store::StoreError,
};

/// The pauses after failures: the collector may just be starting beside us.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The pause after an empty page, so that a collector that does not wait is not hammered.
const BREATH: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) struct Follower {
    pub(crate) feed: Feed,
    pub(crate) shelf: Shelf,
    pub(crate) desk: Arc<Desk>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Wakes the outlets.
    pub(crate) bell: watch::Sender<()>,
}

impl Follower {
    /// Follows until it is told to stop.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        // What was begun is finished by the store; the question to the collector can be dropped at any time.
        stop.run_until_cancelled(self.follow_on()).await;
    }

    async fn follow_on(&self) {
        let mut failures = 0;
        loop {
            let Err(interruption) = self.follow_until_interrupted(&mut failures).await;
            failures += 1;
            if failures == 1 {
                tracing::warn!("alerts wait for the collector: {}", error_chain(&interruption));
            }
            tokio::time::sleep(backoff::pause(failures, "feed", FIRST_PAUSE, LONGEST_PAUSE)).await;
        }
    }

    async fn follow_until_interrupted(
        &self,
        failures: &mut u32,
    ) -> Result<std::convert::Infallible, Interruption> {
        loop {
            self.catch_up().await?;
            if *failures > 0 {
                tracing::info!("alerts follow the collector again");
            }
            *failures = 0;
            while self.follow_page().await? {}
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Waits for the next page; false when nothing happened for a while.
    async fn follow_page(&self) -> Result<bool, Interruption> {
        let cursor = self.shelf.with(|store| store.cursor()).await?;
        let page = self.feed.page(cursor.after, WAIT).await?;
        let any = !page.entries.is_empty();
        if any {
            self.handle(page.entries).await?;
        }
        Ok(any)
    }

    /// Reads the entry of the cursor again, and what followed it in the meantime.
    async fn catch_up(&self) -> Result<(), Interruption> {
        let cursor = self.shelf.with(|store| store.cursor()).await?;
        if cursor.after == 0 {
            return Ok(());
        }
        let page = self.feed.page(cursor.after - 1, Duration::ZERO).await?;
        if is_same_feed(&cursor, &page) {
            return self.handle(page.entries).await;
        }
        tracing::warn!("the collector's feed began anew; it is followed from its beginning");
        let now = self.clock.now();
        self.shelf.with(move |store| store.begin_anew(now)).await?;
        Ok(())
    }

    async fn handle(&self, entries: Vec<crate::feed::FeedEntry>) -> Result<(), Interruption> {
        let (desk, now) = (Arc::clone(&self.desk), self.clock.now());
        let messages = self
            .shelf
            .with(move |store| {
                let cursor = store.cursor()?;
                desk.handle(store, &cursor, &entries, now)
            })
            .await?;
        for message in messages {
            tracing::info!("{}", message.whole().replace('\n', " | "));
        }
        self.bell.send_replace(());
        Ok(())
    }
}
