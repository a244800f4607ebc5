//! The peer that most would build instead: Prometheus, its blackbox exporter and Alertmanager, as Debian packages
//! them, watching the same district from the same NOC.
//!
//! The rule is the one that is published everywhere: `probe_success == 0` for some time. Each place is an alert group
//! of its own, so that cuts that overlap are told apart and none waits for another.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Result, ensure};
use kentongan_lab::{Namespace, Process, district::District, wait};

/// How a Prometheus is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Shown in the table.
    pub(crate) name: &'static str,
    /// Each target is probed, and the rule evaluated, this often.
    pub(crate) scrape: &'static str,
    /// How long the probe must have failed before the alert fires.
    pub(crate) hold: &'static str,
    /// How long Alertmanager waits for company before it tells.
    pub(crate) group_wait: &'static str,
}

/// Three failed rounds 5 s apart, then told at once: what Kentongan does at an interval of 5 s.
pub(crate) const AGGRESSIVE: Settings =
    Settings { name: "Prometheus, same aggressiveness", scrape: "5s", hold: "10s", group_wait: "0s" };
/// What one finds in most tutorials.
pub(crate) const COMMON: Settings =
    Settings { name: "Prometheus, common settings", scrape: "15s", hold: "1m", group_wait: "30s" };

/// The alerting rule and the probe's time limit are the same for both.
const PROBE_TIMEOUT: &str = "2s";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running Prometheus with its two companions.
#[derive(Debug)]
pub(crate) struct Prometheus {
    _processes: [Process; 3],
}

impl Prometheus {
    /// Starts all three in the NOC and waits until every place has been probed and answers.
    pub(crate) fn watch(district: &District, settings: Settings, webhook: &str) -> Result<Prometheus> {
        let noc = &district.noc;
        let processes =
            [blackbox(noc)?, alertmanager(noc, settings, webhook)?, prometheus(district, settings)?];
        let count = "http://127.0.0.1:9090/api/v1/query?query=count(probe_success==1)";
        wait::until_ok("Prometheus to see every place up", PATIENCE, || {
            let shown: serde_json::Value = noc.get(count)?.json()?;
            let up = shown["data"]["result"][0]["value"][1].as_str().and_then(|n| n.parse().ok());
            ensure!(up == Some(district.leaves.len()), "{up:?} are up");
            Ok(())
        })?;
        Ok(Prometheus { _processes: processes })
    }
}

fn blackbox(noc: &Namespace) -> Result<Process> {
    let module = format!(
        "modules:\n  icmp:\n    prober: icmp\n    timeout: {PROBE_TIMEOUT}\n    icmp: {{ preferred_ip_protocol: ip4 }}\n"
    );
    let config = noc.lab().write("blackbox.yml", &module)?;
    noc.start("blackbox", "prometheus-blackbox-exporter", |command| {
        command.arg(format!("--config.file={}", config.display())).arg("--web.listen-address=127.0.0.1:9115");
    })
}

fn alertmanager(noc: &Namespace, settings: Settings, webhook: &str) -> Result<Process> {
    let route = format!(
        "route: {{ receiver: noc, group_by: [alertname, instance], group_wait: {}, group_interval: 5s }}\n\
         receivers: [{{ name: noc, webhook_configs: [{{ url: '{webhook}', send_resolved: false }}] }}]\n",
        settings.group_wait
    );
    let config = noc.lab().write("alertmanager.yml", &route)?;
    let data = noc.lab().folder("alertmanager")?;
    noc.start("alertmanager", "prometheus-alertmanager", |command| {
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", data.display()))
            .args(["--web.listen-address=127.0.0.1:9093", "--cluster.listen-address="]);
    })
}

fn prometheus(district: &District, settings: Settings) -> Result<Process> {
    let (noc, Settings { scrape, hold, .. }) = (&district.noc, settings);
    let rule = format!(
        "groups: [{{ name: sites, rules: [{{ alert: SiteDown, expr: 'probe_success == 0', for: {hold} }}] }}]\n"
    );
    let rules = noc.lab().write("rules.yml", &rule)?;
    let mut config = format!(
        "global: {{ scrape_interval: {scrape}, evaluation_interval: {scrape}, scrape_timeout: {scrape} }}\n\
         rule_files: ['{}']\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['127.0.0.1:9093'] }}] }}] }}\n\
         scrape_configs:\n\
         - job_name: icmp\n  metrics_path: /probe\n  params: {{ module: [icmp] }}\n  relabel_configs:\n\
         \x20 - {{ source_labels: [__address__], target_label: __param_target }}\n\
         \x20 - {{ source_labels: [__param_target], target_label: instance }}\n\
         \x20 - {{ target_label: __address__, replacement: '127.0.0.1:9115' }}\n\
         \x20 static_configs:\n",
        rules.display()
    );
    for leaf in &district.leaves {
        let _ = writeln!(config, "  - targets: ['{}']", leaf.address);
    }
    let config = noc.lab().write("prometheus.yml", &config)?;
    let data = noc.lab().folder("prometheus")?;
    noc.start("prometheus", "prometheus", |command| {
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--web.listen-address=127.0.0.1:9090");
    })
}
