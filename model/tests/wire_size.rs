//! What the wire costs, and what its bytes are: neither changes unnoticed.
//!
//! `data/village.jsonl` is three minutes of a made-up village router, as `bench/wire/generate --seed 7 --minutes 3`
//! prints them. A round of 5 probes counts as 5 samples, an interface reading of 6 counters as 6.

use std::collections::BTreeMap;

use kentongan_model::{
    gauge::GaugeKind::{self, Clients, Load, RxDbm},
    plan::PlanRevision,
    time::{BootId, Stamp},
    wire::{
        Batch, Delivery, DeviceReading, Gauge, GaugeReading, Hop, InterfaceReading, Label, MeasuredRound,
        Trace,
    },
};
use serde_json::Value;

const UP_MS: u64 = 432_000_000;

fn batch(sequence: u64, sealed_ms: u64) -> Batch {
    let wall = "2026-11-01T00:00:30.000Z".parse().unwrap();
    Batch {
        agent: "kec-kutasari".parse().unwrap(),
        series: 0x9d2c_5680,
        sequence,
        sealed: Stamp { boot: BootId(0x6c07_8965), mono_ms: UP_MS + sealed_ms, wall },
        plan: PlanRevision(0x5bd1_e995_a4d3_4c17),
        dropped_rounds: 0,
        rounds: vec![],
        readings: vec![],
        gauges: Vec::new(),
        traces: Vec::new(),
    }
}

fn number<T: TryFrom<u64>>(line: &Value, key: &str) -> T {
    line[key].as_u64().and_then(|value| T::try_from(value).ok()).unwrap_or_else(|| panic!("{key} in {line}"))
}

/// The village's observations in batches of 30 s, each with the number of its samples.
fn village() -> Vec<(usize, Batch)> {
    let mut batches: BTreeMap<u64, (usize, Batch)> = BTreeMap::new();
    for line in include_str!("data/village.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let at_ms: u64 = number(&line, "at_ms");
        let window = at_ms / 30_000;
        let (samples, batch) =
            batches.entry(window).or_insert_with(|| (0, batch(14_400 + window, (window + 1) * 30_000)));
        let mono_ms = UP_MS + at_ms;
        if line["type"] == "round" {
            let rtts = line["rtts_us"].as_array().unwrap();
            let rtts_us = rtts.iter().map(|rtt| rtt.as_u64().unwrap() as u32).collect();
            let (target, sent) = (number(&line, "target"), number(&line, "sent"));
            batch.rounds.push(MeasuredRound { target, mono_ms, sent, rtts_us });
            *samples += 5;
        } else {
            let keys = ["in_octets", "out_octets", "in_packets", "out_packets", "in_errors", "out_errors"];
            let mut interface = InterfaceReading::default();
            for (counter, key) in interface.counters.iter_mut().zip(keys) {
                *counter = Some(number(&line, key));
            }
            let device = number(&line, "interface");
            batch.readings.push(DeviceReading {
                device,
                mono_ms,
                uptime_cs: None,
                interfaces: vec![interface],
            });
            *samples += 6;
        }
    }
    batches.into_values().collect()
}

/// As it comes out: the order within a round is not kept.
fn ascending(mut batch: Batch) -> Batch {
    batch.rounds.iter_mut().for_each(|round| round.rtts_us.sort_unstable());
    batch
}

/// Bytes a sample of deliveries that stand alone and of such that lean on the one before, each opened again.
fn costs(batches: impl Iterator<Item = (usize, Batch)>) -> [f64; 2] {
    let mut cost = [(0, 0); 2];
    let mut base: Option<Batch> = None;
    for (samples, batch) in batches {
        let sent = Stamp { mono_ms: batch.sealed.mono_ms + 12, ..batch.sealed };
        let kept = Delivery { sent, batch: ascending(batch.clone()) };
        let alone = Delivery::wrap(&sent, &batch.seal().unwrap());
        assert_eq!(Delivery::decode(&alone).as_ref(), Ok(&kept));
        cost[0] = (cost[0].0 + alone.len(), cost[0].1 + samples);
        if let Some(base) = base {
            let leaning = Delivery::wrap_on(&sent, &batch, &base).unwrap();
            assert_eq!(Delivery::decode_with(&leaning, |_| Some(base)), Ok(kept));
            cost[1] = (cost[1].0 + leaning.len(), cost[1].1 + samples);
        }
        base = Some(batch);
    }
    cost.map(|(bytes, samples)| bytes as f64 / samples as f64)
}

