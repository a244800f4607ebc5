//! What is measured beside rounds: gauges, services that are asked from a wifi point, and ways to what went down.

use std::time::Duration;

use kentongan_model::{
    gauge::GaugeKind,
    wire::{Batch, Gauge, GaugeReading, Hop, Label, Trace},
};
use reqwest::StatusCode;

use crate::town::{Agent, Crew, Running, Town};

/// What an agent reads off its own router: a number with its meaning the first time, without it later.
fn clients(batch: &mut Batch, said: bool, value: i64) {
    let place = "wlan0/Wifi Publik".to_owned();
    let label = said.then_some(Label { kind: GaugeKind::Clients, place });
    let gauges = vec![Gauge { number: 4, label, value }];
    batch.gauges.push(GaugeReading { device: None, mono_ms: batch.sealed.mono_ms, gauges });
}

async fn tell(agent: &mut Agent, to: &Running, said: bool, value: i64) {
    let mut batch = agent.batch(&[("kec-a/gateway", true)]);
    clients(&mut batch, said, value);
    assert_eq!(agent.send(to, &batch).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_a_gauge_is_was_said_once_and_is_known_after_a_restart_too() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    tell(&mut crew.kec, &running, true, 12_000).await;
    for value in [13_000, 14_000, 15_000] {
        town.clock.advance(Duration::from_secs(900));
        tell(&mut crew.kec, &running, false, value).await;
    }
    running.settled(&town).await;
    let shown =
        |site: &serde_json::Value| (site["gauges"].as_array().unwrap().len(), site["gauges"][0].clone());
    let (number, gauge) = shown(&running.json(&town, "/api/v1/sites/kec-a").await);
    assert_eq!(number, 1);
    assert_eq!(
        (&gauge["kind"], &gauge["place"], &gauge["value"], &gauge["target"]),
        (&"clients".into(), &"wlan0/Wifi Publik".into(), &15.0.into(), &serde_json::Value::Null)
    );
    running.stop().await;

    // What it is was said longer ago than the collector looks back for what it shows.
    let running = town.start().await;
    town.clock.advance(Duration::from_secs(10));
    tell(&mut crew.kec, &running, false, 16_000).await;
    running.settled(&town).await;
    let (number, gauge) = shown(&running.json(&town, "/api/v1/sites/kec-a").await);
    assert_eq!((number, &gauge["place"], &gauge["value"]), (1, &"wlan0/Wifi Publik".into(), &16.0.into()));
    assert!(running.metric(&town, "gauges_unnamed_total").await.abs() < 0.5);
    running.stop().await;
}

const WIFI: &str = r#"
[network]
name = "Kabupaten Uji"

[defaults]
interval = "10s"
report_interval = "10s"

[[site]]
id = "kec-a"
name = "Kecamatan A"
kind = "kecamatan"
agent = true
address = "10.0.1.1"

[[site]]
id = "hs-taman"
name = "Wifi Taman"
kind = "hotspot"
upstream = ["kec-a"]
agent = true

[[site.target]]
id = "router"
address = "10.0.2.1"

[[site.target]]
id = "internet"
address = "142.250.4.94"
probe = { http = "http://cek.example/generate_204", status = 204 }
"#;

#[tokio::test]
async fn a_wifi_point_without_internet_is_degraded_and_says_why() {
    let town = Town::new();
    std::fs::write(town.inventory(), WIFI).unwrap();
    let running = town.start().await;
    let (mut core, mut kec, mut taman) = (town.agent("core"), town.agent("kec-a"), town.agent("hs-taman"));
    for internet in [true, true, true, false, false, false, false] {
        town.clock.advance(Duration::from_secs(10));
        core.deliver(&running, &[("kec-a/gateway", true)]).await;
        kec.deliver(&running, &[("hs-taman/router", true)]).await;
        taman.deliver(&running, &[("hs-taman/router", true), ("hs-taman/internet", internet)]).await;
    }
    let plan = &taman.plan.as_ref().unwrap().1;
    let internet =
        plan.targets.iter().find(|target| target.subject.to_string() == "hs-taman/internet").unwrap();
    assert_eq!(
        (internet.probe.to_string().as_str(), internet.probes),
        ("http://cek.example/generate_204", 1)
    );
    running.settled(&town).await;
    let site = running.json(&town, "/api/v1/sites/hs-taman").await;
    assert_eq!(site["state"], "degraded", "{site}");
    assert_eq!(site["reasons"], serde_json::json!(["internet tidak terjangkau dari titik wifi"]));
    assert_eq!(site["targets"][1]["probe"], "http://cek.example/generate_204");
    let page = running.get(&town.http, "/").await.text().await.unwrap();
    assert!(page.contains("internet tidak terjangkau dari titik wifi"), "{page}");
    let kec = running.json(&town, "/api/v1/sites/kec-a").await;
    assert_eq!((&kec["state"], &kec["reasons"]), (&"up".into(), &serde_json::json!([])));
    running.stop().await;
}

#[tokio::test]
async fn an_incident_shows_how_far_the_way_to_its_root_still_went() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    crew.ticks(4, &town, &running, &["desa-a/gateway"]).await;
    let mut batch = crew.kec.batch(&[]);
    let plan = &crew.kec.plan.as_ref().unwrap().1;
    let target =
        plan.targets.iter().position(|target| target.subject.to_string() == "desa-a/gateway").unwrap();
    let hop = |address: Option<&str>| Hop {
        address: address.map(|address| address.parse().unwrap()),
        rtt_us: if address.is_some() { 1_250 } else { 0 },
    };
    batch.traces.push(Trace {
        target: u16::try_from(target).unwrap(),
        mono_ms: batch.sealed.mono_ms - 5_000,
        reached: false,
        hops: vec![hop(Some("10.0.1.1")), hop(None), hop(Some("10.77.0.1"))],
    });
    assert_eq!(crew.kec.send(&running, &batch).await.status(), StatusCode::NO_CONTENT);
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    let incident = running.json(&town, "/api/v1/incidents/1").await;
    let [way] = &incident["ways"].as_array().unwrap()[..] else { panic!("{incident}") };
    assert_eq!(
        (&way["vantage"], &way["to"], &way["last_known"]),
        (&"kec-a".into(), &"desa-a/gateway".into(), &"kec-a/gateway".into())
    );
    assert_eq!(
        way["hops"],
        serde_json::json!([
            { "address": "10.0.1.1", "place": "kec-a/gateway", "rtt_ms": 1.25 },
            { "address": null, "place": null, "rtt_ms": null },
            { "address": "10.77.0.1", "place": null, "rtt_ms": 1.25 },
        ])
    );
    running.stop().await;

    // The ways are derived: without the state they are made again from the journal.
    for entry in std::fs::read_dir(town.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("state.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let running = town.start().await;
    running.settled(&town).await;
    assert_eq!(running.json(&town, "/api/v1/incidents/1").await["ways"], incident["ways"]);
    running.stop().await;
}
