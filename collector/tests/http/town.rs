//! A small town for the tests: a collector on a port of its own, in a runtime that can be killed, and agents that
//! speak the wire to it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kentongan_collector::{Collector, Config, Limits, influx::InfluxConfig};
use kentongan_model::{
    id::Vantage,
    plan::{Plan, PlanRevision},
    time::{BootId, Clock, HandClock, Stamp, Timestamp},
    wire::{Batch, Delivery, MeasuredRound},
};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::CancellationToken;

/// NOC – kecamatan (agent) – two desa.
pub(crate) const INVENTORY: &str = r#"
[network]
name = "Kabupaten Uji"
operator = "Dinkominfo Uji"

[defaults]
interval = "10s"
report_interval = "10s"

[[site]]
id = "noc"
name = "NOC"
kind = "backbone"
address = "10.0.0.1"

[[site]]
id = "kec-a"
name = "Kecamatan A"
kind = "kecamatan"
region = "33.03.07"
upstream = ["noc"]
address = "10.0.1.1"
agent = true
provider = "Icon+"
location = { lat = -7.4, lon = 109.3 }

[[site]]
id = "desa-a"
name = "Desa A"
kind = "desa"
region = "33.03.07.2001"
upstream = ["kec-a"]
address = "10.0.1.2"

[[site]]
id = "desa-b"
name = "Desa B"
kind = "desa"
upstream = ["kec-a"]
address = "10.0.1.3"
"#;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A data folder and a clock, which outlive any collector that uses them.
pub(crate) struct Town {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: HandClock,
    pub(crate) http: Client,
    /// Where measurements are carried, if anywhere.
    pub(crate) influx: Option<InfluxConfig>,
    limits: Option<Limits>,
}

/// A collector that runs.
pub(crate) struct Running {
    pub(crate) base: String,
    runtime: Option<Runtime>,
    stop: CancellationToken,
    done: Option<tokio::task::JoinHandle<Result<(), kentongan_collector::Error>>>,
}

impl Town {
    pub(crate) fn new() -> Town {
        let clock = HandClock::new(at("2026-11-01T00:00:00Z"), at("2026-10-01T00:00:00Z"));
        let town = Town {
            dir: tempfile::tempdir().unwrap(),
            clock,
            http: Client::new(),
            influx: None,
            limits: None,
        };
        std::fs::write(town.inventory(), INVENTORY).unwrap();
        town
    }

    pub(crate) fn with_limits(limits: Limits) -> Town {
        Town { limits: Some(limits), ..Town::new() }
    }

    pub(crate) fn inventory(&self) -> PathBuf {
        self.dir.path().join("hotspots.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn config(&self) -> Config {
        let limits = self.limits.clone().unwrap_or_default();
        let packages = self.dir.path().join("packages");
        Config { data: self.data(), inventory: self.inventory(), packages, limits, ..Config::default() }
    }

    /// Starts a collector in a runtime of its own, as a process would be.
    pub(crate) async fn start(&self) -> Running {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let mut opened = Collector::open(self.config(), Arc::clone(&clock));
        // The threads of one that was killed a moment ago may still hold the folder.
        for _ in 0..100 {
            if !matches!(opened, Err(kentongan_collector::Error::Folder(_))) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            opened = Collector::open(self.config(), Arc::clone(&clock));
        }
        let mut collector = opened.unwrap();
        if let Some(influx) = &self.influx {
            collector = collector.with_influx(influx.clone()).unwrap();
        }
        let stop = CancellationToken::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let token = stop.clone();
        let done = runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            collector.serve(listener, token).await
        });
        let running = Running { base, runtime: Some(runtime), stop, done: Some(done) };
        for _ in 0..500 {
            if running.get(&self.http, "/readyz").await.status() == StatusCode::OK {
                return running;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the collector never became ready");
    }

    /// An agent with a new token.
    pub(crate) fn agent(&self, name: &str) -> Agent {
        let vantage: Vantage = name.parse().unwrap();
        let token = kentongan_collector::add_agent(&self.data(), &vantage, &self.clock).unwrap();
        Agent {
            vantage,
            token: token.expose().to_owned(),
            plan: None,
            sequence: 0,
            boot: BootId(1),
            clock: self.clock.clone(),
            http: self.http.clone(),
        }
    }

    pub(crate) fn copy_data_to(&self, other: &Path) {
        std::fs::create_dir_all(other).unwrap();
        for entry in std::fs::read_dir(self.data()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), other.join(entry.file_name())).unwrap();
        }
    }
}

