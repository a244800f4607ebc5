//! A collector for tests: hands out a plan, keeps what it is sent, and fails as it is told to. Or somebody else answers in its
//! place.

use std::{
    collections::VecDeque,
    future::IntoFuture,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use kentongan_agent::{Config, icmp::Engine};
use kentongan_model::{
    answer::{Answer, Answers},
    plan::{Plan, PlanRevision},
    secret::Secret,
    wire::{BaseTag, Batch, Delivery, WireError, split},
};

pub const TOKEN: &str = "kunci-rahasia";

/// How the collector treats the next delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Keeps it and breaks off the connection instead of acknowledging.
    KeepsButBreaksOff,
    /// Refuses it for good with 422 and tells the plan's revision, keeps nothing.
    Refuses,
    /// Answers with this status, keeps nothing.
    Says(u16),
    /// Answers 503 with `Retry-After`, keeps nothing.
    Asks(u32),
}

/// One delivery that arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub batch: Batch,
    pub sealed: Vec<u8>,
}

#[derive(Debug, Default)]
struct Kept {
    plan: String,
    moods: VecDeque<Mood>,
    arrivals: Vec<Arrival>,
    plans_sent: usize,
    plans_unchanged: usize,
    /// Whether it has no streams, as one behind a proxy without upgrades.
    posts_only: bool,
    /// Streams that were opened, and deliveries that came without one.
    streams: usize,
    posts: usize,
    /// Deliveries that leant on another batch.
    leaning: usize,
    /// Somebody else answers in its place whatever is delivered, with this status; and how often he has.
    stranger: Option<u16>,
    strange_answers: usize,
}

impl Kept {
    /// What somebody says who is not the collector, if he is there.
    fn strange_answer(&mut self) -> Option<Response> {
        let status = StatusCode::from_u16(self.stranger?).unwrap();
        self.strange_answers += 1;
        Some((status, [("content-type", "text/html")], "<html>Layanan Anda terisolir").into_response())
    }
}

/// What became of a delivery.
enum Verdict {
    Answered(Answer),
    /// Kept, and the connection is to break off.
    BrokenOff,
}

impl Kept {
    fn take(&mut self, delivery: &[u8]) -> Verdict {
        let mood = self.moods.pop_front();
        let plan = Some(PlanRevision::of_json(&self.plan));
        let answer = |status, retry_after_s, plan| {
            Verdict::Answered(Answer { status, retry_after_s, plan, said: String::new() })
        };
        match mood {
            Some(Mood::Says(status)) => return answer(status, None, None),
            Some(Mood::Refuses) => return answer(422, None, plan),
            Some(Mood::Asks(seconds)) => return answer(503, Some(seconds), None),
            Some(Mood::KeepsButBreaksOff) | None => {}
        }
        let known = |tag| {
            let mut latest = self.arrivals.iter().rev().map(|arrival| &arrival.batch);
            latest.find(|batch| BaseTag::of(batch.sequence) == tag).cloned()
        };
        let batch = match Delivery::decode_with(delivery, known) {
            Ok(delivery) => delivery.batch,
            Err(WireError::Base) => return answer(424, None, None),
            Err(error) => panic!("{error}"),
        };
        let sealed = batch.seal().unwrap();
        self.leaning += usize::from(split(delivery).is_err());
        self.arrivals.push(Arrival { batch, sealed });
        if mood == Some(Mood::KeepsButBreaksOff) { Verdict::BrokenOff } else { answer(204, None, plan) }
    }
}

/// The collector.
#[derive(Debug, Clone)]
pub struct FakeCollector {
    kept: Arc<Mutex<Kept>>,
    pub address: SocketAddr,
    stop: tokio_util::sync::CancellationToken,
}

