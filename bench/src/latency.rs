//! From the moment a desa's fibre is cut to the moment the webhook arrives, beside Prometheus and Alertmanager.
//!
//! Each runs in a district of its own (network namespaces), all at the same time on the same machine. Cuts fall at
//! phases of the interval that are spread evenly (multiples of the golden ratio), so that no phase is favoured.

use std::{thread, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use kentongan_lab::{
    Lab,
    district::{District, KECAMATAN, NOC_ADDRESS},
    product::Office,
    wait,
    webhook::Webhook,
};
use kentongan_model::time::{Clock, SystemClock};

use crate::{
    prometheus::{AGGRESSIVE, COMMON, Prometheus, Settings},
    table,
};

/// A round of probes this often.
const INTERVAL: Duration = Duration::from_secs(5);
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
                scope.spawn(move || of_kentongan(cuts)),
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
    table::spread(name, &from_cut)
}

/// The `k`-th of an even spread over an interval.
fn phase(k: usize, interval: Duration) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    #[expect(clippy::cast_precision_loss, reason = "a handful of cuts")]
    interval.mul_f64((k as f64 * GOLDEN).fract())
}

/// Cuts one desa after the other and waits for the message; the next cut follows when the end was told, too.
fn of_kentongan(cuts: usize) -> Result<Latencies> {
    let district = District::build(&Lab::quiet()?, cuts)?;
    let webhook = Webhook::listen(&district.noc, (NOC_ADDRESS, PORT).into())?;
    let channel =
        format!("[[channel]]\nkind = \"webhook\"\nname = \"noc\"\nurl = \"http://{NOC_ADDRESS}:{PORT}/\"\n");
    let inventory = district.inventory("5s");
    let office = Office::install(&district.noc, (NOC_ADDRESS, 8080).into(), &inventory, &channel)?;
    let agent = office.install_agent(&district.kecamatan, KECAMATAN)?;
    let (_up, _agent) = (office.up()?, agent.start()?);
    wait::until_ok("every site to be up", PATIENCE, || {
        let listing = office.api("sites")?;
        let sites = listing["sites"].as_array().context("a list of sites")?;
        ensure!(sites.iter().all(|site| site["state"] == "up"), "{listing}");
        Ok(())
    })?;
    let (clock, mut from_cut) = (SystemClock::new(), Vec::new());
    for (k, leaf) in district.leaves.iter().take(cuts).enumerate() {
        thread::sleep(phase(k, INTERVAL));
        let cut = clock.since_boot();
        leaf.link.cut()?;
        let told = webhook.nth(2 * k + 1, PATIENCE)?;
        ensure!(told.body.contains(&leaf.id), "{} was cut, and the message says {}", leaf.id, told.body);
        from_cut.push(told.since_boot - cut);
        leaf.link.mend()?;
        webhook.nth(2 * k + 2, PATIENCE)?;
    }
    Ok(Latencies { name: "Kentongan", from_cut })
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
    fn phases_are_spread_over_the_whole_interval() {
        let interval = Duration::from_secs(5);
        let mut phases: Vec<_> = (0..10).map(|k| phase(k, interval)).collect();
        phases.sort_unstable();
        let gaps = phases.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.max().unwrap() < Duration::from_secs(1), "{phases:?}");
    }
}
