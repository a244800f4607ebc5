//! The worker of one outlet: sends what waits for it, one message at a time, until it is taken or given up.
//!
//! Each outlet has its own, so a dead one delays no other. At most one message is under way for each outlet, so a
//! crash repeats at most that one; and it is marked before the next one is looked at, however long the disk takes.

use std::{sync::Arc, time::Duration};

use kentongan_model::time::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff,
    channel::Outlet,
    config::Pace,
    error_chain,
    reason::GaveUp,
    reply::Action,
    shelf::Shelf,
    store::{Letter, Next, Store, StoreError},
};

/// The pause when the database cannot be used.
const DISK_TROUBLE: Duration = Duration::from_secs(5);
/// The time that a message under way still gets when the program is told to stop.
const FAREWELL: Duration = Duration::from_secs(3);

pub(crate) struct Courier {
    pub(crate) outlet: Outlet,
    pub(crate) shelf: Shelf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: Pace,
    /// Rings when something was written.
    pub(crate) bell: watch::Receiver<()>,
}

impl Courier {
    /// Delivers until it is told to stop.
    pub(crate) async fn deliver(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.bell.mark_unchanged();
            let (id, now) = (self.outlet.id().clone(), self.clock.now());
            let rest = match self.shelf.with(move |store| store.next(&id, now)).await {
                Ok(Next::Send(letter)) => {
                    let work = self.send(*letter);
                    let farewell = async {
                        stop.cancelled().await;
                        tokio::time::sleep(FAREWELL).await;
                    };
                    tokio::select! {
                        () = work => continue,
                        () = farewell => return,
                    }
                }
                Ok(Next::Rest(rest)) => Some(rest),
                Ok(Next::Idle) => None,
                Err(error) => {
                    tracing::error!(outlet = %self.outlet.id(), "{}", error_chain(&error));
                    Some(DISK_TROUBLE)
                }
            };
            self.wait(rest, &stop).await;
        }
    }

    async fn wait(&mut self, rest: Option<Duration>, stop: &CancellationToken) {
        let rested = async {
            match rest {
                Some(rest) => tokio::time::sleep(rest).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rested => {}
            rung = self.bell.changed() => if rung.is_err() {
                // The follower is gone: the program is stopping.
                stop.cancelled().await;
            },
            () = stop.cancelled() => {}
        }
    }

    async fn send(&self, letter: Letter) {
        let action = self.outlet.send(&letter, self.clock.now(), self.pace.attempt).await;
        self.tell(&letter, &action);
        let letter = Arc::new(letter);
        loop {
            let (id, now, pace) = (self.outlet.id().clone(), self.clock.now(), self.pace);
            let (letter, action) = (Arc::clone(&letter), action.clone());
            let settled =
                self.shelf.with(move |store| settle(store, &id, &letter, &action, &pace, now)).await;
            // Sending on without the mark would repeat the message for as long as the disk is full.
            match settled {
                Ok(()) => return,
                Err(error) => tracing::error!(outlet = %self.outlet.id(), "{}", error_chain(&error)),
            }
            tokio::time::sleep(DISK_TROUBLE).await;
        }
    }

    fn tell(&self, letter: &Letter, action: &Action) {
        let (outlet, title) = (self.outlet.id(), &letter.message.title);
        match action {
            Action::Delivered => {
                tracing::info!(%outlet, attempts = letter.attempts + 1, "delivered: {title}");
            }
            Action::GiveUp { trouble } => tracing::error!(%outlet, "refused for good: {title}: {trouble}"),
            Action::Retry { trouble } | Action::RetryAfter { trouble, .. } if letter.attempts == 0 => {
                tracing::warn!(%outlet, "not delivered yet, will be tried again: {title}: {trouble}");
            }
            Action::Retry { trouble } | Action::RetryAfter { trouble, .. } => {
                tracing::debug!(%outlet, attempts = letter.attempts + 1, "not delivered yet: {title}: {trouble}");
            }
        }
    }
}

/// Writes down what came of an attempt.
fn settle(
    store: &mut Store,
    outlet: &crate::decide::OutletId,
    letter: &Letter,
    action: &Action,
    pace: &Pace,
    now: kentongan_model::time::Timestamp,
) -> Result<(), StoreError> {
    let (rest, trouble) = match action {
        Action::Delivered => return store.sent(outlet, letter, now),
        Action::GiveUp { trouble } => return store.give_up(letter, GaveUp::Refused, trouble, now),
        Action::Retry { trouble } => {
            (backoff::pause(letter.attempts + 1, &letter.key, pace.first_retry, pace.longest_retry), trouble)
        }
        Action::RetryAfter { pause, trouble } => {
            store.pause(outlet, now + *pause)?;
            (*pause, trouble)
        }
    };
    if now.since(letter.decided_at) >= pace.give_up_after {
        return store.give_up(letter, GaveUp::TooOld, trouble, now);
    }
    store.failed(letter, rest, trouble, now)
}