impl Running {
    pub(crate) async fn get(&self, http: &Client, path: &str) -> Response {
        http.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    pub(crate) async fn json(&self, town: &Town, path: &str) -> Value {
        let response = self.get(&town.http, path).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, town: &Town, name: &str) -> f64 {
        let text = self.get(&town.http, "/metrics").await.text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("kentongan_{name} ")));
        line.unwrap_or_else(|| panic!("no metric {name} in\n{text}")).parse().unwrap()
    }

    /// Waits until everything that was delivered is judged as of now.
    pub(crate) async fn settled(&self, town: &Town) {
        for _ in 0..1000 {
            let network = self.json(town, "/api/v1/network").await;
            let judged = network["judged"].as_i64() == network["journal"].as_i64();
            if judged && network["as_of"].as_str().is_some_and(|time| at(time) >= town.clock.now()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never settled: {}", self.json(town, "/api/v1/network").await);
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.done.take().unwrap().await.unwrap().unwrap();
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Ends it as SIGKILL would: whatever is under way stays undone.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An agent that speaks the wire.
pub(crate) struct Agent {
    pub(crate) vantage: Vantage,
    pub(crate) token: String,
    pub(crate) plan: Option<(PlanRevision, Plan)>,
    pub(crate) sequence: u64,
    pub(crate) boot: BootId,
    clock: HandClock,
    http: Client,
}

impl Agent {
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { boot: self.boot, ..self.clock.stamp() }
    }

    pub(crate) async fn fetch_plan(&mut self, to: &Running) {
        let url = format!("{}/api/v1/agents/{}/plan", to.base, self.vantage);
        let response = self.http.get(url).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let json = response.text().await.unwrap();
        self.plan = Some((PlanRevision::of_json(&json), serde_json::from_str(&json).unwrap()));
    }

    /// A batch of rounds measured now: (target, answered or not).
    pub(crate) fn batch(&mut self, rounds: &[(&str, bool)]) -> Batch {
        let (revision, plan) = self.plan.as_ref().unwrap();
        let sealed = self.stamp();
        let round = |&(name, answered): &(&str, bool)| {
            let target = plan.targets.iter().position(|target| target.subject.to_string() == name);
            let target = target.unwrap_or_else(|| panic!("{} does not probe {name}", self.vantage));
            let rtts_us = if answered { vec![1000, 1100, 1200, 1300, 1400] } else { Vec::new() };
            MeasuredRound {
                target: u16::try_from(target).unwrap(),
                mono_ms: sealed.mono_ms,
                sent: 5,
                rtts_us,
            }
        };
        let rounds = rounds.iter().map(round).collect();
        self.sequence += 1;
        Batch {
            agent: self.vantage.clone(),
            series: 77,
            sequence: self.sequence,
            sealed,
            plan: *revision,
            dropped_rounds: 0,
            rounds,
            readings: Vec::new(),
            gauges: Vec::new(),
            traces: Vec::new(),
        }
    }

    pub(crate) async fn send(&self, to: &Running, batch: &Batch) -> Response {
        self.send_bytes(to, Delivery::wrap(&self.stamp(), &batch.seal().unwrap())).await
    }

    pub(crate) async fn send_bytes(&self, to: &Running, bytes: Vec<u8>) -> Response {
        let url = format!("{}/api/v1/agents/{}/deliveries", to.base, self.vantage);
        self.http
            .post(url)
            .bearer_auth(&self.token)
            .header("content-type", "application/vnd.kentongan.delivery")
            .body(bytes)
            .send()
            .await
            .unwrap()
    }

    /// Measures and delivers; it has to be taken.
    pub(crate) async fn deliver(&mut self, to: &Running, rounds: &[(&str, bool)]) -> Batch {
        if self.plan.is_none() {
            self.fetch_plan(to).await;
        }
        let batch = self.batch(rounds);
        let response = self.send(to, &batch).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{}", response.text().await.unwrap());
        batch
    }
}

/// The core's agent and the one of the kecamatan, which probe everything there is.
pub(crate) struct Crew {
    pub(crate) core: Agent,
    pub(crate) kec: Agent,
}

impl Crew {
    pub(crate) fn of(town: &Town) -> Crew {
        Crew { core: town.agent("core"), kec: town.agent("kec-a") }
    }

    /// Ten seconds pass, and everybody probes and delivers; `silent` targets do not answer. A cut-off kecamatan
    /// delivers nothing.
    pub(crate) async fn tick(&mut self, town: &Town, to: &Running, silent: &[&str]) {
        town.clock.advance(Duration::from_secs(10));
        let cut_off = silent.contains(&"kec-a/gateway");
        for agent in [&mut self.core, &mut self.kec] {
            if agent.plan.is_none() {
                agent.fetch_plan(to).await;
            }
            if cut_off && agent.vantage != Vantage::Core {
                continue;
            }
            let names: Vec<String> = agent
                .plan
                .as_ref()
                .unwrap()
                .1
                .targets
                .iter()
                .map(|target| target.subject.to_string())
                .collect();
            let rounds: Vec<(&str, bool)> =
                names.iter().map(|name| (name.as_str(), !silent.contains(&name.as_str()))).collect();
            agent.deliver(to, &rounds).await;
        }
    }

    pub(crate) async fn ticks(&mut self, count: usize, town: &Town, to: &Running, silent: &[&str]) {
        for _ in 0..count {
            self.tick(town, to, silent).await;
        }
    }
}

/// Everything the feed has told, as short words.
pub(crate) async fn feed(town: &Town, running: &Running) -> Vec<String> {
    let page = running.json(town, "/api/v1/events").await;
    let word = |event: &Value| match event["type"].as_str().unwrap() {
        "site_state" => {
            format!(
                "{} {}→{}",
                event["site"]["id"].as_str().unwrap(),
                word(&event["was"]),
                word(&event["state"])
            )
        }
        other => format!("{other} {} {}", event["incident"]["id"], word(&event["incident"]["root"]["id"])),
    };
    page["events"].as_array().unwrap().iter().map(word).collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
