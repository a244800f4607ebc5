//! The engine alone, as fast as it goes, beside fping without a pause (`-i 0`, which spares it most of its waiting): the same
//! addresses as often, each in a process of its own, in turns.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_agent::icmp::SocketKind;
use kentongan_lab::Lab;
use kentongan_model::time::{Clock, SystemClock};

use super::{Spent, address, fping};
use crate::{
    pings,
    processor::{self, Whose},
    table,
};

/// Probes of each address. fping refuses more than 65,535 in ten seconds.
const PROBES: u16 = 6;

/// One process' run.
#[derive(Debug, Clone, Copy)]
struct Run {
    spent: Spent,
    took: Duration,
}

impl Run {
    fn each_second(&self) -> f64 {
        self.spent.probes as f64 / self.took.as_secs_f64()
    }
}

/// Measures in turns and prints the medians.
pub(super) fn compare(targets: u16, turns: usize) -> Result<()> {
    let namespace = Lab::quiet()?.namespace("loopback")?;
    namespace.run("sysctl", &["-qw", "net.ipv4.ping_group_range=0\t2147483647"])?;
    let list = fping::list(namespace.lab(), "targets", (1..=targets).map(address))?;
    let mut runs: [Vec<Run>; 3] = Default::default();
    for _ in 0..turns.max(1) {
        runs[0].push(timed(|| {
            let probes = PROBES.to_string();
            fping::count(&namespace, &list, &["-c", &probes, "-i", "0", "-p", "10"])
        })?);
        for (at, kind) in [(1, SocketKind::Datagram), (2, SocketKind::Raw)] {
            runs[at].push(timed(|| counted(pings::command(&namespace, &list, PROBES, kind, false)?))?);
        }
    }
    let names = ["fping without a pause", "kentongan's engine", "the same, raw socket"];
    let (cost, rate) = (median(&runs[0], |run| run.spent.each_us()), median(&runs[0], Run::each_second));
    let rows = names.iter().zip(&runs).map(|(name, runs)| {
        let (own_cost, own_rate) = (median(runs, |run| run.spent.each_us()), median(runs, Run::each_second));
        let sum =
            |figure: fn(&Spent) -> u64| runs.iter().map(|run| figure(&run.spent)).sum::<u64>().to_string();
        vec![
            (*name).to_owned(),
            sum(|spent| spent.probes),
            sum(|spent| spent.lost),
            format!("{own_cost:.2} µs"),
            format!("{:.2}", own_cost / cost),
            format!("{own_rate:.0}"),
            format!("{:.2}", own_rate / rate),
        ]
    });
    let title =
        format!("{targets} targets on the loopback, {PROBES} probes each as fast as they go, {turns} turns");
    let header = ["", "probes", "lost", "CPU a probe", "to fping's", "probes a second", "to fping's"];
    table::print(&title, &header, rows.collect());
    Ok(())
}

fn timed(run: impl FnOnce() -> Result<fping::Count>) -> Result<Run> {
    let own = || processor::time(&std::fs::read_to_string("/proc/self/stat")?, Whose::Children);
    let clock = SystemClock::new();
    let (before, begun) = (own()?, clock.since_boot());
    let count = run()?;
    let (took, processor) = (clock.since_boot() - begun, own()? - before);
    Ok(Run { spent: Spent { probes: count.sent, lost: count.sent - count.answered, processor }, took })
}

/// Runs our own engine and reads its count.
fn counted(mut command: Command) -> Result<fping::Count> {
    let output = command.output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    pings::read_count(&told).with_context(|| format!("the engine said nothing of use: {told}"))
}

fn median(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
