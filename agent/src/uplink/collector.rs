//! The collector as the agent sees it: it hands out the plan and takes deliveries, over a stream or, where there is none,
//! by one request each.
//!
//! A proxy that lets no WebSocket through, or a collector that knows none, is told once and costs bytes, nothing else.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header::HeaderValue, http::request::Builder};
use kentongan_model::{answer::Answer, id::Vantage, plan::PlanRevision, time::Clock, wire::Delivery};

use super::{
    answer::Disposition,
    connection::{self, AddressError, CallError, Connection, Upgrade},
    greeting::Key,
    line::{Line, Sent},
    stream::{Stream, StreamError},
};
use crate::{Config, chance, spool::BatchName, traffic::Traffic};

/// The longest plan that is read.
const MAX_PLAN: usize = 16 << 20;
/// The longest answer to a delivery that is read; it matters for what it says about a refusal only.
const MAX_REPLY: usize = 64 << 10;
/// How much of what the collector says is shown.
const SHOWN: usize = 300;
/// Where no stream is to be had, deliveries are posted for so long before the next try, half of it by chance.
const NO_STREAM: Duration = Duration::from_secs(3600);

/// A sealed batch to be delivered.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// Its name.
    pub name: BatchName,
    /// It, as it lies in the spool.
    pub sealed: &'a [u8],
    /// Whether its answer may wait for a later delivery's.
    pub may_wait: bool,
}

/// What the collector said to a delivery.
#[derive(Debug)]
pub struct Reply {
    /// What it means for the batch.
    pub disposition: Disposition,
    /// The status.
    pub status: u16,
    /// The plan that the collector has for this agent.
    pub plan: Option<PlanRevision>,
    /// What it said, shortened.
    pub said: String,
}

/// What has become known of deliveries.
pub type Replies = Vec<(BatchName, Reply)>;

/// What the collector said to a request for the plan.
#[derive(Debug)]
pub enum PlanReply {
    /// It is one that is known.
    Unchanged,
    /// It is this, as JSON.
    Plan(String),
    /// It is not to be had.
    Failed(Reply),
}

/// The collector. The agent's uplink talks to it, and so does who measures what that costs.
pub struct Collector {
    connection: Connection,
    agent: Vantage,
    authorization: HeaderValue,
    line: Option<Line>,
    /// No line is asked for before this.
    posting_until: Duration,
}

impl Collector {
    /// The collector that this configuration names; nothing is connected yet.
    ///
    /// # Errors
    /// When its address or the token cannot be used.
    pub fn new(config: &Config, traffic: Traffic) -> Result<Self, AddressError> {
        let connection = Connection::to(&config.collector, config.ca_file.as_ref(), traffic)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", config.token.expose()))
            .map_err(|_| AddressError::Token)?;
        authorization.set_sensitive(true);
        Ok(Collector {
            connection,
            agent: config.agent.clone(),
            authorization,
            line: None,
            posting_until: Duration::ZERO,
        })
    }

