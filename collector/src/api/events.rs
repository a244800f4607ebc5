//! The event feed: durable, numbered, followed with a cursor and long polls.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use kentongan_model::event::Event;
use serde::Serialize;

use super::params::Params;
use crate::{problem::Problem, station::Station, store::state};

/// Where the feed is.
pub(super) const PATH: &str = "/api/v1/events";
/// The longest that a long poll waits.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Events in one answer at most; the next question gets the rest at once.
const MOST: usize = 500;

/// A piece of the feed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Events {
    /// The events after the cursor, in order.
    events: Vec<Event>,
    /// The cursor for the next question.
    next: i64,
}

/// Events after a cursor
///
/// Answers at once when there are any; otherwise waits for one, `wait` seconds at most.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(
        ("after" = Option<i64>, Query, description = "The cursor: `next` of the last answer; 0 for all"),
        ("wait" = Option<i64>, Query, description = "Seconds to wait for an event, 0 to 60")),
    responses(
        (status = 200, body = Events),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 503, description = "Too many wait already; see `Retry-After`", body = Problem)))]
pub(super) async fn events(
    State(station): State<Arc<Station>>,
    mut params: Params,
) -> Result<Json<Events>, Problem> {
    let after = params.number("after", 0, 0, i64::MAX)?;
    let wait = params.number("wait", 0, 0, LONGEST_WAIT.as_secs().cast_signed())?;
    params.done()?;
    let deadline = Duration::from_secs(wait.unsigned_abs());
    if wait > 0 {
        wait_for(&station, after, deadline).await?;
    }
    let events = station.state.ask(move |conn| state::events(conn, after, MOST)).await?;
    let next = events.last().map_or(after, |event| event.id);
    Ok(Json(Events { events, next }))
}

/// Waits until there is an event after the cursor, the collector stops or the time is up.
async fn wait_for(station: &Station, after: i64, longest: Duration) -> Result<(), Problem> {
    let mut last = station.shown.event.subscribe();
    if *last.borrow_and_update() > after {
        return Ok(());
    }
    let busy = |_| Problem::busy("as many wait for events as may; ask without `wait`, or later");
    let _place = station.long_polls.try_acquire().map_err(busy)?;
    let arrived = tokio::time::timeout(longest, last.wait_for(|last| *last > after));
    station.stop.run_until_cancelled(arrived).await;
    Ok(())
}
