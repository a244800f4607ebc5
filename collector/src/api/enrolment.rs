//! Enrolment: the one thing that an agent without a token may ask for.
//!
//! The rule it guards: anybody may try, so trying is limited for all together, and nothing is told of codes that the
//! asker does not know.

use std::sync::Arc;

use axum::{Json, body::Bytes, extract::State};
use kentongan_model::enrolment::{Enrolled, Enrolment};

use crate::{
    ingest::unwritten,
    metrics::EnrolmentOutcome,
    problem::Problem,
    station::Station,
    store::enrolments::{Outcome, Refusal},
};

/// Enrols an agent
///
/// Exchanges a code of `kentongan agent add` for the right to deliver with a token that the agent has drawn, and of which
/// it shows the SHA-256 only. The same request again is answered alike, so that a lost answer loses nothing.
#[utoipa::path(post, path = "/api/v1/enrol", tag = "agents", request_body = Enrolment,
    responses(
        (status = 200, description = "Enrolled, now or before by this very request", body = Enrolled),
        (status = 400, description = "No JSON of that form, or a code that was copied wrong", body = Problem),
        (status = 404, description = "`code-unknown`: no enrolment has this code", body = Problem),
        (status = 409, description = "`code-used`: another installation has used it", body = Problem),
        (status = 410, description = "`code-expired`: it was good until then", body = Problem),
        (status = 429, description = "Too many tries by all together; see `Retry-After`", body = Problem),
        (status = 503, description = "Not now; see `Retry-After`", body = Problem)))]
pub(super) async fn enrol(
    State(station): State<Arc<Station>>,
    body: Bytes,
) -> Result<Json<Enrolled>, Problem> {
    station.tries.admit().map_err(Problem::too_many_tries)?;
    let asked: Enrolment = serde_json::from_slice(&body).map_err(|error| Problem::body(error.to_string()))?;
    match station.writer.enrol(asked).await.map_err(unwritten)? {
        Outcome::Enrolled(agent) => {
            tracing::info!(%agent, "an agent has enrolled");
            station.metrics.enrolled(EnrolmentOutcome::enrolled);
            Ok(Json(Enrolled { agent }))
        }
        Outcome::Again(agent) => {
            station.metrics.enrolled(EnrolmentOutcome::repeated);
            Ok(Json(Enrolled { agent }))
        }
        Outcome::Refused(refusal) => {
            station.metrics.enrolled(EnrolmentOutcome::refused);
            Err(refusal.into())
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let told = refusal.to_string();
        match refusal {
            Refusal::Unknown => Problem::code_unknown(told),
            Refusal::Expired(_) => Problem::code_expired(told),
            Refusal::Used(_) => Problem::code_used(told),
        }
    }
}
