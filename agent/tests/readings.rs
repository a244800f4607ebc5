//! SNMP readings on their way to the collector: a real `snmpd` beside devices that never answer.

mod support;

use std::{
    net::UdpSocket,
    process::{Command, Stdio},
};

use kentongan_model::plan::{Access, PlannedDevice};
use support::{FakeCollector, beside_agent, by_name, plan, until};

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

#[tokio::test]
async fn a_device_is_read_in_time_though_twelve_others_are_silent() {
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.path().join("given.conf");
    std::fs::write(&config, format!("agentAddress udp:127.0.0.1:{port}\nrocommunity public 127.0.0.1\n"))
        .unwrap();
    let mut snmpd = Command::new("snmpd")
        .args(["-f", "-Ln", "-C", "-c"])
        .arg(&config)
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("snmpd is needed here: apt-get install snmpd");
    let silent: Vec<UdpSocket> = (0..12).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut devices: Vec<PlannedDevice> = (0..)
        .zip(&silent)
        .map(|(n, socket)| device(&format!("desa-{n}/router"), socket.local_addr().unwrap().port()))
        .collect();
    devices.push(device("kec-a/router", port));

    let collector = FakeCollector::start(&plan(vec![], devices)).await;
    let readings =
        || by_name(&collector.arrivals()).into_values().flat_map(|batch| batch.readings).collect::<Vec<_>>();
    beside_agent(collector.config(folder.path()), until("eight readings", || readings().len() >= 8)).await;
    snmpd.kill().unwrap();
    snmpd.wait().unwrap();

    let readings = readings();
    assert!(
        readings.iter().all(|reading| reading.device == 12 && reading.uptime_cs.is_some()),
        "{readings:?}"
    );
    let names: Vec<_> = readings.iter().map(|reading| reading.interfaces[0].name.as_deref()).collect();
    assert_eq!(names.iter().filter(|name| **name == Some("lo")).count(), 1, "told once: {names:?}");
    // The first poll may have to wait for a lane; from then on the silent ones hold up each other only.
    let moments: Vec<_> = readings.iter().skip(2).map(|reading| reading.mono_ms).collect();
    assert!(moments.windows(2).all(|pair| pair[1] - pair[0] < 2_000), "{moments:?}");
}
