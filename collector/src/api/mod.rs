//! The API: one file for each resource. JSON, times in RFC 3339 (UTC, milliseconds), problems as of RFC 9457, and a
//! description of itself at `/openapi.json` that is made of the handlers.

mod agents;
mod enrolment;
mod events;
mod health;
mod incidents;
mod maintenance;
mod network;
mod packages;
mod page;
mod params;
mod reports;
mod roster;
mod series;
mod site;
mod sites;
mod stream;
mod timeline;
mod uptime;
mod ways;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    problem::{Problem, ProblemName},
    station::Station,
};

/// What the description says of the API as a whole.
#[derive(OpenApi)]
#[openapi(info(title = "Kentongan", description = "States, outages and uptime of a district's network."))]
struct About;

/// The API with everything that stands around each request.
pub(crate) fn router(station: &Arc<Station>) -> Router {
    let (router, mut openapi) = OpenApiRouter::with_openapi(About::openapi())
        .routes(routes!(roster::agents))
        .routes(routes!(agents::plan))
        .routes(routes!(agents::deliver))
        .routes(routes!(stream::stream))
        .routes(routes!(enrolment::enrol))
        .routes(routes!(packages::install))
        .routes(routes!(packages::package))
        .routes(routes!(network::network))
        .routes(routes!(sites::sites))
        .routes(routes!(site::site))
        .routes(routes!(timeline::timeline))
        .routes(routes!(series::series))
        .routes(routes!(incidents::incidents))
        .routes(routes!(incidents::incident))
        .routes(routes!(uptime::uptime))
        .routes(routes!(maintenance::windows, maintenance::add))
        .routes(routes!(maintenance::remove))
        .routes(routes!(reports::report))
        .routes(routes!(events::events))
        .routes(routes!(page::page))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(health::openapi))
        .split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut openapi.info.version);
    let described: Arc<str> = openapi.to_pretty_json().unwrap_or_default().into();
    router
        .fallback(|| async { Problem::not_found("the API has no such path; see /openapi.json") })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .layer(axum::Extension(health::Described(described)))
        .layer(DefaultBodyLimit::max(station.config.limits.body_bytes))
        .layer(middleware::from_fn_with_state(Arc::clone(station), attend))
        .with_state(Arc::clone(station))
}

/// Ends what takes too long, and counts what is refused.
async fn attend(State(station): State<Arc<Station>>, request: Request, next: Next) -> Response {
    let mut limit = Duration::from_secs(station.config.limits.request_timeout_s.max(1));
    if request.uri().path() == events::PATH {
        limit += events::LONGEST_WAIT;
    }
    if request.uri().path().starts_with(reports::PATH) {
        limit += reports::LONGEST_PRINT;
    }
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timeout(limit.as_secs()).into_response(),
    };
    if let Some(ProblemName(name)) = response.extensions().get() {
        station.metrics.refuse(name);
    }
    response
}
