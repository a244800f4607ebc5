//! A small district and what is measured in it, and a sink that runs.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kentongan_collector::{
    gauges::PlacedGauge,
    influx::{Counters, InfluxConfig, Point, Sink, points},
};
use kentongan_model::{
    gauge::GaugeKind,
    id::Vantage,
    inventory::Network,
    observation::Round,
    state::State,
    time::{HandClock, Timestamp},
    wire::{InterfaceReading, Label},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::peer::until;

const INVENTORY: &str = r#"
[network]
name = "Kabupaten Purworejo"

[[site]]
id = "noc"
name = "NOC Kominfo"
kind = "backbone"
address = "10.33.0.1"

[[site]]
id = "kec-kutoarjo"
name = "Kecamatan Kutoarjo"
kind = "kecamatan"
region = "33.06.12"
upstream = ["noc"]
agent = true

[[site.target]]
id = "router"
address = "10.33.7.1"
snmp = "routers"
links = [{ interface = "ether1 - ke NOC, utama", to = "noc", medium = "fiber" }]

[[site]]
id = "desa-kiyangkongrejo"
name = "Desa Kiyangkongrejo"
kind = "desa"
region = "33.06.12.2005"
upstream = ["kec-kutoarjo"]
address = "10.33.7.65"

[[site]]
id = "desa-brengkelan"
name = "Desa Brengkelan"
kind = "desa"
region = "33.06.06.2001"
upstream = ["noc"]
address = "10.33.7.66"

[snmp.routers]
version = "2c"
community = { env = "KENTONGAN_TEST_COMMUNITY" }
"#;

/// When the first minute of the sample begins.
pub(crate) const BEGIN: &str = "2026-11-01T00:00:00Z";

pub(crate) fn network() -> Network {
    Network::parse(INVENTORY).unwrap()
}

pub(crate) fn minute(number: u32) -> Timestamp {
    BEGIN.parse::<Timestamp>().unwrap() + std::time::Duration::from_secs(60) * number
}

/// What is known of one minute: a round of each gateway from the core and of each router from its own agent, a reading
/// of the link, three gauges, a state of each site. In every tenth minute Brengkelan is down.
pub(crate) fn points_of(network: &Network, number: u32) -> Vec<Point> {
    let at = minute(number);
    let mut made = Vec::new();
    for (place, site) in (0u32..).zip(&network.sites) {
        let cut = site.id.as_str() == "desa-brengkelan" && number.is_multiple_of(10);
        let rtts_us: Vec<u32> = (0..5).map(|k| 1_000 * (place + 1) + 137 * k + number).collect();
        let vantages = [Some(Vantage::Core), site.agent.then(|| Vantage::Site(site.id.clone()))];
        for vantage in vantages.into_iter().flatten() {
            let target = format!("{}/{}", site.id, site.gateway().id).parse().unwrap();
            let rtts_us = if cut { vec![] } else { rtts_us.clone() };
            made.extend(points::ping_point(network, &Round { at, vantage, target, sent: 5, rtts_us }));
        }
        for link in &site.gateway().links {
            let octets = |rate: u64| Some(rate * 60 * u64::from(number));
            let interface = InterfaceReading {
                oper_status: Some(1),
                high_speed_mbps: Some(10_000),
                counters: [
                    octets(1_000_000),
                    octets(250_000),
                    octets(900),
                    octets(400),
                    Some(0),
                    Some(0),
                    None,
                    None,
                ],
                ..InterfaceReading::default()
            };
            let reading = points::PlacedReading {
                at,
                vantage: Vantage::Site(site.id.clone()),
                site: site.id.clone(),
                target: site.gateway().id.clone(),
                link: link.interface.clone(),
                interface,
            };
            made.extend(points::interface_point(network, &reading));
        }
        if site.agent {
            for (target, kind, place, value) in [
                (Some(site.gateway().id.clone()), GaugeKind::RxDbm, "sfp-sfpplus1", -7_310),
                (Some(site.gateway().id.clone()), GaugeKind::Celsius, "", 48_000),
                (None, GaugeKind::Clients, "wlan0/Wifi Publik", 1_000 * i64::from(number % 40)),
            ] {
                let label = Label { kind, place: place.to_owned() };
                let vantage = Vantage::Site(site.id.clone());
                let gauge = PlacedGauge { at, vantage, site: site.id.clone(), target, label, value };
                made.extend(points::gauge_point(network, &gauge));
            }
        }
        let state = if cut { State::Down } else { State::Up };
        made.extend(points::site_point(network, &site.id, state, at));
    }
    made
}

/// How many points of `ping` a minute has.
pub(crate) const PINGS: u64 = 5;
/// How many points of `site` a minute has.
pub(crate) const SITES: u64 = 4;
/// How many points of `gauge` a minute has.
pub(crate) const GAUGES: u64 = 3;
/// How many points a minute has.
pub(crate) const POINTS: u64 = PINGS + SITES + 1 + GAUGES;

pub(crate) fn config(section: &str) -> InfluxConfig {
    toml::from_str(section).unwrap()
}

/// A sink that runs until it is stopped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) sink: Arc<Sink>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    pub(crate) fn start(section: &str, data: &Path) -> Self {
        let clock = HandClock::new(minute(0), minute(0));
        let sink = Arc::new(Sink::open(config(section), data, Arc::new(clock)).unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (sink, stop) = (Arc::clone(&sink), stop.clone());
            async move { sink.run(stop).await }
        });
        Running { sink, task, stop }
    }

    /// Accepts the minutes as the journal's follower would, the minute's number being the position.
    pub(crate) async fn accept(&self, network: &Network, minutes: std::ops::Range<u32>) {
        for number in minutes {
            self.sink.accept(number.into(), points_of(network, number)).await.unwrap();
        }
    }

    /// Waits until the counters are as they should be.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&Counters) -> bool) -> Counters {
        until(what, async || is(&self.sink.counters())).await;
        self.sink.counters()
    }

    /// Waits until everything up to `position` is on disk and has left it.
    pub(crate) async fn until_through(&self, position: i64) -> Counters {
        until("the position is on disk", async || self.sink.position() == Some(position)).await;
        self.until("the queue is empty", |counters| counters.queued == 0).await
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Accepts minutes in a sink that ends wherever it is, as in a crash: on a runtime of its own, which is dropped.
pub(crate) async fn accept_and_crash(section: String, data: PathBuf, minutes: std::ops::Range<u32>) {
    let run = move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let running = Running::start(&section, &data);
            running.accept(&network(), minutes).await;
        });
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}
