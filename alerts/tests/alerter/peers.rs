//! The peers: a collector that only has its event feed, a receiver of HTTP requests, and the alerter under test.
//!
//! Nothing here sleeps: who waits, waits for something to happen, and fails after a long while if it does not.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::{IntoResponse, Json, Response},
    routing::get,
};
use jiff::tz::TimeZone;
use kentongan_alerts::{
    AlertError, Config,
    config::{ChannelConfig, Pace},
};
use kentongan_model::{
    event::Event,
    inventory::Language,
    time::{Clock, Stamp, SystemClock, Timestamp},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::tale::{minutes, morning};

/// What a test waits for happens long before this, or never.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the watched value fits.
async fn until<T: Clone>(mut seen: watch::Receiver<T>, what: &str, fits: impl Fn(&T) -> bool) -> T {
    match tokio::time::timeout(PATIENCE, seen.wait_for(fits)).await {
        Ok(Ok(value)) => value.clone(),
        _ => panic!("this never happened: {what}"),
    }
}

/// A collector, as far as the alerter sees it: pages of three entries, held back while there is nothing new.
pub(crate) struct Collector {
    entries: watch::Sender<Vec<Value>>,
    asked: watch::Sender<u64>,
    waiting: watch::Sender<bool>,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

const PAGE: usize = 3;

#[derive(Deserialize)]
struct Question {
    after: i64,
    wait: u64,
}

type Desk = (watch::Sender<Vec<Value>>, watch::Sender<u64>, watch::Sender<bool>, CancellationToken);

async fn events(
    State((entries, asked, waiting, stop)): State<Desk>,
    Query(question): Query<Question>,
) -> Json<Value> {
    asked.send_modify(|count| *count += 1);
    let newer = |entry: &&Value| entry["id"].as_i64() > Some(question.after);
    let mut seen = entries.subscribe();
    let news = seen.wait_for(|all| all.iter().any(|entry| newer(&entry)));
    let news = stop.run_until_cancelled(news);
    waiting.send_replace(question.wait > 0 && !entries.borrow().iter().any(|entry| newer(&entry)));
    let page: Vec<Value> = match tokio::time::timeout(Duration::from_secs(question.wait), news).await {
        Ok(Some(Ok(all))) => all.iter().filter(newer).take(PAGE).cloned().collect(),
        _ => Vec::new(),
    };
    waiting.send_replace(false);
    let next = page.last().and_then(|entry| entry["id"].as_i64()).unwrap_or(question.after);
    Json(json!({ "events": page, "next": next }))
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), Vec::new())
    }

    fn listen(listener: TcpListener, written: Vec<Value>) -> Self {
        let (entries, asked) = (watch::Sender::new(written), watch::Sender::new(0));
        let (waiting, stop) = (watch::Sender::new(false), CancellationToken::new());
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/dasar/api/v1/events", get(events)).with_state((
            entries.clone(),
            asked.clone(),
            waiting.clone(),
            stop.clone(),
        ));
        let stopped = stop.clone().cancelled_owned();
        let serve = axum::serve(listener, app).with_graceful_shutdown(stopped);
        let server = tokio::spawn(async move { serve.await.unwrap() });
        Collector { entries, asked, waiting, address, stop, server }
    }

    /// Stops while the alerter waits for news, and starts anew on the same address, with this feed.
    pub(crate) async fn restart(self, events: Vec<Event>) -> Self {
        until(self.waiting.subscribe(), "the alerter waits for news", |waiting| *waiting).await;
        self.stop.cancel();
        self.server.await.unwrap();
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        Self::listen(listener, events.iter().map(|event| serde_json::to_value(event).unwrap()).collect())
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/dasar/", self.address)
    }

    pub(crate) fn write(&self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<Value> =
            events.into_iter().map(|event| serde_json::to_value(event).unwrap()).collect();
        self.entries.send_modify(|all| all.extend(events));
    }

    /// Waits until the alerter has asked this often from now on.
    pub(crate) async fn until_asked(&self, times: u64) {
        let now = *self.asked.borrow();
        until(self.asked.subscribe(), "the alerter asks", |count| *count >= now + times).await;
    }

    /// Writes an entry of a kind that no alerter knows.
    pub(crate) fn write_riddle(&self, id: i64) {
        self.entries.send_modify(|all| {
            all.push(json!({ "id": id, "at": "2026-11-01T00:31:00.000Z", "type": "eclipse" }));
        });
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> String {
        self.header("Idempotency-Key").to_owned()
    }
}

/// How a receiver answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16),
    Body(u16, Value),
    RetryAfter(u16, &'static str),
    /// Not at all.
    Silence,
}

/// A receiver of HTTP requests: answers as scripted, then 200.
pub(crate) struct Receiver {
    seen: watch::Sender<Vec<Request>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
    always: Arc<Mutex<Option<Answer>>>,
    address: std::net::SocketAddr,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Receiver {
            seen: watch::Sender::new(Vec::new()),
            script: Arc::default(),
            always: Arc::default(),
            address: listener.local_addr().unwrap(),
        };
        let (seen, script, always) =
            (receiver.seen.clone(), Arc::clone(&receiver.script), Arc::clone(&receiver.always));
        let app = Router::new().fallback(async move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = script.lock().unwrap().pop_front();
            let answer = answer.or_else(|| always.lock().unwrap().clone());
            seen.send_modify(|all| all.push(Request { path: uri.path().to_owned(), headers, body }));
            respond(answer.unwrap_or(Answer::Status(200))).await
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/lonceng", self.address)
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// Answers the next requests like this.
    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().extend(answers);
    }

