//! What a sample costs on the wire.
//!
//! A made-up village router's observations (`wire/generate`) are cut into batches of 30 s: sealed and wrapped by us with
//! every byte of their heads, in full and thin, standing alone and leaning on the batch before, as gzip'd InfluxDB line
//! protocol of mere summaries, and as zlib'd JSON in the manner of a Zabbix agent. A round counts as 5 samples, an interface
//! reading as 6. What comes out is held against what went in.

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

/// The ways to send a batch.
const WAYS: [&str; 4] = ["full alone", "full leaning", "thin alone", "thin leaning"];

/// What was measured of one seed.
#[derive(Default)]
struct Row {
    samples: usize,
    /// Bytes, in the order of [`WAYS`], and how many samples they carry.
    ours: [(usize, usize); WAYS.len()],
    lines: usize,
    zabbix: usize,
    /// Sealing, opening, and both with a base.
    times: [Duration; 4],
}

impl Wire {
    /// Measures and prints.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        println!("bytes a sample in batches of 30 s, {} minutes", self.minutes);
        print!("{:>6} {:>8}", "seed", "samples");
        WAYS.iter().for_each(|way| print!(" {way:>13}"));
        println!(" {:>12} {:>12}", "influx+gzip", "zabbix+zlib");
        let mut rows = Vec::new();
        for &seed in &self.seeds {
            let row = Row::measure(&observed::windows(seed, self.minutes)?)
                .with_context(|| format!("cannot measure seed {seed}"))?;
            print!("{seed:>6} {:>8}", row.samples);
            row.costs().iter().for_each(|cost| print!(" {cost:>13.3}"));
            let each = |bytes: usize| bytes as f64 / row.samples as f64;
            println!(" {:>12.2} {:>12.2}", each(row.lines), each(row.zabbix));
            rows.push(row);
        }
        for (at, way) in WAYS.iter().enumerate() {
            let costs = || rows.iter().map(|row| row.costs()[at]);
            let mean = costs().sum::<f64>() / rows.len() as f64;
            println!("{way:>13}: mean {mean:.3}, most {:.3}", costs().fold(0.0, f64::max));
        }
        let samples: usize = rows.iter().map(|row| row.samples).sum();
        for (at, what) in ["sealing", "opening", "sealing on a base", "opening on a base"].iter().enumerate()
        {
            let time: Duration = rows.iter().map(|row| row.times[at]).sum();
            println!("{what}: {:.1} M samples/s", samples as f64 / time.as_secs_f64() / 1e6);
        }
        Ok(())
    }
}

impl Row {
    fn measure(windows: &[Window]) -> anyhow::Result<Row> {
        let mut row = Row::default();
        let mut bases: [Option<Batch>; 2] = [None, None];
        for window in windows {
            let full = window.batch();
            let mut thin = full.clone();
            thin.thin();
            ensure!(is_within_limits(&full, &thin), "thin is over its limits");
            let samples = window.samples();
            row.samples += samples;
            row.lines += peers::influx_gzip(window)?;
            row.zabbix += peers::zabbix_zlib(window)?;
            for (precision, batch) in [full, thin].into_iter().enumerate() {
                let base = bases[precision].replace(batch.clone());
                row.deliver(precision, samples, &batch, base)?;
            }
        }
        Ok(row)
    }

    fn deliver(
        &mut self,
        precision: usize,
        samples: usize,
        batch: &Batch,
        base: Option<Batch>,
    ) -> anyhow::Result<()> {
        let sent = Stamp {
            mono_ms: batch.sealed.mono_ms + 12,
            wall: batch.sealed.wall + Duration::from_millis(12),
            ..batch.sealed
        };
        let mut kept = batch.clone();
        kept.rounds.iter_mut().for_each(|round| round.rtts_us.sort_unstable());
        let kept = Delivery { sent, batch: kept };
        let sealed = batch.seal()?;
        let alone = Delivery::wrap(&sent, &sealed);
        ensure!(Delivery::decode(&alone)? == kept, "not lossless");
        self.count(2 * precision, alone.len(), samples);
        self.times[0] += timed(|| batch.seal());
        self.times[1] += timed(|| Batch::open(&sealed));
        let Some(base) = base else { return Ok(()) };
        let leaning = Delivery::wrap_on(&sent, batch, &base)?;
        ensure!(Delivery::decode_with(&leaning, |_| Some(base.clone()))? == kept, "not lossless on a base");
        self.count(2 * precision + 1, leaning.len(), samples);
        let sealed = batch.seal_on(&base)?;
        self.times[2] += timed(|| batch.seal_on(&base));
        self.times[3] += timed(|| Batch::open_on(&sealed, &base));
        Ok(())
    }

    fn count(&mut self, way: usize, bytes: usize, samples: usize) {
        let (sum, carried) = &mut self.ours[way];
        (*sum, *carried) = (*sum + bytes, *carried + samples);
    }

    /// Bytes a sample, in the order of [`WAYS`].
    fn costs(&self) -> [f64; WAYS.len()] {
        self.ours.map(|(bytes, samples)| bytes as f64 / samples as f64)
    }
}

/// Whether every RTT is within 1 % of what was measured and the jitter of every round within 5 %.
fn is_within_limits(full: &Batch, thin: &Batch) -> bool {
    full.rounds.iter().zip(&thin.rounds).all(|(full, thin)| {
        let mut rtts = full.rtts_us.iter().zip(&thin.rtts_us);
        let (was, is) = (jitter_us(&full.rtts_us), jitter_us(&thin.rtts_us));
        full.rtts_us.len() == thin.rtts_us.len()
            && rtts.all(|(&was, &is)| was.abs_diff(is) * 100 <= was)
            && (full.rtts_us.is_empty() || (is - was).abs() <= was * 0.05 + 1e-6)
    })
}

fn jitter_us(rtts_us: &[u32]) -> f64 {
    let count = rtts_us.len() as f64;
    let mean = rtts_us.iter().map(|&us| f64::from(us)).sum::<f64>() / count;
    (rtts_us.iter().map(|&us| (f64::from(us) - mean).powi(2)).sum::<f64>() / count).sqrt()
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
