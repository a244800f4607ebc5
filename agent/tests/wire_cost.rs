//! What a sample costs on the wire with all that carries it: TCP and IP, TLS, WebSocket and answers, both ways.
//!
//! The agent's own uplink delivers the generator's batches of 30 s through nginx, which speaks TLS, over a cable between
//! two namespaces, and what the cable's counters say is counted, Ethernet's 14 bytes a frame left out.

#[path = "support/namespaces.rs"]
mod namespaces;
mod support;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use kentongan_agent::{
    Config,
    spool::BatchName,
    traffic::Traffic,
    uplink::{Collector, Parcel},
};
use kentongan_model::{
    plan::PlanRevision,
    time::{Clock, HandClock, Timestamp},
    wire::{Batch, DeviceReading, InterfaceReading, MeasuredRound},
};
use namespaces::Namespace;
use serde_json::Value;
use support::{FakeCollector, plan};

/// Batches that are counted, and those before them that are not.
const COUNTED: usize = 40;
const WARM_UP: usize = 4;
/// Between two deliveries: longer than an acknowledgement may be held back.
const SPACING: Duration = Duration::from_millis(300);
/// What Ethernet puts around a packet, as the counters of an interface have it.
const FRAME: u64 = 14;
const COUNTERS: [&str; 6] =
    ["in_octets", "out_octets", "in_packets", "out_packets", "in_errors", "out_errors"];

/// The generator's observations in windows of 30 s, each as an agent would seal it, with the samples in it.
fn windows(seed: u64) -> Vec<(Batch, usize)> {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/wire/generate");
    let minutes = (COUNTED + WARM_UP).div_ceil(2).to_string();
    let printed = Command::new("python3")
        .arg(generator)
        .args(["--seed", &seed.to_string(), "--minutes", &minutes])
        .output()
        .expect("python3 is needed here: apt-get install python3");
    let mut windows: BTreeMap<u64, (Batch, usize)> = BTreeMap::new();
    for line in std::str::from_utf8(&printed.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let number = |key: &str| line[key].as_u64().unwrap();
        let mono_ms = number("at_ms");
        let (batch, samples) = windows.entry(mono_ms / 30_000).or_insert_with(|| (blank(), 0));
        if line["type"] == "round" {
            let rtts = line["rtts_us"].as_array().unwrap().iter();
            batch.rounds.push(MeasuredRound {
                target: number("target") as u16,
                mono_ms,
                sent: number("sent") as u16,
                rtts_us: rtts.map(|rtt| rtt.as_u64().unwrap() as u32).collect(),
            });
            *samples += 5;
        } else {
            let mut counters = [None; 8];
            counters.iter_mut().zip(COUNTERS).for_each(|(to, name)| *to = Some(number(name)));
            let interface = InterfaceReading { counters, ..InterfaceReading::default() };
            let device = number("interface") as u16;
            batch.readings.push(DeviceReading {
                device,
                mono_ms,
                uptime_cs: None,
                interfaces: vec![interface],
            });
            *samples += 6;
        }
    }
    windows.into_values().collect()
}

fn blank() -> Batch {
    Batch {
        agent: "kec-a".parse().unwrap(),
        series: 0x9d2c_5680,
        sequence: 0,
        sealed: clock().stamp(),
        plan: PlanRevision(0),
        dropped_rounds: 0,
        rounds: Vec::new(),
        readings: Vec::new(),
        gauges: Vec::new(),
        traces: Vec::new(),
    }
}

/// A router that has been up for five days.
fn clock() -> HandClock {
    let now = Timestamp::from_millis(1_793_491_200_000);
    HandClock::new(now, now - Duration::from_secs(432_000))
}

/// What went over the cable, as the router's end counts it.
#[derive(Debug, Clone, Copy, Default)]
struct Cable {
    up: u64,
    down: u64,
    packets: u64,
}

impl Cable {
    fn read() -> Cable {
        let table = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        let line = table.lines().find_map(|line| line.trim_start().strip_prefix("wan:")).unwrap();
        let counts: Vec<u64> = line.split_whitespace().map(|count| count.parse().unwrap()).collect();
        let (down, came, up, went) = (counts[0], counts[1], counts[8], counts[9]);
        Cable { up: up - FRAME * went, down: down - FRAME * came, packets: came + went }
    }

    fn since(self, before: Cable) -> Cable {
        Cable {
            up: self.up - before.up,
            down: self.down - before.down,
            packets: self.packets - before.packets,
        }
    }
}

/// nginx with TLS before the collector, ended with this.
struct Front {
    core: Namespace,
    config: PathBuf,
}

