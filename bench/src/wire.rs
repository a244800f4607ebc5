//! What a sample costs on the wire.
//!
//! A made-up village router's observations (`wire/generate`) are cut into batches of 30 s, each of which stands alone:
//! sealed and wrapped by us with every byte of its head, as gzip'd InfluxDB line protocol of mere summaries, and as
//! zlib'd JSON in the manner of a Zabbix agent. A round counts as 5 samples, an interface reading as 6.

mod observed;
mod peers;

use std::{hint::black_box, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;
use kentongan_model::{
    time::{Clock, Stamp, SystemClock},
    wire::{Batch, Delivery},
};

use observed::Window;

/// Bytes a sample on the wire.
#[derive(Debug, Args)]
pub(crate) struct Wire {
    /// Seeds of the generator, one line of the table for each.
    #[arg(long, num_args = 1.., default_values_t = SEEDS)]
    seeds: Vec<u64>,
    /// Minutes of observations.
    #[arg(long, default_value_t = MINUTES)]
    minutes: u32,
}

const SEEDS: [u64; 3] = [7, 1, 42];
const MINUTES: u32 = 10;

/// What was measured of one seed.
struct Row {
    samples: usize,
    ours: usize,
    lines: usize,
    zabbix: usize,
    sealing: Duration,
    opening: Duration,
}

impl Wire {
    /// Measures and prints.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        println!("bytes a sample in batches of 30 s, {} minutes", self.minutes);
        println!(
            "{:>6} {:>9} {:>10} {:>13} {:>12}",
            "seed", "samples", "kentongan", "influx+gzip", "zabbix+zlib"
        );
        let mut rows = Vec::new();
        let mut costs = Vec::new();
        for &seed in &self.seeds {
            let row = Row::measure(&observed::windows(seed, self.minutes)?)
                .with_context(|| format!("cannot measure seed {seed}"))?;
            let each = |bytes: usize| bytes as f64 / row.samples as f64;
            let (ours, lines, zabbix) = (each(row.ours), each(row.lines), each(row.zabbix));
            println!("{seed:>6} {:>9} {ours:>10.3} {lines:>13.2} {zabbix:>12.2}", row.samples);
            rows.push(row);
            costs.push(ours);
        }
        let mean = costs.iter().sum::<f64>() / costs.len() as f64;
        println!("kentongan: mean {mean:.3}, most {:.3}", costs.iter().copied().fold(0.0, f64::max));
        let samples: usize = rows.iter().map(|row| row.samples).sum();
        let speed = |time: fn(&Row) -> Duration| {
            samples as f64 / rows.iter().map(time).sum::<Duration>().as_secs_f64() / 1e6
        };
        println!(
            "sealing {:.1} M samples/s, opening {:.1} M samples/s",
            speed(|r| r.sealing),
            speed(|r| r.opening)
        );
        Ok(())
    }
}

impl Row {
    fn measure(windows: &[Window]) -> anyhow::Result<Row> {
        let mut row = Row {
            samples: 0,
            ours: 0,
            lines: 0,
            zabbix: 0,
            sealing: Duration::ZERO,
            opening: Duration::ZERO,
        };
        for window in windows {
            let batch = window.batch();
            let sealed = batch.seal()?;
            let sent = Stamp {
                mono_ms: batch.sealed.mono_ms + 12,
                wall: batch.sealed.wall + Duration::from_millis(12),
                ..batch.sealed
            };
            let delivery = Delivery::wrap(&sent, &sealed);
            let mut kept = batch.clone();
            kept.rounds.iter_mut().for_each(|round| round.rtts_us.sort_unstable());
            ensure!(Delivery::decode(&delivery)? == Delivery { sent, batch: kept }, "not lossless");
            row.samples += window.samples();
            row.ours += delivery.len();
            row.lines += peers::influx_gzip(window)?;
            row.zabbix += peers::zabbix_zlib(window)?;
            row.sealing += timed(|| batch.seal());
            row.opening += timed(|| Batch::open(&sealed));
        }
        Ok(row)
    }
}

/// The mean time of some repetitions.
fn timed<T>(work: impl Fn() -> T) -> Duration {
    const TIMES: u32 = 20;
    let clock = SystemClock::new();
    let before = clock.since_boot();
    for _ in 0..TIMES {
        black_box(work());
    }
    (clock.since_boot() - before) / TIMES
}
