//! Incidents: the list of a period, and each by its number.

use std::sync::Arc;

use axum::{Json, extract::State};
use kentongan_model::{event::IncidentRecord, time::Timestamp};
use kentongan_timeline::CauseEvidence;
use serde::Serialize;

use super::{
    params::{Named, Params},
    ways::{self, WayShown},
};
use crate::{ledger::Kept, problem::Problem, station::Station, store::state};

/// Incidents in one answer at most, the latest first.
const MOST: i64 = 1000;
/// The length of a period that is not told, in seconds: 30 days.
const A_MONTH: u64 = 30 * 86_400;

/// An incident, with what its cause rests on.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct IncidentShown {
    /// As the events tell it.
    #[serde(flatten)]
    record: IncidentRecord,
    /// What its cause rests on: `booted_at`, `measured_at`, `dark_port`.
    #[schema(value_type = Object)]
    evidence: CauseEvidence,
}

impl From<Kept> for IncidentShown {
    fn from(kept: Kept) -> Self {
        IncidentShown { record: kept.record, evidence: kept.evidence }
    }
}

/// An incident with the ways that were walked when its targets went down.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct IncidentInFull {
    /// As in the list.
    #[serde(flatten)]
    incident: IncidentShown,
    /// The ways to its root and to what it took down, the earliest first; 20 at most.
    ways: Vec<WayShown>,
}

/// Incidents, the latest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Incidents {
    /// The incidents.
    incidents: Vec<IncidentShown>,
    /// Whether there are more than one answer holds; ask for an earlier `to`.
    more: bool,
}

/// The incidents of a period
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents",
    params(
        ("from" = Option<Timestamp>, Query, description = "Beginning; 30 days before `to` when missing"),
        ("to" = Option<Timestamp>, Query, description = "End; now when missing"),
        ("open" = Option<bool>, Query, description = "Only those that last, whenever they began")),
    responses(
        (status = 200, body = Incidents),
        (status = 400, description = "A parameter is wrong", body = Problem)))]
pub(super) async fn incidents(
    State(station): State<Arc<Station>>,
    mut params: Params,
) -> Result<Json<Incidents>, Problem> {
    let period = params.period(station.clock.now(), A_MONTH)?;
    let open = params.take::<bool>("open")?.unwrap_or(false);
    params.done()?;
    let read = station.state.ask(move |conn| {
        if open { state::open_incidents(conn, MOST + 1) } else { state::incidents(conn, period, MOST + 1) }
    });
    let mut found = read.await?;
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    Ok(Json(Incidents { incidents: found.into_iter().map(IncidentShown::from).collect(), more }))
}

/// An incident by its number
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, body = IncidentInFull),
        (status = 404, description = "There is none of that number", body = Problem)))]
pub(super) async fn incident(
    State(station): State<Arc<Station>>,
    Named(id): Named,
    params: Params,
) -> Result<Json<IncidentInFull>, Problem> {
    params.done()?;
    let missing = || Problem::not_found(format!("there is no incident '{id}'"));
    let number: i64 = id.parse().map_err(|_| missing())?;
    let now = station.clock.now();
    let read = station.state.ask(move |conn| {
        let Some(kept) = state::incident_numbered(conn, number)? else { return Ok(None) };
        let ways = ways::of_incident(conn, &kept.record, now)?;
        Ok(Some((kept, ways)))
    });
    let (kept, ways) = read.await?.ok_or_else(missing)?;
    // Until the journal is judged nobody knows which inventory names them.
    let ways =
        station.board().map_or_else(|_| Vec::new(), |board| ways::shown(&board.inventory.network, &ways));
    Ok(Json(IncidentInFull { incident: kept.into(), ways }))
}
