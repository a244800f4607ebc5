//! Real devices, as they were recorded, held against what a mature monitor reads out of them.
//!
//! The recordings are other people's data and no part of the product: they lie in `../shared/snmp` beside the repository,
//! or where KENTONGAN_SNMP_RECORDINGS says. They are served over the wire and read by the agent's own engine with the
//! collector's own profiles. `make snmp-conformance` prints what was expected and what was read.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use kentongan_agent::snmp::{Exchange, Patience, Seen, Survey, survey};
use kentongan_model::{
    gauge::GaugeKind,
    plan::Access,
    profile::{ObjectId, Profile},
    wire::{COUNTERS, InterfaceReading},
};
use serde_json::Value;

/// How far a reading of light may lie from what is expected, in dBm.
const TOLERANCE_DBM: f64 = 0.05;
/// Rows that the peer leaves out though the device shows their light: ports of yunshan that receive and do not send.
const LEFT_OUT: [&str; 2] = ["16850444", "16850445"];

#[tokio::test]
async fn every_recorded_device_is_read_as_it_should_be() {
    let Some(folder) = recordings() else { return };
    let profiles = profiles();
    let server = Server::start(&folder);
    let mut names: Vec<String> = files(&folder, "snmprec");
    names.sort();
    let mut faults = Vec::new();
    let mut agreed = 0;
    for name in &names {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let access = Access::V2c { community: name.clone() };
        let patience = Patience { tries: 2, wait: Duration::from_secs(10) };
        let exchange = Arc::new(Exchange::default());
        let survey = survey(exchange, server.address, &access, &profiles, patience, Duration::ZERO).await;
        let survey = survey.unwrap_or_else(|error| panic!("{name}: {error}"));
        let report = Report::of(name, &expected, &survey);
        println!("{}", report.text);
        agreed += report.agreed;
        faults.extend(report.faults.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    println!("{} recordings, {agreed} values agree, {} do not", names.len(), faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(agreed > 0);
}

fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/snmp");
    let folder = std::env::var_os("KENTONGAN_SNMP_RECORDINGS").map_or(beside, PathBuf::from);
    let folder = folder.canonicalize().ok().filter(|folder| !files(folder, "snmprec").is_empty());
    if folder.is_none() {
        let where_to =
            "no recordings of SNMP devices in ../shared/snmp; name their folder in KENTONGAN_SNMP_RECORDINGS";
        assert!(std::env::var_os("CI").is_none(), "{where_to}");
        println!("skipped: {where_to}");
    }
    folder
}

/// The collector's profiles, read as it reads them.
fn profiles() -> Vec<Profile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../collector/profiles");
    let mut names = files(&folder, "toml");
    // Generic tables come last: what a vendor's table says goes first.
    names.sort_by_key(|name| (name == "entity-sensors", name.clone()));
    let read = |name: &String| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    names.iter().map(read).collect()
}

fn files(folder: &Path, extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == extension));
    paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

