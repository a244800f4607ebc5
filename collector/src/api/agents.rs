//! What agents ask for: their plan, and the taking of their deliveries.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::params::Named;
use crate::{
    ingest::{self, unwritten},
    problem::Problem,
    station::Station,
};

/// The header that tells an agent the revision of its plan with each delivery.
const PLAN_HEADER: &str = "kentongan-plan";

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
    Ok((headers, [(header::CONTENT_TYPE, "application/json")], handout.json.to_string()).into_response())
}

/// A delivery of an agent
///
/// Answered when it is on disk. The same batch may come again and changes nothing.
#[utoipa::path(post, path = "/api/v1/agents/{agent}/deliveries", tag = "agents",
    params(("agent" = String, Path, description = "Id of a site with an agent, or `core`")),
    request_body(content = Vec<u8>, content_type = "application/vnd.kentongan.delivery"),
    responses(
        (status = 204, description = "On disk, now or before; the header `Kentongan-Plan` tells the plan's revision"),
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
    station.rate.admit(&agent).map_err(Problem::too_often)?;
    let bytes = Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::too_large(station.config.limits.body_bytes)
        } else {
            Problem::malformed("the body did not arrive whole")
        }
    })?;
    let taken = ingest::take(&station, agent.clone(), received_at, bytes).await;
    let mut response = taken.map_or_else(Problem::into_response, |()| StatusCode::NO_CONTENT.into_response());
    // Whether the batch is taken or refused, the next one can be of the right plan. That it cannot be told now is no
    // reason to refuse this one.
    if let Ok(Some(handout)) = station.plans.current(&agent).await
        && let Ok(revision) = HeaderValue::from_str(&handout.revision.to_string())
    {
        response.headers_mut().insert(PLAN_HEADER, revision);
    }
    Ok(response)
}

/// The token that a request shows.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