#[test]
fn a_sample_costs_no_more_than_it_did() {
    assert_eq!(village().iter().map(|(samples, _)| samples).sum::<usize>(), 6 * (60 * 5 + 8 * 6));
    let full = costs(village().into_iter());
    let thin = costs(village().into_iter().map(|(samples, mut batch)| {
        batch.thin();
        (samples, batch)
    }));
    for (cost, limit, of) in [
        (full[0], 1.78, "full, alone"),
        (full[1], 1.46, "full, leaning"),
        (thin[0], 0.92, "thin, alone"),
        (thin[1], 0.60, "thin, leaning"),
    ] {
        assert!(cost <= limit, "{cost:.3} bytes a sample, {of}");
    }
}

/// What lies between is told once, not of each target.
#[test]
fn a_base_of_some_intervals_ago_is_nearly_as_good_as_the_last_one() {
    let village = village();
    let [oldest, .., last, newest] = village.as_slice() else { panic!("too few batches") };
    let on = |base: &Batch| newest.1.seal_on(base).unwrap().len();
    let (on_last, on_oldest, alone) = (on(&last.1), on(&oldest.1), newest.1.seal().unwrap().len());
    assert!(on_last <= on_oldest, "{on_last} {on_oldest}");
    assert!(on_oldest - on_last < (alone - on_last) / 4, "{on_last} {on_oldest} {alone}");
}

/// A batch with something in each column.
fn little_of_everything() -> Batch {
    let round = |target, mono_ms, rtts_us: &[u32]| MeasuredRound {
        target,
        mono_ms,
        sent: 5,
        rtts_us: rtts_us.into(),
    };
    let interface = |link: u16, growth: u64| InterfaceReading {
        link,
        oper_status: Some(1),
        high_speed_mbps: Some(1000),
        counters: [
            Some(816_856_763_956 + growth),
            Some(140_512_115_136 + growth / 3),
            Some(1_166_936_969 + growth / 700),
            Some(200_732_394 + growth / 2100),
            Some(0),
            Some(u64::from(link)),
            None,
            Some(u64::MAX),
        ],
        ..InterfaceReading::default()
    };
    let mut named = interface(0, 0);
    (named.name, named.alias) = (Some("sfp-sfpplus1".into()), Some("ke Desa Karangjati – FO".into()));
    let reading =
        |mono_ms, uptime_cs, interfaces| DeviceReading { device: 3, mono_ms, uptime_cs, interfaces };
    Batch {
        dropped_rounds: 2,
        rounds: vec![
            round(0, 432_000_001, &[21_696, 21_154, 21_569, 20_575, 20_984]),
            round(1, 432_000_138, &[5_984, 6_124, 6_375, 6_423, 60_390]),
            round(7, 432_000_250, &[]),
            round(0, 432_005_002, &[20_811, 20_782, 21_098]),
            round(1, 432_005_137, &[u32::MAX, 0, 5_960, 6_001, 6_002]),
            round(7, 432_005_251, &[]),
        ],
        readings: vec![
            reading(432_001_531, Some(8_640_000), vec![named, interface(1, 77)]),
            reading(432_011_530, Some(8_641_001), vec![interface(0, 9_000_000), interface(1, 77)]),
            reading(432_021_533, None, vec![]),
        ],
        gauges: vec![
            GaugeReading { device: None, mono_ms: 432_004_000, gauges: vec![gauge(0, 412, Load, "")] },
            GaugeReading {
                device: Some(3),
                mono_ms: 432_004_009,
                gauges: vec![
                    gauge(0, -21_340, RxDbm, "sfp-sfpplus1"),
                    gauge(4, 7_000, Clients, "Desa Wisata"),
                ],
            },
        ],
        traces: vec![Trace {
            target: 7,
            mono_ms: 432_000_300,
            reached: false,
            hops: vec![hop("10.33.0.1", 811), Hop { address: None, rtt_us: 0 }, hop("fd00:33::1", 70_000)],
        }],
        ..batch(2880, 30_000)
    }
}

