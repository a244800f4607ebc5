//! The collector as the agent sees it: two requests, one for the plan and one for a delivery.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header::HeaderValue, http::request::Builder};
use kentongan_model::{id::Vantage, plan::PlanRevision};

use super::{
    answer::Disposition,
    connection::{AddressError, Answer, CallError, Connection},
};
use crate::Config;

/// The longest plan that is read.
const MAX_PLAN: usize = 16 << 20;
/// The longest answer to a delivery that is read; it matters for what it says about a refusal only.
const MAX_REPLY: usize = 64 << 10;
/// How much of what the collector says is shown.
const SHOWN: usize = 300;

/// What the collector said to a delivery.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) disposition: Disposition,
    pub(super) status: u16,
    /// The plan that the collector has for this agent.
    pub(super) plan: Option<PlanRevision>,
    /// What it said, shortened.
    pub(super) said: String,
}

/// What the collector said to a request for the plan.
#[derive(Debug)]
pub(super) enum PlanReply {
    Unchanged,
    Plan(String),
    Failed(Reply),
}

/// The collector.
pub(super) struct Collector {
    connection: Connection,
    agent: Vantage,
    authorization: HeaderValue,
}

impl Collector {
    pub(super) fn new(config: &Config) -> Result<Self, AddressError> {
        let connection = Connection::to(&config.collector, config.ca_file.as_ref())?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", config.token.expose()))
            .map_err(|_| AddressError::Token)?;
        authorization.set_sensitive(true);
        Ok(Collector { connection, agent: config.agent.clone(), authorization })
    }

    /// Asks for the plan, unless it is still `known`.
    pub(super) async fn plan(&mut self, known: Option<PlanRevision>) -> Result<PlanReply, CallError> {
        let common = self.common("plan");
        let request = || {
            let mut request = common("GET");
            if let Some(known) = known {
                request = request.header("if-none-match", format!("\"{known}\""));
            }
            request.body(Full::default())
        };
        let answer = self.connection.call(request, MAX_PLAN).await?;
        match answer.status {
            304 => Ok(PlanReply::Unchanged),
            200 => String::from_utf8(answer.body.to_vec())
                .map(PlanReply::Plan)
                .map_err(|error| CallError::Body(error.into())),
            _ => Ok(PlanReply::Failed(Reply::of(&answer))),
        }
    }

    /// Sends a delivery, which is wrapped when the connection stands.
    pub(super) async fn deliver(&mut self, wrap: impl Fn() -> Vec<u8>) -> Result<Reply, CallError> {
        let common = self.common("deliveries");
        let request = || {
            common("POST")
                .header("content-type", "application/vnd.kentongan.delivery")
                .body(Full::new(Bytes::from(wrap())))
        };
        let answer = self.connection.call(request, MAX_REPLY).await?;
        Ok(Reply::of(&answer))
    }

    /// What every request for this has in common.
    fn common(&self, what: &str) -> impl Fn(&str) -> Builder + use<> {
        let (path, token) = (format!("/api/v1/agents/{}/{what}", self.agent), self.authorization.clone());
        move |method| {
            Request::builder()
                .method(method)
                .uri(&path)
                .header("authorization", token.clone())
                .header("user-agent", concat!("kentongan-agent/", env!("CARGO_PKG_VERSION")))
        }
    }
}

impl Reply {
    fn of(answer: &Answer) -> Reply {
        let said = String::from_utf8_lossy(&answer.body).chars().take(SHOWN).collect();
        Reply {
            disposition: Disposition::of(answer.status, answer.header("retry-after")),
            status: answer.status,
            plan: answer.header("kentongan-plan").and_then(|revision| revision.parse().ok()),
            said,
        }
    }
}
