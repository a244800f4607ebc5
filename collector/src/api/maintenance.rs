//! Maintenance windows: what is planned, and adding and removing by command.
//!
//! The rule it guards: only the operator changes anything, and a change counts from the moment of its answer. What was
//! added or removed, when and by whom is shown of every window, so that one announced in retrospect can be told.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kentongan_model::{
    id::SiteId,
    inventory::{MaintenanceWindow, limits::MAX_TEXT},
    time::Timestamp,
};
use kentongan_timeline::Span;
use serde::{Deserialize, Serialize};

use super::{
    agents::bearer,
    params::{Named, Params},
};
use crate::{
    ingest::unwritten,
    inventory::Inventory,
    problem::Problem,
    station::Station,
    store::windows::{self, Ordered, Refusal, Standing, Until, Wanted, Window, WindowId},
};

/// Windows that one answer tells at most; the others are counted.
const MOST_TOLD: usize = 10_000;
/// How far back windows are told unless it is said.
const BACK: Duration = Duration::from_secs(30 * 86_400);

/// Planned windows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Windows {
    /// The network's time zone.
    timezone: String,
    /// When this was told.
    now: Timestamp,
    /// The windows, by their beginning.
    windows: Vec<WindowShown>,
    /// How many more there are.
    left_out: usize,
}

/// One of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct WindowShown {
    /// Its number; none when it stands in the inventory file.
    #[schema(value_type = Option<i64>)]
    id: Option<WindowId>,
    /// Where the work is.
    #[schema(value_type = String)]
    site: SiteId,
    /// When it begins.
    from: Timestamp,
    /// When it ends, as it was announced.
    to: Timestamp,
    /// Why.
    reason: Option<String>,
    /// What has become of it.
    standing: Standing,
    /// What of it counts; nothing when it was withdrawn, or while the inventory has no such site.
    #[schema(value_type = Option<Object>)]
    counts: Option<Span>,
    /// Whether the inventory has the site.
    site_known: bool,
    /// Whether it was added after it had begun.
    in_retrospect: bool,
    /// When it was added by command.
    added_at: Option<Timestamp>,
    /// By whom, as he called himself.
    added_by: Option<String>,
    /// When it was removed.
    removed_at: Option<Timestamp>,
    /// By whom.
    removed_by: Option<String>,
}

/// A window to add.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Where the work is.
    site: String,
    /// When it begins: RFC 3339, or without an offset in the network's time zone; now when missing.
    from: Option<String>,
    /// When it ends, written likewise.
    to: Option<String>,
    /// How long it lasts instead, such as `2h` or `90m`.
    #[serde(rename = "for")]
    length: Option<String>,
    /// Why.
    reason: String,
    /// Who adds it, as he calls himself.
    by: Option<String>,
}

/// Maintenance windows
///
/// Those of the inventory file and those added by command, removed ones too.
#[utoipa::path(get, path = "/api/v1/maintenance", tag = "maintenance",
    params(
        ("site" = Option<String>, Query, description = "Of this site alone; of all when missing"),
        ("from" = Option<Timestamp>, Query, description = "Those that end after this; 30 days before now when missing")),
    responses((status = 200, body = Windows), (status = 400, description = "A parameter is wrong", body = Problem)))]
pub(super) async fn windows(
    State(station): State<Arc<Station>>,
    mut params: Params,
) -> Result<Json<Windows>, Problem> {
    let now = station.clock.now();
    let site = params.take::<SiteId>("site")?;
    let from = params.take::<Timestamp>("from")?.unwrap_or(now - BACK);
    params.done()?;
    let commanded = station.journal.ask(windows::list).await?;
    let inventory = station.shelf.current();
    let in_file = inventory.network.maintenance.iter().filter(|window| window.added_at.is_none());
    let mut told: Vec<WindowShown> = in_file.map(|window| WindowShown::in_file(window, now)).collect();
    told.extend(commanded.iter().map(|window| WindowShown::commanded(window, &inventory, now)));
    told.retain(|window| window.to > from && site.as_ref().is_none_or(|site| *site == window.site));
    told.sort_by_key(|window| (window.from, window.id));
    let left_out = told.len().saturating_sub(MOST_TOLD);
    told.truncate(MOST_TOLD);
    let timezone = inventory.network.timezone.iana_name().unwrap_or("UTC").to_owned();
    Ok(Json(Windows { timezone, now, windows: told, left_out }))
}

