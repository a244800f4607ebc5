//! What agents ask for: their plan, and the taking of their deliveries.

use std::sync::Arc;

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::params::Named;
use crate::{
    bases::Bases,
    ingest::{self, Coming, unwritten},
    problem::Problem,
    station::Station,
};

/// The header that tells an agent the revision of its plan with each delivery.
pub(super) const PLAN_HEADER: &str = "kentongan-plan";

/// The plan of an agent
///
/// Its ETag is the plan's revision; batches refer to it.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/plan", tag = "agents",
    params(("agent" = String, Path, description = "Id of a site with an agent, or `core`")),
    responses(
        (status = 200, description = "What to probe", content_type = "application/json"),
        (status = 304, description = "The plan in `If-None-Match` still holds"),
        (status = 401, description = "The token is not the agent's", body = Problem),
        (status = 404, description = "The inventory has no agent there", body = Problem)))]
pub(super) async fn plan(
    State(station): State<Arc<Station>>,
    Named(agent): Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let agent = ingest::admit(&station, &agent, bearer(&headers)).await?;
    let handout = station.plans.current(&agent).await.map_err(unwritten)?.ok_or_else(|| {
        Problem::not_found(format!("the inventory has no agent at {agent}; set `agent = true` on that site"))
    })?;
    let etag = format!("\"{}\"", handout.revision);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag));
    let headers = [(header::ETAG, etag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    station.tally.answered(&agent, handout.json.len());
    Ok((headers, [(header::CONTENT_TYPE, "application/json")], handout.json.to_string()).into_response())
}

/// A delivery of an agent
///
/// Answered when it is on disk. The same batch may come again and changes nothing.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/deliveries", tag = "agents",
    params(("agent" = String, Path, description = "Id of a site with an agent, or `core`")),
    request_body(content = Vec<u8>, content_type = "application/vnd.kentongan.delivery"),
    responses(
        (status = 204, description = "On disk, now or before; the header `Kentongan-Plan` tells the plan's revision, or `none`"),
        (status = 400, description = "No delivery", body = Problem),
        (status = 401, description = "The token is not the agent's", body = Problem),
        (status = 409, description = "Another batch has that name", body = Problem),
        (status = 413, description = "Too large", body = Problem),
        (status = 422, description = "A batch that can never be taken; `Kentongan-Plan` is told all the same", body = Problem),
        (status = 429, description = "Too often; see `Retry-After`", body = Problem),
        (status = 503, description = "Not now; see `Retry-After`", body = Problem)))]
pub(super) async fn deliver(
    State(station): State<Arc<Station>>,
    Named(agent): Named,
    request: Request,
) -> Result<Response, Problem> {
    let received_at = station.clock.now();
    let agent = ingest::admit(&station, &agent, bearer(request.headers())).await?;
    let version = version(request.headers());
    let bytes = Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::too_large(station.config.limits.body_bytes)
        } else {
            Problem::malformed("the body did not arrive whole")
        }
    })?;
    let coming = Coming { received_at, carried: bytes.len(), bytes, version };
    let said = ingest::receive(&station, agent.clone(), coming, &mut Bases::default()).await;
    let taken = said.taken.map(|_| StatusCode::NO_CONTENT.into_response());
    let mut response = taken.unwrap_or_else(Problem::into_response);
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    station.tally.answered(&agent, length.unwrap_or(0));
    let revision = said.plan.and_then(|plan| HeaderValue::from_str(&plan.to_string()).ok());
    // Always there: by it an agent knows that nobody else has answered.
    response.headers_mut().insert(PLAN_HEADER, revision.unwrap_or(HeaderValue::from_static("none")));
    Ok(response)
}

/// The longest version that is kept.
const MAX_VERSION: usize = 40;

/// What version of the agent a request comes from.
pub(super) fn version(headers: &HeaderMap) -> Option<Arc<str>> {
    let program = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let version = program.strip_prefix("kentongan-agent/")?;
    (version.len() <= MAX_VERSION).then(|| version.into())
}

/// The token that a request shows.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
