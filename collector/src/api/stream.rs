//! A stream of deliveries: a WebSocket on which an agent that showed its token once sends one after the other.
//!
//! The rule it guards: what comes over a stream is taken, refused, limited and counted as what is posted. A message is a
//! byte that says whether its answer may wait, and a delivery; answers are `kentongan_model::answer`.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        State,
        ws::{
            CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code,
            rejection::WebSocketUpgradeRejection,
        },
    },
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use kentongan_model::{answer::Answers, id::Vantage};

use super::agents::{PLAN_HEADER, bearer, version};
use crate::{
    bases::Bases,
    ingest::{self, Coming, Said},
    problem::Problem,
    station::Station,
    streams::Place,
};

/// What is spoken over a stream.
const PROTOCOL: &str = "kentongan.1";
/// First byte of a message whose answer may wait for a later one's.
const MAY_WAIT: u8 = 1;
/// Answers that may wait at most, whatever the agent says.
const MOST_OWED: usize = 16;
/// A message that is longer than a body may be by this factor ends the stream; up to there it is refused by its answer.
const SLACK: usize = 2;

/// Deliveries of an agent as a stream
///
/// A WebSocket of the protocol `kentongan.1`. Each binary message up is a byte (1: its answer may wait) and a delivery;
/// binary messages down answer them in their order, as `docs/wire.md` tells.
#[utoipa::path(get, path = "/api/v1/agents/{agent}/stream", tag = "agents",
    params(("agent" = String, Path, description = "Id of a site with an agent, or `core`")),
    responses(
        (status = 101, description = "The stream begins"),
        (status = 401, description = "The token is not the agent's", body = Problem),
        (status = 426, description = "No WebSocket was asked for", body = Problem),
        (status = 503, description = "As many streams as may be are open; see `Retry-After`", body = Problem)))]
pub(super) async fn stream(
    State(station): State<Arc<Station>>,
    super::params::Named(agent): super::params::Named,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let agent = ingest::admit(&station, &agent, bearer(&headers)).await?;
    let upgrade = upgrade.map_err(|_| Problem::no_stream())?;
    let place = station.streams.enter(&agent).ok_or_else(Problem::too_many_streams)?;
    let longest = station.config.limits.body_bytes.saturating_mul(SLACK);
    let plan = station.plans.current(&agent).await.ok().flatten();
    let serving = Serving {
        station,
        agent,
        token: bearer(&headers).unwrap_or_default().to_owned(),
        version: version(&headers),
        place,
        owed: 0,
        bases: Bases::default(),
    };
    let mut response = upgrade
        .protocols([PROTOCOL])
        .max_message_size(longest)
        .max_frame_size(longest)
        .on_upgrade(|socket| serving.serve(socket));
    if let Some(plan) = plan.and_then(|plan| HeaderValue::from_str(&plan.revision.to_string()).ok()) {
        response.headers_mut().insert(PLAN_HEADER, plan);
    }
    Ok(response)
}

/// Why a stream ends.
enum End {
    /// The agent has gone, or does not read.
    Gone,
    /// The collector ends it, and says why.
    Closed(u16, &'static str),
}

impl End {
    /// By what could not be read.
    fn of(error: axum::Error) -> End {
        match error.into_inner().downcast::<tungstenite::Error>().map(|error| *error) {
            Ok(tungstenite::Error::Capacity(_)) => End::Closed(close_code::SIZE, "the delivery is too long"),
            _ => End::Gone,
        }
    }
}

/// One stream that is served.
struct Serving {
    station: Arc<Station>,
    agent: Vantage,
    token: String,
    version: Option<Arc<str>>,
    place: Place,
    /// Deliveries that were taken and not acknowledged yet.
    owed: usize,
    /// What the next delivery may lean on.
    bases: Bases,
}

impl Serving {
    async fn serve(mut self, mut socket: WebSocket) {
        let end = loop {
            let idle = Duration::from_secs(self.station.config.limits.stream_idle_s.max(1));
            let message = tokio::select! {
                biased;
                () = self.station.stop.cancelled() => break End::Closed(close_code::AWAY, "the collector stops"),
                () = self.place.replaced() => break End::Closed(close_code::NORMAL, "a newer stream is open"),
                message = tokio::time::timeout(idle, socket.recv()) => message,
            };
            let message = match message {
                Err(_) => break End::Closed(close_code::AWAY, "nothing was delivered for long"),
                Ok(None) => break End::Gone,
                Ok(Some(Err(error))) => break End::of(error),
                Ok(Some(Ok(message))) => message,
            };
            let delivery = match message {
                Message::Binary(delivery) => delivery,
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Text(_) => break End::Closed(close_code::UNSUPPORTED, "deliveries are binary"),
                Message::Close(_) => break End::Gone,
            };
            if let Err(end) = self.answer(&mut socket, delivery).await {
                break end;
            }
        };
        let _ = self.acknowledge(&mut socket).await;
        if let End::Closed(code, reason) = end {
            let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
            let _ = self.send(&mut socket, close).await;
        }
    }

    async fn answer(&mut self, socket: &mut WebSocket, mut message: axum::body::Bytes) -> Result<(), End> {
        let received_at = self.station.clock.now();
        let bytes = message.len();
        let may_wait = !message.is_empty() && message.split_to(1)[0] == MAY_WAIT;
        let admitted = ingest::admit(&self.station, &self.agent.to_string(), Some(&self.token)).await;
        let coming = Coming { received_at, bytes: message, carried: bytes, version: self.version.clone() };
        let said = match admitted {
            Ok(agent) => ingest::receive(&self.station, agent, coming, &mut self.bases).await,
            Err(problem) => Said::refused(problem),
        };
        if let Some(problem) = said.problem() {
            self.station.metrics.refuse(problem.name());
        }
        let is_void = said.problem().is_some_and(Problem::is_of_the_token);
        if said.is_plain() {
            self.owed += 1;
            if may_wait && self.owed < MOST_OWED {
                return Ok(());
            }
            return self.acknowledge(socket).await;
        }
        self.acknowledge(socket).await?;
        self.say(socket, &Answers::InFull(said.answer())).await?;
        if is_void { Err(End::Closed(close_code::POLICY, "the token is not the agent's")) } else { Ok(()) }
    }

    /// Tells what was taken and has not been told yet.
    async fn acknowledge(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        match std::mem::take(&mut self.owed) {
            0 => Ok(()),
            deliveries => self.say(socket, &Answers::Taken(deliveries)).await,
        }
    }

    async fn say(&self, socket: &mut WebSocket, answers: &Answers) -> Result<(), End> {
        let message = answers.encode();
        self.station.tally.answered(&self.agent, message.len());
        self.send(socket, Message::Binary(message.into())).await
    }

    /// Sends, unless the agent does not read.
    async fn send(&self, socket: &mut WebSocket, message: Message) -> Result<(), End> {
        let limit = Duration::from_secs(self.station.config.limits.request_timeout_s.max(1));
        match tokio::time::timeout(limit, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }
}
