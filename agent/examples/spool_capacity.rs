//! How long a spool lasts: feeds it a village router's observations while no collector takes them, until the first
//! round has to go, and prints how many days that took.
//!
//!     ../shared/wire/generate --minutes 17280 |
//!         cargo run --release -p kentongan-agent --example spool_capacity -- [thin]
//!
//! Of the generator's rounds (10 targets, 5 probes) one every 30 s is kept, as `interval = "30s"` has it; interface
//! readings (8 interfaces, 6 counters) come every 30 s anyway.

use std::{error::Error, io::BufRead};

use kentongan_agent::spool::{Limits, Record, Spool, Weight};
use kentongan_model::{
    plan::{PlanRevision, Precision},
    time::{BootId, Stamp, Timestamp},
    wire::{DeviceReading, InterfaceReading, MeasuredRound},
};
use serde::Deserialize;

const REPORT_MS: u64 = 30_000;
const DAY_MS: f64 = 86_400_000.0;
const COUNTERS: [&str; 6] =
    ["in_octets", "out_octets", "in_packets", "out_packets", "in_errors", "out_errors"];

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Observed {
    Round {
        at_ms: u64,
        target: u16,
        sent: u16,
        rtts_us: Vec<u32>,
    },
    Interface {
        at_ms: u64,
        interface: u16,
        #[serde(flatten)]
        counters: std::collections::HashMap<String, u64>,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut now = Stamp { boot: BootId(1), mono_ms: 0, wall: Timestamp::from_millis(1_790_000_000_000) };
    let (memory, disk) = (folder.path().join("memory"), folder.path().join("disk"));
    let mut spool = Spool::open("kec-kutasari".parse()?, &memory, &disk, Limits::default(), &now)?;
    if std::env::args().nth(1).as_deref() == Some("thin") {
        spool.keep_to(Precision::Thin);
    }
    let plan = PlanRevision(1);
    let (mut samples, mut reported) = (0, 0);
    for line in std::io::stdin().lock().lines() {
        let (at_ms, record, weighs) = match serde_json::from_str(&line?)? {
            Observed::Round { at_ms, .. } if at_ms % REPORT_MS >= 5_000 => continue,
            Observed::Round { at_ms, target, sent, rtts_us } => {
                let round = MeasuredRound { target, mono_ms: at_ms, sent, rtts_us };
                (at_ms, Record::Round(round, Weight::Usual), u64::from(sent))
            }
            Observed::Interface { at_ms, interface, counters } => {
                let mut told = [None; 8];
                COUNTERS
                    .iter()
                    .zip(&mut told)
                    .for_each(|(name, counter)| *counter = counters.get(*name).copied());
                let interface =
                    InterfaceReading { link: interface, counters: told, ..InterfaceReading::default() };
                let reading =
                    DeviceReading { device: 0, mono_ms: at_ms, uptime_cs: None, interfaces: vec![interface] };
                (at_ms, Record::Reading(reading), 6)
            }
        };
        now.mono_ms = at_ms;
        if at_ms >= reported + REPORT_MS {
            reported = at_ms;
            spool.seal(plan, &now)?;
            spool.retreat(&now)?;
        }
        spool.append(plan, &record, &now)?;
        samples += weighs;
        if spool.losses().rounds > 0 {
            let bytes = spool.waiting_bytes();
            let days = at_ms as f64 / DAY_MS;
            println!("{days:.2} days, {} batches, {bytes} bytes of {samples} samples", spool.waiting());
            return Ok(());
        }
    }
    let (batches, bytes) = (spool.waiting(), spool.waiting_bytes());
    println!(
        "not full after {:.1} days: {batches} batches, {bytes} bytes of {samples} samples",
        now.mono_ms as f64 / DAY_MS
    );
    Ok(())
}
