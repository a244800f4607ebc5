//! What machines ask of the collector itself: whether it lives, whether it is ready, what it counts, how it is used.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::station::Station;

/// The description of the API, as JSON.
#[derive(Debug, Clone)]
pub(super) struct Described(pub(super) Arc<str>);

/// Whether the collector is ready, and what is wrong.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Ready {
    /// Whether states are being judged and the journal can be written.
    ready: bool,
    /// Whether the journal can be written.
    journal_writable: bool,
    /// What is wrong with the inventory file; the one before it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    inventory_fault: Option<String>,
}

/// Whether it lives
#[utoipa::path(get, path = "/healthz", tag = "collector", responses((status = 200, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it is ready
///
/// 503 until the journal since the last checkpoint has been judged again, and while the journal cannot be written.
#[utoipa::path(get, path = "/readyz", tag = "collector",
    responses((status = 200, body = Ready), (status = 503, body = Ready)))]
pub(super) async fn readyz(State(station): State<Arc<Station>>) -> Response {
    let journal_writable = station.metrics.journal_faulty.get() == 0;
    let ready = Ready {
        ready: station.board().is_ok() && journal_writable,
        journal_writable,
        inventory_fault: station.shelf.fault(),
    };
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready)).into_response()
}

/// What it counts, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "collector",
    responses((status = 200, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(station): State<Arc<Station>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], station.metrics_text())
}

/// How it is used
#[utoipa::path(get, path = "/openapi.json", tag = "collector",
    responses((status = 200, content_type = "application/json")))]
pub(super) async fn openapi(Extension(Described(json)): Extension<Described>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], json.to_string())
}