/// The simulator that comes with the recordings.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(folder: &Path) -> Server {
        let serve = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/snmp/serve");
        let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/snmp-recordings");
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut process = Command::new(&serve)
            .args(["-p", &address.port().to_string(), "-d"])
            .arg(folder)
            .env("SNMP_RECORDINGS_CACHE", std::env::var_os("SNMP_RECORDINGS_CACHE").unwrap_or(cache.into()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", serve.display()));
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.starts_with("ready"), "the simulator does not start: {ready}");
        Server { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has a child of its own, which it ends when it is asked to end.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// What agrees and what does not, as text and in numbers.
#[derive(Default)]
struct Report {
    text: String,
    agreed: usize,
    faults: Vec<String>,
}

impl Report {
    fn of(name: &str, expected: &Value, survey: &Survey) -> Report {
        let mut report = Report::default();
        let profiles = survey.profiles.join(", ");
        let _ = writeln!(report.text, "\n{name}: sysObjectID {}, profiles: {profiles}", survey.object_id);
        for fault in &survey.faults {
            report.fault(fault.clone());
        }
        let object_id = expected["sysObjectID"].as_str().unwrap_or_default().to_owned();
        report.line(
            "sysObjectID",
            &object_id,
            &survey.object_id.to_string(),
            object_id == survey.object_id.to_string(),
        );
        if let Some(uptime) = expected["sysUpTime"].as_u64() {
            let read = survey.uptime_cs.map(u64::from);
            report.line("sysUpTime", &uptime.to_string(), &shown(read), read == Some(uptime));
        }
        for interface in list(expected, "interfaces") {
            report.interface(interface, survey);
        }
        for reading in list(expected, "optics") {
            report.light(reading, survey);
        }
        report.light_that_is_none(list(expected, "optics"), survey);
        for count in list(expected, "wireless_clients") {
            report.clients(count, survey);
        }
        for other in list(expected, "wireless_other") {
            report.radio(other, survey);
        }
        report
    }

    fn line(&mut self, what: &str, expected: &str, read: &str, agrees: bool) {
        let verdict = if agrees { "" } else { "  DIFFERS" };
        let _ = writeln!(self.text, "  {what:<52} expected {expected:>12}  read {read:>12}{verdict}");
        if agrees {
            self.agreed += 1;
        } else {
            self.faults.push(format!("{what}: expected {expected}, read {read}"));
        }
    }

    fn fault(&mut self, fault: String) {
        let _ = writeln!(self.text, "  {fault}");
        self.faults.push(fault);
    }

    fn interface(&mut self, expected: &Value, survey: &Survey) {
        let if_index = expected["ifIndex"].as_u64().unwrap();
        let values: Vec<(&str, String)> = values_of(expected);
        let read = survey.interfaces.iter().find(|(index, _)| u64::from(*index) == if_index);
        let Some((_, read)) = read else {
            if !values.is_empty() {
                self.fault(format!("interface {if_index} is not read"));
            }
            return;
        };
        let mut agreed = 0;
        for (key, value) in &values {
            let of_device = read_value(read, key, expected);
            if of_device.as_ref() == Some(value) {
                agreed += 1;
            } else {
                self.line(&format!("interface {if_index} {key}"), value, &shown(of_device), false);
            }
        }
        let name = read.name.as_deref().unwrap_or_default();
        let traffic = read.counters[0].zip(read.counters[1]);
        let traffic = traffic.map_or_else(String::new, |(i, o)| format!(", in {i}, out {o}"));
        let all = values.len();
        let _ = writeln!(self.text, "  interface {if_index} {name}{traffic}: {agreed} of {all} values agree");
        self.agreed += agreed;
    }

    fn light(&mut self, expected: &Value, survey: &Survey) {
        let oid = expected["oid"].as_str().unwrap();
        let direction = expected["direction"].as_str().unwrap_or_default();
        let value = expected["value_dbm"].as_f64().unwrap();
        let kinds: &[GaugeKind] = match (expected["kind"].as_str(), direction) {
            (Some("radio"), _) => &[GaugeKind::RssiDbm, GaugeKind::TxDbm, GaugeKind::RxDbm],
            (_, "rx") => &[GaugeKind::RxDbm],
            _ => &[GaugeKind::TxDbm],
        };
        let found = find(survey, oid, kinds);
        let read = found.and_then(|seen| seen.value).map(|value| value as f64 / 1_000.0);
        let is_ambiguous = expected.get("ambiguous").is_some_and(|note| !note.is_null());
        let agrees = read.map_or(is_ambiguous, |read| (read - value).abs() <= TOLERANCE_DBM);
        let place = found.map_or(oid, |seen| seen.label.place.as_str());
        let read = read.map_or("none".to_owned(), |read| format!("{read:.3}"));
        let note = if is_ambiguous { " (or none)" } else { "" };
        self.line(&format!("{direction} dBm of {place}{note}"), &format!("{value:.3}"), &read, agrees);
    }

    /// Light in a table of which the readings are known, in a row that has none: a number that stands for nothing.
    fn light_that_is_none(&mut self, expected: &[Value], survey: &Survey) {
        let known: Vec<&str> = expected.iter().filter_map(|reading| reading["oid"].as_str()).collect();
        for seen in &survey.gauges {
            let is_light =
                matches!(seen.label.kind, GaugeKind::RxDbm | GaugeKind::TxDbm) && seen.value.is_some();
            let Some(object) = seen.object.as_ref().filter(|_| is_light).map(ObjectId::to_string) else {
                continue;
            };
            let table = format!("{}.", seen.table);
            let row = |oid: &str| Some(oid.strip_prefix(&table)?.split_once('.')?.1.to_owned());
            let rows: Vec<String> = known.iter().filter_map(|oid| row(oid)).collect();
            let is_known = |own: String| rows.contains(&own) || LEFT_OUT.contains(&own.as_str());
            if !rows.is_empty() && !row(&object).is_some_and(is_known) {
                self.fault(format!(
                    "{object} shows {:?} at {}, where nothing is",
                    seen.value, seen.label.place
                ));
            }
        }
    }

    fn clients(&mut self, expected: &Value, survey: &Survey) {
        let name = expected["descr"].as_str().unwrap_or_default();
        let value = expected["value"].as_i64().unwrap();
        let oids: Vec<&str> = list(expected, "oids").iter().filter_map(Value::as_str).collect();
        let read: Option<i64> = if oids.is_empty() {
            let ssid = expected["peer_index"].as_str().unwrap_or_default();
            let counted = survey.gauges.iter().filter(|seen| {
                seen.label.kind == GaugeKind::Clients && (ssid == "total-clients" || seen.label.place == ssid)
            });
            counted.map(|seen| seen.value).sum()
        } else {
            oids.iter().map(|oid| find(survey, oid, &[GaugeKind::Clients]).and_then(|seen| seen.value)).sum()
        };
        let read = read.map(|thousandths| thousandths / 1_000);
        self.line(&format!("clients of {name}"), &value.to_string(), &shown(read), read == Some(value));
    }

    /// Radio levels; what is not read is no fault, for a profile chooses.
    fn radio(&mut self, expected: &Value, survey: &Survey) {
        let kinds = [GaugeKind::RssiDbm, GaugeKind::NoiseDbm];
        let (Some(oid), Some(value)) = (expected["oids"][0].as_str(), expected["value"].as_f64()) else {
            return;
        };
        let found = survey.gauges.iter().find(|seen| is_of(seen, oid) && kinds.contains(&seen.label.kind));
        let Some(read) = found.and_then(|seen| seen.value) else { return };
        let read = read as f64 / 1_000.0;
        let what = format!("{} {}", expected["class"].as_str().unwrap_or_default(), expected["descr"]);
        self.line(&what, &value.to_string(), &read.to_string(), (read - value).abs() <= TOLERANCE_DBM);
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn is_of(seen: &Seen, oid: &str) -> bool {
    seen.object.as_ref().map(ObjectId::to_string).as_deref() == Some(oid)
}

/// The gauge that is read from this object, or else the one of this kind in the same row: a table may show the same
/// number in two columns.
fn find<'a>(survey: &'a Survey, oid: &str, kinds: &[GaugeKind]) -> Option<&'a Seen> {
    let of_kind = || survey.gauges.iter().filter(|seen| kinds.contains(&seen.label.kind));
    of_kind().find(|seen| is_of(seen, oid)).or_else(|| {
        of_kind().find(|seen| {
            let table = format!("{}.", seen.table);
            let row = |oid: &str| Some(oid.strip_prefix(&table)?.split_once('.')?.1.to_owned());
            let own = seen.object.as_ref().and_then(|object| row(&object.to_string()));
            own.is_some() && own == row(oid)
        })
    })
}

/// What is expected of an interface, of all that a poll reads.
fn values_of(expected: &Value) -> Vec<(&'static str, String)> {
    const KEYS: [&str; 17] = [
        "ifName",
        "ifAlias",
        "ifOperStatus",
        "ifHighSpeed",
        "ifHCInOctets",
        "ifHCOutOctets",
        "ifHCInUcastPkts",
        "ifHCOutUcastPkts",
        "ifInOctets",
        "ifOutOctets",
        "ifInUcastPkts",
        "ifOutUcastPkts",
        "ifInErrors",
        "ifOutErrors",
        "ifInDiscards",
        "ifOutDiscards",
        "ifDescr",
    ];
    let known = KEYS.iter().filter_map(|key| {
        let value = expected.get(key).filter(|value| !value.is_null())?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((*key, text))
    });
    // ifDescr stands in for ifName only.
    let has_name = expected["ifName"].as_str().is_some_and(|name| !name.is_empty());
    let mut values: Vec<_> = known
        .filter(|(key, value)| !(*key == "ifDescr" && has_name || *key == "ifName" && value.is_empty()))
        .collect();
    if let (None, Some(speed)) = (expected.get("ifHighSpeed"), expected["ifSpeed"].as_u64()) {
        values.push(("ifSpeed", (speed / 1_000_000).to_string()));
    }
    values
}

/// What was read of it. A 64-bit counter that was recorded goes before a 32-bit one.
fn read_value(read: &InterfaceReading, key: &str, expected: &Value) -> Option<String> {
    let counter = |place: usize| read.counters[place].map(|count| count.to_string());
    let narrow = |wide: &str, place: usize| {
        if expected.get(wide).is_some() {
            expected[key].as_u64().map(|n| n.to_string())
        } else {
            counter(place)
        }
    };
    assert_eq!(COUNTERS[4], "in_errors");
    match key {
        "ifName" | "ifDescr" => read.name.clone(),
        "ifAlias" => read.alias.clone(),
        "ifOperStatus" => {
            let words = ["up", "down", "testing", "unknown", "dormant", "notPresent", "lowerLayerDown"];
            words.get(usize::from(read.oper_status?) - 1).map(|word| (*word).to_owned())
        }
        "ifHighSpeed" | "ifSpeed" => read.high_speed_mbps.map(|speed| speed.to_string()),
        "ifHCInOctets" => counter(0),
        "ifHCOutOctets" => counter(1),
        "ifHCInUcastPkts" => counter(2),
        "ifHCOutUcastPkts" => counter(3),
        "ifInOctets" => narrow("ifHCInOctets", 0),
        "ifOutOctets" => narrow("ifHCOutOctets", 1),
        "ifInUcastPkts" => narrow("ifHCInUcastPkts", 2),
        "ifOutUcastPkts" => narrow("ifHCOutUcastPkts", 3),
        "ifInErrors" => counter(4),
        "ifOutErrors" => counter(5),
        "ifInDiscards" => counter(6),
        "ifOutDiscards" => counter(7),
        _ => None,
    }
}
