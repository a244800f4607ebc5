//! The generator's observations, cut into windows of 30 s.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context, ensure};
use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
    wire::{Batch, DeviceReading, InterfaceReading, MeasuredRound},
};
use serde::Deserialize;

const WINDOW_MS: u64 = 30_000;
/// The made-up router has been up for five days.
const UP_MS: u64 = 432_000_000;

/// A line of the generator.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line {
    Round {
        at_ms: u64,
        target: u16,
        sent: u16,
        rtts_us: Vec<u32>,
    },
    Interface {
        at_ms: u64,
        interface: u16,
        in_octets: u64,
        out_octets: u64,
        in_packets: u64,
        out_packets: u64,
        in_errors: u64,
        out_errors: u64,
    },
}

impl Line {
    fn at_ms(&self) -> u64 {
        match *self {
            Line::Round { at_ms, .. } | Line::Interface { at_ms, .. } => at_ms,
        }
    }
}

/// What was observed in 30 s.
pub(super) struct Window {
    number: u64,
    pub(super) lines: Vec<Line>,
}

/// Runs the generator.
pub(super) fn windows(seed: u64, minutes: u32) -> anyhow::Result<Vec<Window>> {
    let generator = concat!(env!("CARGO_MANIFEST_DIR"), "/wire/generate");
    let (seed, minutes) = (seed.to_string(), minutes.to_string());
    let printed = Command::new("python3")
        .args([generator, "--seed", &seed, "--minutes", &minutes])
        .output()
        .context("cannot run the generator; install python3")?;
    ensure!(printed.status.success(), "the generator failed: {}", String::from_utf8_lossy(&printed.stderr));
    let mut windows: BTreeMap<u64, Vec<Line>> = BTreeMap::new();
    for line in std::str::from_utf8(&printed.stdout)?.lines() {
        let line: Line = serde_json::from_str(line)?;
        windows.entry(line.at_ms() / WINDOW_MS).or_default().push(line);
    }
    Ok(windows.into_iter().map(|(number, lines)| Window { number, lines }).collect())
}

/// When a line was, as Unix time in milliseconds.
pub(super) fn wall_ms(at_ms: u64) -> u64 {
    1_793_491_200_000 + at_ms
}

impl Window {
    /// A round is 5 samples, an interface reading 6.
    pub(super) fn samples(&self) -> usize {
        self.lines.iter().map(|line| if matches!(line, Line::Round { .. }) { 5 } else { 6 }).sum()
    }

    /// The window as an agent would seal it. Each interface is a device of its own, so that no time is lost.
    pub(super) fn batch(&self) -> Batch {
        let sealed_ms = (self.number + 1) * WINDOW_MS;
        let wall = Timestamp::from_millis(wall_ms(sealed_ms).cast_signed());
        let mut batch = Batch {
            agent: "kec-kutasari".parse().expect("an id"),
            series: 0x9d2c_5680,
            sequence: 14_400 + self.number,
            sealed: Stamp { boot: BootId(0x6c07_8965), mono_ms: UP_MS + sealed_ms, wall },
            plan: PlanRevision(0x5bd1_e995_a4d3_4c17),
            dropped_rounds: 0,
            rounds: Vec::new(),
            readings: Vec::new(),
            gauges: Vec::new(),
            traces: Vec::new(),
        };
        for line in &self.lines {
            match *line {
                Line::Round { at_ms, target, sent, ref rtts_us } => batch.rounds.push(MeasuredRound {
                    target,
                    mono_ms: UP_MS + at_ms,
                    sent,
                    rtts_us: rtts_us.clone(),
                }),
                Line::Interface { at_ms, interface, .. } => {
                    let mut counters = [None; 8];
                    for (to, (_, from)) in counters.iter_mut().zip(line.counters()) {
                        *to = Some(from);
                    }
                    let interfaces = vec![InterfaceReading { counters, ..InterfaceReading::default() }];
                    let mono_ms = UP_MS + at_ms;
                    batch.readings.push(DeviceReading {
                        device: interface,
                        mono_ms,
                        uptime_cs: None,
                        interfaces,
                    });
                }
            }
        }
        batch
    }
}

impl Line {
    /// The counters by name; none of a round.
    pub(super) fn counters(&self) -> Vec<(&'static str, u64)> {
        match *self {
            Line::Round { .. } => Vec::new(),
            Line::Interface {
                in_octets, out_octets, in_packets, out_packets, in_errors, out_errors, ..
            } => vec![
                ("in_octets", in_octets),
                ("out_octets", out_octets),
                ("in_packets", in_packets),
                ("out_packets", out_packets),
                ("in_errors", in_errors),
                ("out_errors", out_errors),
            ],
        }
    }
}
