//! The real peers: the SNMP daemon of a router, and the database that the collector fills.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Result;
use serde_json::Value;

use crate::{Namespace, Process, sweep, wait};

/// How long a peer may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a real `snmpd` (net-snmp) on UDP port 161 of a namespace: v2c, the IF-MIB of its interfaces.
///
/// # Errors
/// When it is not installed, or does not answer.
pub fn snmpd(namespace: &Namespace, name: &str, community: &str) -> Result<Process> {
    sweep::need("snmpd", "snmpd")?;
    let lab = namespace.lab();
    let config =
        lab.write(&format!("{name}.conf"), &format!("agentaddress udp:161\nrocommunity {community}\n"))?;
    let kept = lab.folder(&format!("{name}-kept"))?;
    namespace.start(name, "snmpd", |command| {
        command.args(["-f", "-Lo", "-C", "-I", "-smux", "-c"]).arg(config).env("SNMP_PERSISTENT_DIR", kept);
    })
}

/// A real InfluxDB 1.x on 127.0.0.1:8086 of a namespace, without a database yet.
#[derive(Debug)]
pub struct Influx {
    namespace: Namespace,
    /// Its process.
    pub process: Process,
}

impl Influx {
    /// Where it listens, seen from its namespace.
    pub const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8086);

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed, or does not answer.
    pub fn start(namespace: &Namespace) -> Result<Influx> {
        sweep::need("influxd", "influxdb")?;
        let folder = namespace.lab().folder("influx")?;
        let process = namespace.start("influxd", "influxd", |command| {
            command
                .args(["run", "-config", "/dev/null"])
                .env("INFLUXDB_REPORTING_DISABLED", "true")
                .env("INFLUXDB_META_DIR", folder.join("meta"))
                .env("INFLUXDB_DATA_DIR", folder.join("data"))
                .env("INFLUXDB_DATA_WAL_DIR", folder.join("wal"));
        })?;
        let influx = Influx { namespace: namespace.clone(), process };
        wait::until_ok("InfluxDB to answer", PATIENCE, || influx.ask("/ping"))?;
        Ok(influx)
    }

    /// Runs a statement of InfluxQL and returns the rows of its first series, each with its columns in the order in
    /// which InfluxQL names them (`time` first).
    ///
    /// # Errors
    /// When it is refused.
    pub fn query(&self, database: &str, statement: &str) -> Result<Vec<Vec<Value>>> {
        let url = format!("/query?db={database}&epoch=ms&q={}", percent(statement));
        let answer: Value = self.ask(&url)?.json()?;
        let result = &answer["results"][0];
        anyhow::ensure!(result["error"].is_null(), "{statement}: {}", result["error"]);
        let rows = result["series"][0]["values"].clone();
        Ok(if rows.is_null() { Vec::new() } else { serde_json::from_value(rows)? })
    }

    fn ask(&self, path: &str) -> Result<crate::Answer> {
        let (address, port) = Self::ADDRESS;
        self.namespace.get(&format!("http://{address}:{port}{path}"))
    }
}

/// A statement as part of a URL (RFC 3986, section 2.1).
fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}