    /// Asks for the plan, unless it is one of those `known`.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn plan(&mut self, known: &[PlanRevision]) -> Result<PlanReply, CallError> {
        let common = self.common("plan");
        let request = || {
            let mut request = common("GET");
            if !known.is_empty() {
                let tags: Vec<String> = known.iter().map(|known| format!("\"{known}\"")).collect();
                request = request.header("if-none-match", tags.join(", "));
            }
            request.body(Full::default())
        };
        let answer = self.connection.call(request, MAX_PLAN).await?;
        if self.line.is_some() {
            // One connection is enough to keep.
            self.connection.hang_up();
        }
        match answer.status {
            304 => Ok(PlanReply::Unchanged),
            200 if answer.header("content-type") == Some("application/json") => {
                String::from_utf8(answer.body.to_vec())
                    .map(PlanReply::Plan)
                    .map_err(|error| CallError::Body(error.into()))
            }
            _ => Ok(PlanReply::Failed(self.reply(&answer))),
        }
    }

    /// Whether this was sent over the line that stands, and no answer has come yet.
    pub(super) fn owes_answer(&self, batch: BatchName) -> bool {
        self.line.as_ref().is_some_and(|line| line.owes_answer(batch))
    }

    /// How many have been sent that no answer has come to.
    pub(super) fn unanswered(&self) -> usize {
        self.line.as_ref().map_or(0, Line::unanswered)
    }

    /// Sends a delivery, stamped when the connection stands. Returns all that has become known by then: nothing, if the
    /// answer may wait.
    ///
    /// # Errors
    /// When no answer comes; whatever has been sent and not been answered is to be sent again.
    pub async fn deliver(&mut self, parcel: &Parcel<'_>, clock: &dyn Clock) -> Result<Replies, CallError> {
        if self.line.is_some() {
            match self.send_over(parcel, clock).await {
                // It had been closed meanwhile; nothing says that the delivery was read.
                Err(CallError::Stream(StreamError::Cut(_) | StreamError::Closed(_))) => {}
                outcome => return outcome,
            }
        }
        let mut refused = None;
        if clock.since_boot() >= self.posting_until {
            match self.open_line().await? {
                Ok(()) => return self.send_over(parcel, clock).await,
                Err(reply) if reply.disposition == Disposition::Unwelcome => {
                    return Ok(vec![(parcel.name, reply)]);
                }
                Err(reply) => refused = Some(reply),
            }
        }
        let reply = self.post(parcel, clock).await?;
        // Only when deliveries get through is it streams that do not; a collector that is away has neither.
        if let Some(Reply { status, said, .. }) =
            refused.filter(|_| reply.disposition == Disposition::Delivered)
        {
            tracing::info!(
                status,
                "no stream is to be had, so deliveries are posted, which costs more bytes; \
                 does a proxy on the way let WebSockets through? {said}"
            );
            self.posting_until = clock.since_boot() + chance::jitter(NO_STREAM);
        }
        Ok(vec![(parcel.name, reply)])
    }

    /// Waits for what the collector says without being asked; for good when no line stands.
    pub(super) async fn listen(&mut self) -> Result<Replies, CallError> {
        let Some(line) = &mut self.line else { return std::future::pending().await };
        let heard = line.listen().await;
        if heard.is_err() {
            self.line = None;
        }
        Ok(heard?)
    }

    /// Lets go of every connection; the next delivery makes a new one.
    pub fn hang_up(&mut self) {
        self.line = None;
        self.connection.hang_up();
    }

    /// Opens a line, or says how it was refused.
    async fn open_line(&mut self) -> Result<Result<(), Reply>, CallError> {
        let key = Key::new(chance::bytes());
        let common = self.common("stream");
        let request = || key.ask(common("GET")).body(Full::default());
        match self.connection.upgrade(request, MAX_REPLY).await? {
            Upgrade::Granted(headers, upgraded) if key.is_answered_by(&headers) => {
                self.line = Some(Line::over(Stream::over(upgraded)));
                Ok(Ok(()))
            }
            Upgrade::Granted(..) => {
                let said = "it goes on in a protocol that was not asked for".to_owned();
                Ok(Err(Reply { said, ..Reply::of_status(101) }))
            }
            Upgrade::Refused(answer) => Ok(Err(self.reply(&answer))),
        }
    }

    async fn send_over(&mut self, parcel: &Parcel<'_>, clock: &dyn Clock) -> Result<Replies, CallError> {
        let Some(line) = &mut self.line else { return Ok(Replies::new()) };
        let failure = match line.send(parcel, clock).await {
            Sent::Replies(replies) => return Ok(replies),
            Sent::Ended(error) => error.into(),
            Sent::Late => CallError::Timeout(self.connection.address()),
        };
        self.line = None;
        Err(failure)
    }

    async fn post(&mut self, parcel: &Parcel<'_>, clock: &dyn Clock) -> Result<Reply, CallError> {
        let common = self.common("deliveries");
        let request = || {
            let delivery = Delivery::wrap(&clock.stamp(), parcel.sealed);
            common("POST")
                .header("content-type", "application/vnd.kentongan.delivery")
                .body(Full::new(Bytes::from(delivery)))
        };
        let answer = self.connection.call(request, MAX_REPLY).await?;
        Ok(self.reply(&answer))
    }

    /// What an answer by HTTP means.
    fn reply(&self, answer: &connection::Answer) -> Reply {
        let (status, told) = (answer.status, answer.header("kentongan-plan"));
        let is_the_collectors = told.is_some() || answer.is_problem();
        // An agent that the inventory no longer has is told "none".
        let plan: Option<PlanRevision> = told.and_then(|revision| revision.parse().ok());
        let disposition = Disposition::of(status, answer.header("retry-after"), is_the_collectors);
        let said = match disposition {
            Disposition::Foreign => format!(
                "something that is not the collector answers at {} (status {status}): a captive portal, or a proxy whose \
                 collector is away?",
                self.connection.address()
            ),
            _ => String::from_utf8_lossy(&answer.body).chars().take(SHOWN).collect(),
        };
        Reply { disposition, status, plan, said }
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
    /// What was said on a line.
    pub(super) fn told(answer: Answer) -> Reply {
        let Answer { status, retry_after_s, plan, said } = answer;
        let retry_after = retry_after_s.map(|seconds| seconds.to_string());
        Reply { disposition: Disposition::of(status, retry_after.as_deref(), true), status, plan, said }
    }

    /// What was said by a status alone.
    pub(super) fn of_status(status: u16) -> Reply {
        Reply { disposition: Disposition::of(status, None, true), status, plan: None, said: String::new() }
    }
}
