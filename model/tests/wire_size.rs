//! What the wire costs, and what its bytes are: neither changes unnoticed.
//!
//! `data/village.jsonl` is three minutes of a made-up village router, as `bench/wire/generate --seed 7 --minutes 3`
//! prints them. A round of 5 probes counts as 5 samples, an interface reading of 6 counters as 6.

use std::collections::BTreeMap;

use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Stamp},
    wire::{Batch, Delivery, DeviceReading, InterfaceReading, MeasuredRound},
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

#[test]
fn a_sample_costs_less_than_two_bytes() {
    let (mut samples, mut bytes) = (0, 0);
    for (held, batch) in village() {
        let sent = Stamp { mono_ms: batch.sealed.mono_ms + 12, ..batch.sealed };
        let delivery = Delivery::wrap(&sent, &batch.seal().unwrap());
        samples += held;
        bytes += delivery.len();
        assert_eq!(Delivery::decode(&delivery), Ok(Delivery { sent, batch: ascending(batch) }));
    }
    assert_eq!(samples, 6 * (60 * 5 + 8 * 6));
    let each = bytes as f64 / samples as f64;
    assert!(each <= 1.76, "{each:.3} bytes a sample");
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
        ..batch(2880, 30_000)
    }
}

#[test]
fn the_bytes_of_a_batch_are_those_of_format_2() {
    let sealed = little_of_everything().seal().unwrap();
    let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
    assert_eq!(Batch::open(&sealed), Ok(ascending(little_of_everything())));
}

/// Never to be changed: agents in the field seal such, and journals hold such.
const GOLDEN: &str = concat!(
    "2031094eb4e8a889f6973500b048869b88331958a9bd430ed3054ee8ef7fea5c13bba5615d09519e06969a4af659f932",
    "4caa8106dfef37c288d9bd75faf46a69a504aadfce0720eafaba75340365a42ea6087411bcf9d95e1267e54f34c38ff2",
    "1d7e294cae89f1f36f74a3bfaaec629fe51866c68b93a8ab4b90bbf1ef9990bfa7c23132072028168a4e28cdd36eee8c",
    "e267726066f7743dc3b85bb9af64237577ffaf98036020538a50961c6eb701535f978dd836c12d8363ae0253d86adf2e",
    "2e7ffffffffffffffffca7ffffffffffd750855dae",
);
