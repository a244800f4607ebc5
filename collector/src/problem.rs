//! Problems: what the API answers when it does not do what was asked (RFC 9457).
//!
//! The rule it guards: every refusal has a name from the fixed list below, says what to do, and is counted by its name.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kentongan_model::answer::Answer;
use serde::Serialize;

use crate::store::StoreError;

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// The problem's name as a URI: `urn:kentongan:problem:<name>`.
    #[serde(rename = "type", serialize_with = "urn")]
    #[schema(rename = "type", value_type = String)]
    name: &'static str,
    /// The same for people, always alike.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What happened here and what to do.
    detail: String,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

fn urn<S: serde::Serializer>(name: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:kentongan:problem:{name}"))
}

/// The name of the problem that an answer tells, for the counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProblemName(pub(crate) &'static str);

impl Problem {
    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            name,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            parameter: None,
            retry_after_s: None,
        }
    }

    fn retry(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the token is what is wrong.
    pub(crate) fn is_of_the_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED.as_u16()
    }

    /// The same as it is told on a stream.
    pub(crate) fn answer(&self) -> Answer {
        let said = format!("{}: {}", self.title, self.detail);
        Answer { status: self.status, retry_after_s: self.retry_after_s, plan: None, said }
    }

    /// 400: a parameter is wrong.
    pub(crate) fn parameter(parameter: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "parameter", "a parameter is wrong", detail);
        problem.parameter = Some(parameter.to_owned());
        problem
    }

    /// 400: the body is no delivery.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "the body is not a delivery", detail)
    }

    /// 401: nobody that is known.
    pub(crate) fn unknown_agent() -> Self {
        let detail =
            "the token is not the agent's; enrol the agent with a code of `kentongan agent add <site>`";
        Self::new(StatusCode::UNAUTHORIZED, "unknown-agent", "the agent or its token is not known", detail)
    }

    /// 401: not the operator.
    pub(crate) fn not_the_operator() -> Self {
        let detail = "show the operator's token, which lies in the collector's data folder (operator.token)";
        Self::new(StatusCode::UNAUTHORIZED, "operator", "this is for the operator alone", detail)
    }

    /// 400: the body is not what is asked for here.
    pub(crate) fn body(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "body", "the body cannot be read", detail)
    }

    /// 422: a maintenance window that cannot be, by a key of the body.
    pub(crate) fn window(key: &str, detail: impl Into<String>) -> Self {
        let title = "the maintenance window cannot be taken";
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "window", title, detail);
        problem.parameter = Some(key.to_owned());
        problem
    }

    /// 409: as things stand it cannot be done to a maintenance window.
    pub(crate) fn standing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "standing", "the maintenance window stays as it is", detail)
    }

    /// 404: no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is no such thing", detail)
    }

    /// 405: not with this method.
    pub(crate) fn method() -> Self {
        let detail = "the API does not know this method here; see /openapi.json";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "the method is not allowed here", detail)
    }

    /// 409: another batch of that name.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "another batch has that name", detail)
    }

    /// 413: too long.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("a body may have {limit} bytes at most");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too large", detail)
    }

    /// 422: a delivery that cannot be placed.
    pub(crate) fn unfit(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit", "the delivery cannot be taken", detail)
    }

    /// 429: too often.
    pub(crate) fn too_often(seconds: u32) -> Self {
        let detail = format!("the agent delivers too often; keep it and come back in {seconds} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-often", "too many deliveries", detail).retry(seconds)
    }

    /// 424: what it leans on is not at hand.
    pub(crate) fn unknown_base() -> Self {
        let detail = "the batch that it leans on is not known here; deliver it whole";
        Self::new(StatusCode::FAILED_DEPENDENCY, "unknown-base", "the delivery cannot be opened", detail)
    }

    /// 426: a stream is opened by a WebSocket handshake.
    pub(crate) fn no_stream() -> Self {
        let detail =
            "ask for an upgrade to a WebSocket of the protocol kentongan.1; does a proxy on the way drop it?";
        Self::new(StatusCode::UPGRADE_REQUIRED, "no-stream", "this is no WebSocket handshake", detail)
    }

    /// 503: as many streams as may be.
    pub(crate) fn too_many_streams() -> Self {
        Self::busy("as many streams are open as may be; post the deliveries")
    }

    /// 404: a code that nobody gave out.
    pub(crate) fn code_unknown(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "code-unknown", "the code is not known", detail)
    }

    /// 410: a code that has run out.
    pub(crate) fn code_expired(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "code-expired", "the code has run out", detail)
    }

    /// 409: a code that somebody else has used.
    pub(crate) fn code_used(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "code-used", "the code has been used", detail)
    }

    /// 429: too many tries.
    pub(crate) fn too_many_tries(seconds: u32) -> Self {
        let detail = format!("too many codes are being tried; come back in {seconds} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-tries", "too many codes are tried", detail)
            .retry(seconds)
    }

    /// 503: not now.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the collector cannot do it now", detail).retry(5)
    }

    /// 503: the clock of the boot is not known yet.
    pub(crate) fn unknown_clock() -> Self {
        let detail = "the router's wall clock is off, and one delivery alone does not tell how its time since boot maps \
                      onto the collector's; deliver it again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unknown-clock", "the clock is not known yet", detail)
            .retry(1)
    }

    /// 503: it took too long.
    pub(crate) fn timeout(seconds: u64) -> Self {
        let detail = format!("the request took longer than {seconds} s");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the request took too long", detail).retry(5)
    }

    /// 500: the store refuses.
    pub(crate) fn store(error: &StoreError) -> Self {
        tracing::error!(%error, cause = ?std::error::Error::source(error), "a question to the store failed");
        let detail = match error {
            StoreError::Corrupt { file, .. } => {
                format!("{file} is damaged; the collector's log says what to do")
            }
            _ => "the collector cannot read its store; its log says why".to_owned(),
        };
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the store cannot be read", detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Problem::store(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(ProblemName(self.name));
        response
    }
}
