//! SNMP readings on their way to the collector: three hundred devices that a real `snmpd` stands for, and one among them
//! that never answers.

mod support;

use std::{
    collections::BTreeMap,
    net::UdpSocket,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use kentongan_model::{
    gauge::GaugeKind,
    plan::{Access, PlannedDevice},
};
use support::{FakeCollector, beside_agent, by_name, plan, until};
use tracing_subscriber::fmt::MakeWriter;

/// Devices; the first is silent.
const DEVICES: u16 = 300;

fn device(subject: &str, port: u16) -> PlannedDevice {
    PlannedDevice {
        subject: subject.parse().unwrap(),
        address: [127, 0, 0, 1].into(),
        port,
        interval_ms: 1_000,
        access: Access::V2c { community: "public".to_owned() },
        links: vec!["lo".to_owned()],
    }
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;
    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn one_silent_device_of_three_hundred_delays_no_other_and_is_named() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.path().join("given.conf");
    let given = format!(
        "agentAddress udp:127.0.0.1:{port}\nrocommunity public 127.0.0.1\nextend clients-wlan0 /bin/echo 7\n"
    );
    std::fs::write(&config, given).unwrap();
    let mut snmpd = Command::new("snmpd")
        .args(["-f", "-Ln", "-C", "-c"])
        .arg(&config)
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("snmpd is needed here: apt-get install snmpd");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut devices: Vec<PlannedDevice> =
        (1..DEVICES).map(|n| device(&format!("desa-{n}/router"), port)).collect();
    devices.insert(0, device("desa-bisu/router", silent.local_addr().unwrap().port()));
    let mut plan = plan(vec![], devices);
    plan.profiles.push(toml::from_str(include_str!("../../collector/profiles/net-snmp.toml")).unwrap());

    let collector = FakeCollector::start(&plan).await;
    let named =
        || log.text().lines().any(|line| line.contains("desa-bisu/router") && line.contains("no answer"));
    beside_agent(collector.config(folder.path()), until("the silent one is named", named)).await;
    snmpd.kill().unwrap();
    snmpd.wait().unwrap();

    let batches = by_name(&collector.arrivals());
    let mut polls = vec![0; usize::from(DEVICES)];
    let mut names = BTreeMap::new();
    for reading in batches.values().flat_map(|batch| &batch.readings) {
        polls[usize::from(reading.device)] += 1;
        let name = reading.interfaces[0].name.clone();
        *names.entry(reading.device).or_insert(0) += usize::from(name.as_deref() == Some("lo"));
    }
    let (bisu, others) = polls.split_first().unwrap();
    let (fewest, most) = (others.iter().min().unwrap(), others.iter().max().unwrap());
    assert_eq!(*bisu, 0);
    // One more or less is where in its interval a device is polled, and what is still under way.
    assert!(*fewest >= 8 && fewest + 2 >= *most, "between {fewest} and {most} polls");
    assert!(names.values().all(|told| *told == 1), "each name is told once: {names:?}");
    let others = log.text().lines().filter(|line| line.contains("gives no SNMP reading")).count();
    assert_eq!(others, 1, "{}", log.text());

    // The script's number comes along as a gauge, with its label.
    let mut gauges = BTreeMap::new();
    for reading in batches.values().flat_map(|batch| &batch.gauges) {
        let Some(device) = reading.device else { continue };
        let [gauge] = reading.gauges.as_slice() else { panic!("not one gauge: {reading:?}") };
        let label = gauge.label.as_ref().map(|label| (label.kind, label.place.clone()));
        gauges.entry(device).or_insert((label, gauge.value));
    }
    assert_eq!(gauges.len(), usize::from(DEVICES) - 1);
    let expected = (Some((GaugeKind::Clients, "wlan0".to_owned())), 7_000);
    assert!(gauges.values().all(|gauge| *gauge == expected), "{gauges:?}");
}