/// Adds a maintenance window
///
/// For the operator. It counts from the answer on. The same window once more changes nothing.
#[utoipa::path(post, path = "/api/v1/maintenance", tag = "maintenance", request_body = Asked,
    responses(
        (status = 201, description = "Added", body = WindowShown),
        (status = 200, description = "It was there before", body = WindowShown),
        (status = 400, description = "No JSON of that form", body = Problem),
        (status = 401, description = "Not the operator's token", body = Problem),
        (status = 422, description = "A window that cannot be", body = Problem),
        (status = 503, description = "Not now; see `Retry-After`", body = Problem)))]
pub(super) async fn add(
    State(station): State<Arc<Station>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    admit(&station, &headers)?;
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| Problem::body(error.to_string()))?;
    let wanted = asked.wanted(&station.shelf.current())?;
    let ordered = station.writer.add_window(wanted).await.map_err(unwritten)?;
    answer(&station, ordered, StatusCode::CREATED).await
}

/// Removes a maintenance window
///
/// For the operator. One that has not begun is withdrawn, one that goes on ends now. One that is over stays, unless it
/// was only added after its end.
#[utoipa::path(delete, path = "/api/v1/maintenance/{id}", tag = "maintenance",
    params(
        ("id" = i64, Path, description = "Its number"),
        ("by" = Option<String>, Query, description = "Who removes it, as he calls himself")),
    responses(
        (status = 200, description = "Removed, now or before", body = WindowShown),
        (status = 401, description = "Not the operator's token", body = Problem),
        (status = 404, description = "There is no such window", body = Problem),
        (status = 409, description = "It is over", body = Problem),
        (status = 503, description = "Not now; see `Retry-After`", body = Problem)))]
pub(super) async fn remove(
    State(station): State<Arc<Station>>,
    Named(id): Named,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    admit(&station, &headers)?;
    let by = params.take::<String>("by")?.map(|by| short("by", &by)).transpose()?;
    params.done()?;
    let id: WindowId = id.parse().map_err(|_| Problem::not_found(format!("'{id}' is no window's number")))?;
    let ordered = station.writer.remove_window(id, by).await.map_err(unwritten)?;
    answer(&station, ordered, StatusCode::OK).await
}

fn admit(station: &Station, headers: &HeaderMap) -> Result<(), Problem> {
    let admitted = bearer(headers).is_some_and(|token| station.operator.admits(token));
    if admitted { Ok(()) } else { Err(Problem::not_the_operator()) }
}

/// Lets what was ordered count, and tells it.
async fn answer(station: &Station, ordered: Ordered, done: StatusCode) -> Result<Response, Problem> {
    let (status, window) = match ordered {
        Ordered::Done(window) => (done, window),
        Ordered::Already(window) => (StatusCode::OK, window),
        Ordered::Refused(refusal) => return Err(refusal.into()),
    };
    let shelf = station.shelf.clone();
    station.journal.ask(move |conn| shelf.take_windows(|| windows::counting(conn))).await?;
    let shown = WindowShown::commanded(&window, &station.shelf.current(), station.clock.now());
    let place = [(header::LOCATION, format!("/api/v1/maintenance/{}", window.id))];
    Ok((status, place, Json(shown)).into_response())
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let told = refusal.to_string();
        match refusal {
            Refusal::Backwards { .. } | Refusal::Long | Refusal::Far => Problem::window("to", told),
            Refusal::Forgotten { .. } => Problem::window("from", told),
            Refusal::Unknown(_) => Problem::not_found(told),
            Refusal::Full | Refusal::Over { .. } => Problem::standing(told),
        }
    }
}

