//! From the moment a desa's fibre is cut to the moment the webhook arrives, beside Prometheus and Alertmanager.
//!
//! Each runs in a district of its own (network namespaces), all at the same time on the same machine. Cuts fall at
//! phases of the interval that are spread evenly (multiples of the golden ratio), so that no phase is favoured.

use std::{thread, time::Duration};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use kentongan_lab::{
    Lab,
    district::{District, NOC_ADDRESS},
    webhook::Webhook,
};
use kentongan_model::time::{Clock, SystemClock};

use crate::{
    prometheus::{AGGRESSIVE, COMMON, Prometheus, Settings},
    table,
};

/// Where the webhook listens in the NOC.
const PORT: u16 = 9000;
/// Cuts of Prometheus follow each other this closely; each is a group of its own.
const APART: Duration = Duration::from_secs(2);
/// No alert takes longer than this, or something is broken.
const PATIENCE: Duration = Duration::from_secs(240);

/// What was measured of one system.
struct Latencies {
    name: &'static str,
    from_cut: Vec<Duration>,
}

/// From a cut to the webhook, beside Prometheus and Alertmanager (root).
#[derive(Debug, Args)]
pub(crate) struct Latency {
    /// How often a desa is cut; at most 12.
    #[arg(long, default_value_t = 10)]
    cuts: usize,
    /// How often under Prometheus with common settings; at most 12.
    #[arg(long, default_value_t = 3)]
    common_cuts: usize,
}

impl Latency {
    /// Measures all at the same time and prints the table.
    pub(crate) fn run(&self) -> Result<()> {
        let (cuts, common_cuts) = (self.cuts, self.common_cuts);
        let measured = thread::scope(|scope| {
            let runs = [
                scope.spawn(move || of_prometheus(AGGRESSIVE, cuts)),
                scope.spawn(move || of_prometheus(COMMON, common_cuts)),
            ];
            runs.map(|run| run.join().unwrap_or_else(|_| Err(anyhow!("a measurement panicked"))))
        });
        let rows = measured.into_iter().map(|latencies| latencies.map(row)).collect::<Result<Vec<_>>>()?;
        let header = ["", "cuts", "median", "fastest", "slowest"];
        table::print("From the cut to the webhook, interval 5 s", &header, rows);
        Ok(())
    }
}

fn row(Latencies { name, mut from_cut }: Latencies) -> Vec<String> {
    from_cut.sort_unstable();
    let seconds =
        |time: Option<&Duration>| time.map_or("–".to_owned(), |t| format!("{:.1} s", t.as_secs_f64()));
    let count = from_cut.len();
    let median = (count > 0).then(|| (from_cut[(count - 1) / 2] + from_cut[count / 2]) / 2);
    vec![
        name.to_owned(),
        count.to_string(),
        seconds(median.as_ref()),
        seconds(from_cut.first()),
        seconds(from_cut.last()),
    ]
}

/// The `k`-th of an even spread over an interval.
fn phase(k: usize, interval: Duration) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    #[expect(clippy::cast_precision_loss, reason = "a handful of cuts")]
    interval.mul_f64((k as f64 * GOLDEN).fract())
}

/// Cuts one desa after the other, soon after each other, and matches each alert to its cut by the address it names.
fn of_prometheus(settings: Settings, cuts: usize) -> Result<Latencies> {
    let district = District::build(&Lab::quiet()?, cuts)?;
    let webhook = Webhook::listen(&district.noc, (NOC_ADDRESS, PORT).into())?;
    let _prometheus = Prometheus::watch(&district, settings, &format!("http://{NOC_ADDRESS}:{PORT}/"))?;
    let clock = SystemClock::new();
    let mut cut_at = Vec::new();
    for (k, leaf) in district.leaves.iter().take(cuts).enumerate() {
        thread::sleep(APART + phase(k, APART));
        cut_at.push(clock.since_boot());
        leaf.link.cut()?;
    }
    webhook.nth(cuts, PATIENCE)?;
    let told = webhook.messages();
    let from_cut = district.leaves.iter().zip(cut_at).map(|(leaf, cut)| {
        let address = format!("\"{}\"", leaf.address);
        let naming = told.iter().find(|message| message.body.contains(&address));
        naming.map(|message| message.since_boot - cut).with_context(|| format!("no alert named {}", leaf.id))
    });
    Ok(Latencies { name: settings.name, from_cut: from_cut.collect::<Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let from_cut = [4, 1, 3, 2].map(Duration::from_secs).to_vec();
        assert_eq!(row(Latencies { name: "x", from_cut }), ["x", "4", "2.5 s", "1.0 s", "4.0 s"]);
    }

    #[test]
    fn phases_are_spread_over_the_whole_interval() {
        let interval = Duration::from_secs(5);
        let mut phases: Vec<_> = (0..10).map(|k| phase(k, interval)).collect();
        phases.sort_unstable();
        let gaps = phases.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.max().unwrap() < Duration::from_secs(1), "{phases:?}");
    }
}
