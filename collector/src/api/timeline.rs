//! The timeline of a site over a period, with the figures that come of it.

use std::sync::Arc;

use axum::{Json, extract::State};
use kentongan_model::{state::State as SiteState, time::Timestamp};
use kentongan_timeline::{Span, within};
use serde::Serialize;

use super::{
    params::{Named, Params},
    site::find,
};
use crate::{history::History, problem::Problem, station::Station};

/// The length of a period that is not told, in seconds.
const A_DAY: u64 = 86_400;

/// The timeline of a site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Timeline {
    /// The site.
    site: String,
    /// The beginning of the period, cut to the site's `since`.
    from: Timestamp,
    /// Its end, cut to now.
    to: Timestamp,
    /// Its states, without a gap.
    timeline: Vec<Stretch>,
    /// When it was under maintenance.
    maintenance: Vec<Window>,
    /// The figures of the period, as in docs/replay.md.
    #[schema(value_type = Object)]
    uptime: kentongan_timeline::Uptime,
}

/// A site in one state in [from, to).
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Stretch {
    /// The state.
    state: SiteState,
    /// Where it begins.
    from: Timestamp,
    /// Where it ends, or the period does.
    to: Timestamp,
    /// The sites whose fault it is; only when unreachable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roots: Vec<String>,
}

/// A stretch [from, to) of planned work.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Window {
    from: Timestamp,
    to: Timestamp,
}

/// The timeline of a site
#[utoipa::path(get, path = "/api/v1/sites/{id}/timeline", tag = "sites",
    params(
        ("id" = String, Path, description = "Its id"),
        ("from" = Option<Timestamp>, Query, description = "Beginning; a day before `to` when missing"),
        ("to" = Option<Timestamp>, Query, description = "End; now when missing")),
    responses(
        (status = 200, body = Timeline),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 404, description = "The inventory has no such site", body = Problem),
        (status = 503, description = "Not judged yet", body = Problem)))]
pub(super) async fn timeline(
    State(station): State<Arc<Station>>,
    Named(id): Named,
    mut params: Params,
) -> Result<Json<Timeline>, Problem> {
    let board = station.board()?;
    let (from, to) = params.period(board.as_of, A_DAY)?;
    params.done()?;
    let site = find(&board.inventory.network, &id)?.clone();
    let asked = Span::new(from, to);
    let history = {
        let (board, id) = (Arc::clone(&board), site.id.clone());
        station.state.ask(move |conn| History::read(conn, &board, Some(&id), asked)).await?
    };
    let told = history.of(&site);
    let stretches = told.intervals.iter().filter_map(|interval| {
        let part = interval.span().overlap(told.period)?;
        let roots = interval.roots.iter().map(ToString::to_string).collect();
        Some(Stretch { state: interval.state, from: part.from, to: part.to, roots })
    });
    Ok(Json(Timeline {
        site: site.id.to_string(),
        from: told.period.from,
        to: told.period.to,
        timeline: stretches.collect(),
        maintenance: within(&told.maintenance, told.period)
            .iter()
            .map(|s| Window { from: s.from, to: s.to })
            .collect(),
        uptime: told.uptime(),
    }))
}