impl Asked {
    /// The same in trusted values.
    fn wanted(self, inventory: &Inventory) -> Result<Wanted, Problem> {
        let Asked { site, from, to, length, reason, by } = self;
        let sites = &inventory.network.sites;
        let known = site.parse::<SiteId>().ok().filter(|id| sites.get(id).is_some());
        let site = known.ok_or_else(|| {
            let meant = sites.like(&site).map(|id| format!("; did you mean '{id}'?")).unwrap_or_default();
            Problem::window("site", format!("no site has the id '{}'{meant}", shown(&site)))
        })?;
        let until = match (to, length) {
            (Some(to), None) => Until::At(moment("to", &to, inventory)?),
            (None, Some(length)) => Until::For(duration(&length)?),
            _ => return Err(Problem::window("to", "say when it ends: either `to` or `for`, and not both")),
        };
        let from = from.map(|from| moment("from", &from, inventory)).transpose()?;
        let by = by.map(|by| short("by", &by)).transpose()?;
        Ok(Wanted { site, from, until, reason: short("reason", &reason)?, by })
    }
}

/// A time, in the network's time zone where it has no offset.
fn moment(key: &str, text: &str, inventory: &Inventory) -> Result<Timestamp, Problem> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let local = text.parse::<jiff::civil::DateTime>().map_err(|_| {
        let text = shown(text);
        Problem::window(
            key,
            format!("'{text}' is not a time such as 2026-11-07T22:00; put the date in front"),
        )
    })?;
    let time = inventory.network.timezone.to_timestamp(local);
    time.map(Timestamp::from).map_err(|_| Problem::window(key, format!("{local} is not on the calendar")))
}

/// A length such as `2h`, `90m`, `1h30m`.
fn duration(text: &str) -> Result<Duration, Problem> {
    let read = text.parse::<jiff::SignedDuration>().ok().and_then(|length| Duration::try_from(length).ok());
    read.ok_or_else(|| Problem::window("for", format!("'{}' is not a length such as 2h or 90m", shown(text))))
}

/// A text for people: not empty, one line, not endless.
fn short(key: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let fits = (1..=MAX_TEXT).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(text.to_owned());
    }
    Err(Problem::window(key, format!("`{key}` is one line of 1 to {MAX_TEXT} characters")))
}

/// What somebody wrote, cut to what a message bears.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

impl WindowShown {
    fn in_file(window: &MaintenanceWindow, now: Timestamp) -> Self {
        let standing = match now {
            _ if now < window.from => Standing::Planned,
            _ if now < window.to => Standing::UnderWay,
            _ => Standing::Over,
        };
        WindowShown {
            id: None,
            site: window.site.clone(),
            from: window.from,
            to: window.to,
            reason: window.reason.clone(),
            standing,
            counts: Some(Span::new(window.from, window.to)),
            site_known: true,
            in_retrospect: false,
            added_at: None,
            added_by: None,
            removed_at: None,
            removed_by: None,
        }
    }

    fn commanded(window: &Window, inventory: &Inventory, now: Timestamp) -> Self {
        let site_known = inventory.network.site(&window.site).is_some();
        let counts = window.counting().filter(|_| site_known);
        WindowShown {
            id: Some(window.id),
            site: window.site.clone(),
            from: window.from,
            to: window.to,
            reason: Some(window.reason.clone()),
            standing: window.standing(now),
            counts: counts.map(|window| Span::new(window.from, window.to)),
            site_known,
            in_retrospect: window.added_at > window.from,
            added_at: Some(window.added_at),
            added_by: window.by.clone(),
            removed_at: window.removed_at,
            removed_by: window.removed_by.clone(),
        }
    }
}
