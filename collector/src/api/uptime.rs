//! Uptime over a period: of each site, or of groups of them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use kentongan_model::time::Timestamp;
use kentongan_timeline::{By, GroupUptime, Span, Uptime, groups};
use serde::Serialize;

use super::params::Params;
use crate::{history::History, problem::Problem, station::Station};

/// The length of a period that is not told, in seconds: 30 days.
const A_MONTH: u64 = 30 * 86_400;

/// The figures of a period, as in docs/replay.md.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct UptimeShown {
    /// The beginning of the period; each site's is cut to its `since`.
    from: Timestamp,
    /// Its end, cut to now.
    to: Timestamp,
    /// Each site's figures by its id, with `by=site`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    sites: Option<BTreeMap<String, Uptime>>,
    /// Each group's figures by its key, such as `kecamatan:33.03.07`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    groups: Option<BTreeMap<String, GroupUptime>>,
}

/// Uptime over a period
#[utoipa::path(get, path = "/api/v1/uptime", tag = "uptime",
    params(
        ("from" = Option<Timestamp>, Query, description = "Beginning; 30 days before `to` when missing"),
        ("to" = Option<Timestamp>, Query, description = "End; now when missing"),
        ("by" = Option<String>, Query, description = "site (as when missing), kecamatan, kind, provider or network")),
    responses(
        (status = 200, body = UptimeShown),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 503, description = "Not judged yet", body = Problem)))]
pub(super) async fn uptime(
    State(station): State<Arc<Station>>,
    mut params: Params,
) -> Result<Json<UptimeShown>, Problem> {
    let board = station.board()?;
    let (from, to) = params.period(board.as_of, A_MONTH)?;
    let by = params.take::<By>("by")?.unwrap_or(By::Site);
    params.done()?;
    let to = to.min(board.as_of);
    let shown = station.state.ask(move |conn| {
        let history = History::read(conn, &board, None, Span::new(from, to))?;
        let network = &board.inventory.network;
        let figures: Vec<Uptime> = network.sites.iter().map(|site| history.of(site).uptime()).collect();
        let both = network.sites.iter().zip(&figures);
        Ok(match by {
            By::Site => {
                let sites = both.map(|(site, uptime)| (site.id.to_string(), *uptime)).collect();
                UptimeShown { from, to, sites: Some(sites), groups: None }
            }
            _ => UptimeShown { from, to, sites: None, groups: Some(groups(by, both)) },
        })
    });
    Ok(Json(shown.await?))
}