impl Front {
    fn start(core: Namespace, folder: &Path, collector: std::net::SocketAddr) -> Front {
        let made = Command::new("openssl")
            .current_dir(folder)
            .args(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=kolektor"
                    .split(' '),
            )
            .args("-addext subjectAltName=IP:10.0.0.1 -addext basicConstraints=critical,CA:FALSE".split(' '))
            .args("-keyout key.pem -out cert.pem".split(' '))
            .output()
            .expect("openssl is needed here: apt-get install openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let config = folder.join("nginx.conf");
        let place = folder.display();
        let text = format!(
            "worker_processes 1; pid {place}/nginx.pid; error_log {place}/nginx.log warn;\n\
             events {{}}\n\
             http {{\n\
               access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;\n\
               fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n\
               map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}\n\
               server {{\n\
                 listen 10.0.0.1:443 ssl; keepalive_timeout 5m;\n\
                 ssl_certificate {place}/cert.pem; ssl_certificate_key {place}/key.pem;\n\
                 location / {{\n\
                   proxy_pass http://{collector}; proxy_http_version 1.1; proxy_read_timeout 15m;\n\
                   proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;\n\
                 }}\n\
               }}\n\
             }}\n"
        );
        std::fs::write(&config, text).unwrap();
        core.run(&format!("nginx -c {}", config.display()));
        Front { core, config }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.core.run(&format!("nginx -c {} -s stop", self.config.display()));
    }
}

/// What one seed cost: samples, what went over the cable, what went through the socket, and the first and the second
/// connection until their first delivery was answered.
struct Cost {
    samples: usize,
    steady: Cable,
    socket: u64,
    handshake: u64,
    resumed: u64,
}

fn measure(seed: u64, is_thin: bool) -> Cost {
    let (router, core) = (Namespace::new("router"), Namespace::new("core"));
    for namespace in [&router, &core] {
        namespace.run("sysctl -q -w net.ipv6.conf.default.disable_ipv6=1");
    }
    router.cable("wan", &core, "lan");
    router.run("ip address add 10.0.0.2/24 dev wan");
    core.run("ip address add 10.0.0.1/24 dev lan");
    let folder = tempfile::tempdir().unwrap();
    let planned = plan(vec![], vec![]);
    let collector = core.within(async || FakeCollector::start(&planned).await);
    let front = Front::start(core, folder.path(), collector.address);
    let config = Config {
        collector: "https://10.0.0.1/base".to_owned(),
        ca_file: Some(folder.path().join("cert.pem")),
        ..collector.config(folder.path())
    };
    let cost = router.within(async || {
        let (clock, traffic) = (clock(), Traffic::default());
        let mut uplink = Collector::new(&config, traffic.clone()).unwrap();
        let socket = || traffic.so_far().sent + traffic.so_far().received;
        let mut cost = Cost { samples: 0, steady: Cable::default(), socket: 0, handshake: 0, resumed: 0 };
        let mut begun = (Cable::read(), 0);
        for (n, (mut batch, samples)) in windows(seed).into_iter().take(WARM_UP + COUNTED).enumerate() {
            clock.advance(Duration::from_secs(30));
            (batch.sequence, batch.plan) = (14_400 + n as u64, planned.revision());
            let moved = clock.stamp().mono_ms - (n as u64 + 1) * 30_000;
            batch.rounds.iter_mut().for_each(|round| round.mono_ms += moved);
            batch.readings.iter_mut().for_each(|reading| reading.mono_ms += moved);
            batch.sealed = clock.stamp();
            if is_thin {
                batch.thin();
            }
            let sealed = batch.seal().unwrap();
            let name = BatchName { order: n as u64, series: batch.series, sequence: batch.sequence };
            let parcel = Parcel { name, sealed: &sealed, may_wait: n >= WARM_UP - 1 };
            let before = Cable::read();
            for (_, reply) in uplink.deliver(&parcel, &clock).await.unwrap() {
                assert_eq!(reply.status, 204, "{}", reply.said);
            }
            tokio::time::sleep(SPACING).await;
            let passed = Cable::read().since(before);
            match n {
                0 | 1 => {
                    let both = passed.up + passed.down;
                    *[&mut cost.handshake, &mut cost.resumed][n] = both;
                    if n == 0 {
                        uplink.hang_up();
                    }
                }
                _ if n + 1 == WARM_UP => begun = (Cable::read(), socket()),
                _ if n >= WARM_UP => cost.samples += samples,
                _ => {}
            }
        }
        cost.steady = Cable::read().since(begun.0);
        cost.socket = socket() - begun.1;
        cost
    });
    drop(front);
    assert_eq!(collector.ways().1, 0, "something was posted");
    cost
}

fn told(seed: u64, is_thin: bool) -> f64 {
    let cost = measure(seed, is_thin);
    let each = |bytes: u64| bytes as f64 / cost.samples as f64;
    let all = each(cost.steady.up + cost.steady.down);
    println!(
        "{} seed {seed}: {all:.3} bytes a sample on the wire (up {:.3}, down {:.3}), {:.3} through the socket, {:.2} \
         packets a delivery; a connection until its first answer: {} bytes, resumed {}",
        if is_thin { "thin" } else { "full" },
        each(cost.steady.up),
        each(cost.steady.down),
        each(cost.socket),
        cost.steady.packets as f64 / COUNTED as f64,
        cost.handshake,
        cost.resumed,
    );
    all
}

#[test]
fn a_thin_sample_costs_at_most_1_2_bytes_with_tcp_and_tls_both_ways() {
    for seed in [7, 1, 42] {
        assert!(told(seed, true) <= 1.2);
    }
    told(7, false);
}