impl FakeCollector {
    pub async fn start(plan: &Plan) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, Some(plan), Arc::default())
    }

    /// One whose deliveries have to be posted.
    pub async fn without_streams(plan: &Plan) -> Self {
        let collector = Self::start(plan).await;
        collector.kept.lock().unwrap().posts_only = true;
        collector
    }

    fn on(listener: tokio::net::TcpListener, plan: Option<&Plan>, kept: Arc<Mutex<Kept>>) -> Self {
        let address = listener.local_addr().unwrap();
        if let Some(plan) = plan {
            kept.lock().unwrap().plan = plan.to_json();
        }
        let app = Router::new()
            .route("/base/api/v1/agents/{agent}/plan", get(hand_out_plan))
            .route("/base/api/v1/agents/{agent}/deliveries", post(receive))
            .route("/base/api/v1/agents/{agent}/stream", get(open_stream))
            .layer(DefaultBodyLimit::max(2 << 20))
            .with_state(Arc::clone(&kept));
        let stop = tokio_util::sync::CancellationToken::new();
        let stopped = stop.clone();
        // A runtime of its own: when it ends, so do all connections.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let listener = listener.into_std().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let serving = axum::serve(listener, app).into_future();
                tokio::select! { _ = serving => {}, () = stopped.cancelled() => {} }
            });
        });
        FakeCollector { kept, address, stop }
    }

    /// Ends it; connections that are open are cut.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Starts it again at the same address, with what it had.
    pub async fn restart(&self) -> Self {
        for _ in 0..100 {
            if let Ok(listener) = tokio::net::TcpListener::bind(self.address).await {
                return Self::on(listener, None, Arc::clone(&self.kept));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the address is not free");
    }

    pub fn set_plan(&self, plan: &Plan) {
        self.kept.lock().unwrap().plan = plan.to_json();
    }

    pub fn expect(&self, moods: impl IntoIterator<Item = Mood>) {
        self.kept.lock().unwrap().moods.extend(moods);
    }

    /// From now on somebody else answers in its place, or nobody any more; the plan is handed out all the same.
    pub fn let_answer(&self, stranger: Option<u16>) {
        let mut kept = self.kept.lock().unwrap();
        (kept.stranger, kept.strange_answers) = (stranger, 0);
    }

    /// How often he has answered.
    pub fn strange_answers(&self) -> usize {
        self.kept.lock().unwrap().strange_answers
    }

    pub fn moods_left(&self) -> usize {
        self.kept.lock().unwrap().moods.len()
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.kept.lock().unwrap().arrivals.clone()
    }

    /// (plans sent, times that the plan was unchanged)
    pub fn plans_asked(&self) -> (usize, usize) {
        let kept = self.kept.lock().unwrap();
        (kept.plans_sent, kept.plans_unchanged)
    }

    /// How many deliveries leant on another batch.
    pub fn leaning(&self) -> usize {
        self.kept.lock().unwrap().leaning
    }

    /// (streams opened, deliveries posted)
    pub fn ways(&self) -> (usize, usize) {
        let kept = self.kept.lock().unwrap();
        (kept.streams, kept.posts)
    }

    pub fn config(&self, folder: &Path) -> Config {
        Config {
            agent: "kec-a".parse().unwrap(),
            collector: format!("http://{}/base/", self.address),
            token: Secret::new(TOKEN),
            state_dir: folder.join("state"),
            memory_dir: folder.join("memory"),
            ca_file: None,
            engine: Engine::default(),
        }
    }
}

async fn hand_out_plan(State(kept): State<Arc<Mutex<Kept>>>, headers: HeaderMap) -> Response {
    if headers["authorization"] != format!("Bearer {TOKEN}") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut kept = kept.lock().unwrap();
    let etag = format!("\"{}\"", PlanRevision::of_json(&kept.plan));
    let known = headers.get("if-none-match").and_then(|known| known.to_str().ok()).unwrap_or_default();
    if known.split(',').any(|known| known.trim() == etag) {
        kept.plans_unchanged += 1;
        return StatusCode::NOT_MODIFIED.into_response();
    }
    kept.plans_sent += 1;
    ([("etag", etag), ("content-type", "application/json".to_owned())], kept.plan.clone()).into_response()
}

async fn receive(State(kept): State<Arc<Mutex<Kept>>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers["authorization"] != format!("Bearer {TOKEN}") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!(headers["content-type"], "application/vnd.kentongan.delivery");
    let mut kept = kept.lock().unwrap();
    if let Some(strange) = kept.strange_answer() {
        return strange;
    }
    kept.posts += 1;
    let answer = match kept.take(&body) {
        Verdict::Answered(answer) => answer,
        Verdict::BrokenOff => {
            // A body that errs makes the server break the connection off before a status is sent whole.
            let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
            return Response::builder()
                .header("content-length", "10")
                .body(axum::body::Body::from_stream(broken))
                .unwrap();
        }
    };
    let status = StatusCode::from_u16(answer.status).unwrap();
    let mut response = if status.is_success() {
        status.into_response()
    } else {
        let problem = format!("{{\"type\":\"urn:kentongan:problem:tes\",\"status\":{}}}", answer.status);
        (status, [("content-type", "application/problem+json")], problem).into_response()
    };
    if let Some(seconds) = answer.retry_after_s {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    if let Some(plan) = answer.plan {
        response.headers_mut().insert("kentongan-plan", plan.to_string().parse().unwrap());
    }
    response
}

async fn open_stream(
    State(kept): State<Arc<Mutex<Kept>>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if headers["authorization"] != format!("Bearer {TOKEN}") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut open = kept.lock().unwrap();
    if let Some(strange) = open.strange_answer() {
        return strange;
    }
    if open.posts_only {
        return StatusCode::NOT_FOUND.into_response();
    }
    open.streams += 1;
    drop(open);
    upgrade.protocols(["kentongan.1"]).on_upgrade(|socket| serve_stream(kept, socket))
}

/// Answers deliveries in order; what may wait, waits.
async fn serve_stream(kept: Arc<Mutex<Kept>>, mut socket: WebSocket) {
    let mut owed = 0;
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Binary(message) = message else { continue };
        let (order, delivery) = message.split_first().unwrap();
        let Verdict::Answered(answer) = kept.lock().unwrap().take(delivery) else { return };
        let of = kept.lock().unwrap().arrivals.last().map(|arrival| arrival.batch.plan);
        let plain = of.is_some_and(|plan| answer.is_plain(plan));
        owed += usize::from(plain);
        if plain && *order == 1 {
            continue;
        }
        if owed > 0 {
            socket.send(Answers::Taken(std::mem::take(&mut owed)).encode().into()).await.unwrap();
        }
        if !plain {
            socket.send(Answers::InFull(answer).encode().into()).await.unwrap();
        }
    }
}