    /// Answers whatever is not scripted like this.
    pub(crate) fn always(&self, answer: Answer) {
        *self.always.lock().unwrap() = Some(answer);
    }

    /// What has arrived so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.borrow().clone()
    }

    /// Waits for this many requests.
    pub(crate) async fn until(&self, count: usize) -> Vec<Request> {
        let what = format!("{count} requests to {}", self.url());
        until(self.seen.subscribe(), &what, |all| all.len() >= count).await
    }
}

async fn respond(answer: Answer) -> Response {
    let status = |code| StatusCode::from_u16(code).unwrap();
    match answer {
        Answer::Status(code) => status(code).into_response(),
        Answer::Body(code, body) => (status(code), Json(body)).into_response(),
        Answer::RetryAfter(code, pause) => {
            (status(code), [("Retry-After", HeaderValue::from_static(pause))]).into_response()
        }
        Answer::Silence => std::future::pending().await,
    }
}

/// A clock that runs like the machine's, but began where a story begins, and can be set forward.
#[derive(Debug, Clone)]
pub(crate) struct Wristwatch {
    machine: SystemClock,
    started: Timestamp,
    begin: Arc<Mutex<Timestamp>>,
}

impl Wristwatch {
    fn new(begin: Timestamp) -> Self {
        let machine = SystemClock::new();
        Wristwatch { started: machine.now(), machine, begin: Arc::new(Mutex::new(begin)) }
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut begin = self.begin.lock().unwrap();
        *begin = *begin + by;
    }
}

impl Clock for Wristwatch {
    fn now(&self) -> Timestamp {
        *self.begin.lock().unwrap() + self.machine.now().since(self.started)
    }

    fn stamp(&self) -> Stamp {
        Stamp { wall: self.now(), ..self.machine.stamp() }
    }

    fn since_boot(&self) -> Duration {
        self.machine.since_boot()
    }
}

/// An alerter's configuration and its folder.
pub(crate) struct Office {
    folder: tempfile::TempDir,
    pub(crate) config: Config,
    pub(crate) clock: Wristwatch,
}

impl Office {
    /// An office with the channels of this part of a `kentongan.toml`; `RAHASIA` in it is a file that holds `kunci`.
    pub(crate) fn new(collector: &Collector, channels: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("rahasia");
        std::fs::write(&secret, "kunci\n").unwrap();
        let secret = format!("{{ file = \"{}\" }}", secret.display());
        let config = Config {
            base_url: collector.base_url(),
            database: folder.path().join("data/alerts.sqlite"),
            network: "Kabupaten Purworejo".to_owned(),
            language: Language::Id,
            timezone: TimeZone::get("Asia/Jakarta").unwrap(),
            channels: read_channels(&channels.replace("RAHASIA", &secret)),
            pace: Pace {
                attempt: PATIENCE,
                first_retry: Duration::from_millis(2),
                longest_retry: Duration::from_millis(20),
                give_up_after: minutes(24 * 60),
            },
        };
        let clock = Wristwatch::new(morning() + minutes(40));
        Office { folder, config, clock }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.config.database.clone()
    }

    /// What the log says of each notice: to whom, and what became of it. Oldest first.
    pub(crate) fn log(&self) -> Vec<String> {
        let mut log = kentongan_alerts::log(&self.database(), 1_000).unwrap();
        log.reverse();
        let line = |entry: kentongan_alerts::Entry| {
            let outlet = entry.outlet.map_or("-".to_owned(), |id| id.to_string());
            format!("{} {} {outlet}: {}", entry.event, entry.topic, entry.fate)
        };
        log.into_iter().map(line).collect()
    }

    /// Waits until the log fits.
    pub(crate) async fn until_logged(&self, what: &str, fits: impl Fn(&[String]) -> bool) -> Vec<String> {
        let looking = async {
            loop {
                let log = self.log();
                if fits(&log) {
                    return log;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(log) => log,
            Err(_) => panic!("this never stood in the log: {what}\n{:#?}", self.log()),
        }
    }

    /// Waits until nothing waits any more, and this many notices have been decided.
    pub(crate) async fn until_settled(&self, notices: usize) -> Vec<String> {
        let settled =
            |log: &[String]| log.len() >= notices && !log.iter().any(|line| line.contains(": waiting"));
        self.until_logged(&format!("{notices} settled notices"), settled).await
    }

    /// Starts the alerter.
    pub(crate) fn open(&self) -> Alerter {
        let stop = CancellationToken::new();
        let run = kentongan_alerts::run(self.config.clone(), Arc::new(self.clock.clone()), stop.clone());
        Alerter { task: tokio::spawn(run), stop }
    }

    /// Sets the clock forward until then.
    pub(crate) fn advance_to(&self, time: Timestamp) {
        self.clock.advance(time.since(self.clock.now()));
    }
}

/// The running alerter.
pub(crate) struct Alerter {
    task: JoinHandle<Result<(), AlertError>>,
    stop: CancellationToken,
}

impl Alerter {
    /// Stops it as Ctrl-C does.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.ended().await.unwrap();
    }

    /// Waits until it ends, and says how.
    pub(crate) async fn ended(self) -> Result<(), AlertError> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("the alerter did not end").unwrap()
    }
}

/// Reads `[[channel]]` tables.
pub(crate) fn read_channels(text: &str) -> Vec<ChannelConfig> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        channel: Vec<ChannelConfig>,
    }
    let file: File = toml::from_str(text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    file.channel
}
