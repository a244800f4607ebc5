//! Databases as processes: started on a free loopback port with a temporary folder, asked until they are ready, killed
//! when they are dropped.

use std::{
    future::Future,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A generous limit for anything that is waited for; what is expected comes long before.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `is` says yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain: {what}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[derive(Debug)]
struct Process(Child);

impl Process {
    fn start(command: &mut Command, package: &str) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Process(child.unwrap_or_else(|e| {
            panic!("cannot start {:?}: {e}; install Debian's package {package}", command.get_program())
        }))
    }

    /// Ends it as a power cut would.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// InfluxDB 1.6.7 with an empty database `kentongan`.
#[derive(Debug)]
pub(crate) struct Influx {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    admin: Option<(&'static str, &'static str)>,
}

impl Influx {
    pub(crate) async fn start() -> Self {
        Influx::with("", None).await
    }

    /// With further lines for `[http]`, and with authentication when an admin is named.
    pub(crate) async fn with(http: &str, admin: Option<(&'static str, &'static str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, rpc) = (free_port(), free_port());
        let (root, auth) = (folder.path().display(), admin.is_some());
        let config = format!(
            "reporting-enabled = false\nbind-address = \"127.0.0.1:{rpc}\"\n\
             [meta]\ndir = \"{root}/meta\"\n[data]\ndir = \"{root}/data\"\nwal-dir = \"{root}/wal\"\n\
             [monitor]\nstore-enabled = false\n\
             [http]\nbind-address = \"127.0.0.1:{port}\"\nauth-enabled = {auth}\nlog-enabled = false\n{http}\n"
        );
        std::fs::write(folder.path().join("influxdb.conf"), config).unwrap();
        let mut influx = Influx { process: None, folder, port, admin };
        influx.go_on().await;
        if let Some((name, password)) = admin {
            influx.query(&format!("CREATE USER {name} WITH PASSWORD '{password}' WITH ALL PRIVILEGES")).await;
        }
        influx.query("CREATE DATABASE kentongan").await;
        influx
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The section that writes to it.
    pub(crate) fn section(&self) -> String {
        format!("url = '{}'\napi = 'v1'\ndatabase = 'kentongan'\n", self.url())
    }

    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it (again) on what it has on disk.
    pub(crate) async fn go_on(&mut self) {
        let config = self.folder.path().join("influxdb.conf");
        self.process =
            Some(Process::start(Command::new("influxd").arg("run").arg("-config").arg(config), "influxdb"));
        let ping = format!("{}/ping", self.url());
        until("influxd is ready", || answers(&ping)).await;
    }

    /// Runs an InfluxQL query, which has to succeed; returns its result.
    pub(crate) async fn query(&self, query: &str) -> Json {
        let text = self.ask(query, "application/json").await;
        let answer: Json = serde_json::from_str(&text).unwrap();
        assert!(!text.contains("\"error\""), "{query}: {answer}");
        answer["results"][0].clone()
    }

    /// Runs a query and returns its rows as CSV does: exact numbers, all columns as text, the header first.
    pub(crate) async fn rows(&self, query: &str) -> Vec<Vec<String>> {
        parse_csv(&self.ask(query, "application/csv").await)
    }

    async fn ask(&self, query: &str, accept: &str) -> String {
        let form = [("db", "kentongan"), ("epoch", "ms"), ("q", query)];
        let mut request =
            reqwest::Client::new().post(format!("{}/query", self.url())).header("Accept", accept).form(&form);
        if let Some((name, password)) = self.admin {
            request = request.basic_auth(name, Some(password));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{query}: {status} {text}");
        text
    }

    /// How many points of a measurement have that field.
    pub(crate) async fn count(&self, measurement: &str, field: &str) -> u64 {
        let result = self.query(&format!("SELECT count(\"{field}\") FROM \"{measurement}\"")).await;
        result.pointer("/series/0/values/0/1").map_or(0, |count| count.as_u64().unwrap())
    }

    /// Writes lines past the sink.
    pub(crate) async fn post(&self, lines: &'static str) {
        let url = format!("{}/write?db=kentongan&precision=ms", self.url());
        let answer = reqwest::Client::new().post(url).body(lines).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

/// VictoriaMetrics.
#[derive(Debug)]
pub(crate) struct Victoria {
    _process: Process,
    _folder: TempDir,
    base: String,
}

impl Victoria {
    /// Starts it so that everything it serves lies under `prefix`.
    pub(crate) async fn start(prefix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-storageDataPath={}", folder.path().display()))
            .arg(format!("-http.pathPrefix={prefix}"))
            // The samples have the times of the tests, which are long past.
            .arg("-retentionPeriod=100y");
        let process = Process::start(&mut command, "victoria-metrics");
        let base = format!("http://127.0.0.1:{port}{prefix}");
        let health = format!("{base}/health");
        until("victoria-metrics is ready", || answers(&health)).await;
        Victoria { _process: process, _folder: folder, base }
    }

    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// Every sample of a metric, with the labels of its series.
    pub(crate) async fn export(&self, metric: &str) -> Vec<(Json, i64, f64)> {
        reqwest::get(format!("{}/internal/force_flush", self.base)).await.unwrap();
        let url = format!("{}/api/v1/export?match[]={metric}", self.base);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let series = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        series
            .flat_map(|series| {
                let pairs: Vec<_> = array(&series["timestamps"]).zip(array(&series["values"])).collect();
                let of = |(at, value): (Json, Json)| {
                    (series["metric"].clone(), at.as_i64().unwrap(), value.as_f64().unwrap())
                };
                pairs.into_iter().map(of).collect::<Vec<_>>()
            })
            .collect()
    }
}

fn array(json: &Json) -> impl Iterator<Item = Json> {
    json.as_array().unwrap().clone().into_iter()
}

async fn answers(url: &str) -> bool {
    reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success())
}

fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    rows
}