fn gauge(number: u16, value: i64, kind: GaugeKind, place: &str) -> Gauge {
    Gauge { number, label: Some(Label { kind, place: place.into() }), value }
}

fn hop(address: &str, rtt_us: u32) -> Hop {
    Hop { address: address.parse().ok(), rtt_us }
}

/// The next batch: half a minute later nearly the same, and RTTs rounded.
fn next_of_everything() -> Batch {
    let mut next = little_of_everything();
    (next.sequence, next.dropped_rounds) = (2881, 0);
    (next.sealed.mono_ms, next.sealed.wall) =
        (next.sealed.mono_ms + 30_003, next.sealed.wall + std::time::Duration::from_millis(30_002));
    let times = next.rounds.iter_mut().map(|round| &mut round.mono_ms);
    let times = times.chain(next.readings.iter_mut().map(|reading| &mut reading.mono_ms));
    times.chain(next.gauges.iter_mut().map(|look| &mut look.mono_ms)).for_each(|at| *at += 30_001);
    next.rounds[2].rtts_us = vec![99_123, 104_871, 96_010];
    for interface in next.readings.iter_mut().flat_map(|reading| &mut reading.interfaces) {
        (interface.name, interface.alias) = (None, None);
        for (counter, growth) in
            interface.counters.iter_mut().zip([71_234_567, 3_456_789, 91_234, 5_678, 0, 2])
        {
            *counter = counter.map(|before| before + growth);
        }
    }
    for gauge in next.gauges.iter_mut().flat_map(|look| &mut look.gauges) {
        (gauge.label, gauge.value) = (None, gauge.value - 1_000);
    }
    next.traces.clear();
    next.thin();
    next
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_a_batch_are_those_of_format_2() {
    let sealed = little_of_everything().seal().unwrap();
    assert_eq!(hex(&sealed), GOLDEN);
    assert_eq!(Batch::open(&sealed), Ok(ascending(little_of_everything())));
}

#[test]
fn the_bytes_of_a_batch_that_leans_are_those_of_format_2() {
    let base = little_of_everything();
    let leaning = next_of_everything().seal_on(&base).unwrap();
    assert_eq!(hex(&leaning), LEANING);
    assert_eq!(Batch::open_on(&leaning, &base), Ok(ascending(next_of_everything())));
}

/// Never to be changed: agents in the field seal such, and journals hold such.
const GOLDEN: &str = concat!(
    "2031094eb4e8a889f6973500b048869b88331958a9bd430ed3054ee8ef7fea5c13bba5615d09519e06969a4af659f932",
    "4caa8106dfef37c288db04fda3a2ad8c73486d176368bb81f0207e056517eb0f446f05896a4c6f0f65c93b70a52af69c",
    "d101269cdeebc2f4829adbc03c4238c078c731fdf0d887831111268c4906a97d08a7c7e87cc2ef14303de535a31b6fd9",
    "f6037bf6b0f595e16ed18fcc0cadf64ae04539195fbdaed74fef7617a89b0f52a2ed9ebad8a8356cd0c424e646b11193",
    "5e41fffffffffffffffffae7ffffffffffc222f5ff1abf3188aa01495b009c681d875b0eb98a63818a0f42c77515dcd6",
    "1663e7d814d6dbb959f14fdb49e4c5d65fafefe645b38f07c2560d98550000000000000000000d9b6b2f63cd397f39ca",
    "ee",
);

/// Never to be changed: agents in the field send such.
const LEANING: &str = concat!(
    "b69bd291d1736ada2d45944d84d6c5774a58c56bd1797ec64e901fdcced580181f44ec3bb9320e22fffe6fb0441a5822",
    "f105f66a991a543306d4a6d9ea142f463ab8538d5b07192594b0697d76f6e8e253fae726161ab2ebb6a8d667d96449e9",
    "34e8ed4aaaa349bf71e190",
);
