//! The page: what people see who open the collector's address with a browser, be it on the weakest phone.
//!
//! The rule it guards: it is whole as it comes, under 30 kB, without scripts or anything from elsewhere, and nothing
//! that an inventory says can become markup (the templates escape it).

mod choose;
mod view;
mod words;

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use kentongan_model::{inventory::Language, time::Timestamp};
use kentongan_timeline::{By, Span, Uptime, groups};

use self::{
    view::{Facts, Page},
    words::Words,
};
use super::params::Params;
use crate::{board::Board, history::History, problem::Problem, station::Station, store::state};

/// Open incidents that are counted at most; far fewer are listed.
const INCIDENTS: i64 = 1000;
/// Nothing but the style in the page itself; no scripts, no frames, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is said until the journal is judged.
#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting {
    words: &'static Words,
}

/// The page for people
///
/// States of all sites, outages and today's uptime as HTML, 30 kB at most, without scripts.
#[utoipa::path(get, path = "/", tag = "page",
    params(("lang" = Option<String>, Query, description = "id or en; the inventory's when missing")),
    responses(
        (status = 200, content_type = "text/html"),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 503, description = "Not judged yet", content_type = "text/html")))]
pub(super) async fn page(
    State(station): State<Arc<Station>>,
    mut params: Params,
) -> Result<Response, Problem> {
    let asked = params.word("lang", &[("id", Language::Id), ("en", Language::En)])?;
    params.done()?;
    let Ok(board) = station.board() else {
        let waiting = Waiting { words: Words::of(asked.unwrap_or_default()) };
        return Ok(
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], html(&waiting)).into_response()
        );
    };
    let seen = Arc::clone(&board);
    let read = station.state.ask(move |conn| {
        let network = &board.inventory.network;
        let today = Span::new(midnight(&board), board.as_of);
        let history = History::read(conn, &board, None, today)?;
        let figures: Vec<Uptime> = network.sites.iter().map(|site| history.of(site).uptime()).collect();
        let mut uptimes = BTreeMap::new();
        for by in [By::Network, By::Kind, By::Kecamatan] {
            for (key, group) in groups(by, network.sites.iter().zip(&figures)) {
                uptimes.extend(group.sums.uptime_pct().map(|pct| (key, pct)));
            }
        }
        let open = state::open_incidents(conn, INCIDENTS)?;
        Ok((uptimes, open))
    });
    let (uptimes, incidents) = read.await?;
    let network = &seen.inventory.network;
    let facts =
        Facts { network, now: seen.as_of, sites: &seen.sites, incidents: &incidents, uptimes: &uptimes };
    Ok(html(&Page::of(&facts, asked.unwrap_or(network.language))).into_response())
}

/// The beginning of today where the network is.
fn midnight(board: &Board) -> Timestamp {
    let now = board.as_of.to_jiff().to_zoned(board.inventory.network.timezone.clone());
    now.start_of_day().map_or(board.as_of, |midnight| midnight.timestamp().into())
}

fn html(page: &impl Template) -> impl IntoResponse {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    // Rendering into a string fails only if a value's own Display does, and these are texts and numbers.
    (headers, Html(page.render().unwrap_or_default()))
}
