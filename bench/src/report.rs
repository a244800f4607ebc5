//! What the report of a month costs: every village of a province, from stored intervals in memory.
//!
//! Processor time of the one thread that computes, so that whatever else runs on the machine counts as little as it can.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    hint::black_box,
    time::Duration,
};

use anyhow::Context;
use clap::Args;
use kentongan_model::{
    id::SiteId,
    inventory::Network,
    state::{Cause, State},
    time::Timestamp,
};
use kentongan_reports::{Fault, Known, Month, Origin, compose};
use kentongan_timeline::{By, Interval, Span, maintenance};
use rustix::time::{ClockId, clock_gettime};

use crate::table;

/// The report of a month.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Villages: those of Jawa Tengah are 8,563
    #[arg(long, default_value_t = 8_563)]
    sites: usize,
    /// Changes of state that each has in the month
    #[arg(long, default_value_t = 20)]
    transitions: i64,
    /// How often it is computed
    #[arg(long, default_value_t = 9)]
    times: usize,
}

/// 2026-10-01 in Jakarta.
const START: i64 = 1_790_787_600_000;
const MONTH_MS: i64 = 31 * 86_400_000;

impl Report {
    /// Measures and prints.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let network = Network::parse(&inventory(self.sites)).ok().context("the inventory of the bench")?;
        let (mut timelines, mut faults) = (HashMap::new(), Vec::new());
        for (number, site) in network.sites.iter().enumerate() {
            let shift = number as i64 % 1000 * 1000;
            let intervals = intervals(shift, self.transitions);
            faults.extend(
                intervals.iter().filter(|interval| interval.state == State::Down).map(|interval| Fault {
                    root: site.id.clone(),
                    span: interval.span(),
                    cause: Cause::Power,
                }),
            );
            timelines.insert(site.id.clone(), intervals);
        }
        let maintenance: BTreeMap<SiteId, Vec<Span>> = maintenance(&network);
        let known = Known {
            network: &network,
            maintenance: &maintenance,
            timelines: &timelines,
            faults: &faults,
            begins: Some(Timestamp::from_millis(START)),
            as_of: Timestamp::from_millis(START + MONTH_MS),
        };
        let mut took = Vec::new();
        for _ in 0..self.times.max(1) {
            let begun = processor_time();
            black_box(compose(&known, Month { year: 2026, month: 10 }, By::Kecamatan, origin())?);
            took.push(processor_time().saturating_sub(begun));
        }
        took.sort_unstable();
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        let (fastest, median, slowest) = (took[0], took[took.len() / 2], took[took.len() - 1]);
        let name = format!("{} sites, {} transitions each", self.sites, self.transitions);
        table::print(
            "The report of a month from stored intervals, its digest included (processor time)",
            &["", "median", "fastest", "slowest", "promised"],
            vec![vec![name, ms(median), ms(fastest), ms(slowest), "100 ms".to_owned()]],
        );
        Ok(())
    }
}

/// A network of villages, 250 to a kecamatan, with a contract for half of them.
fn inventory(sites: usize) -> String {
    let mut text = String::from(
        "[network]\nname = 'Jawa Tengah'\n[[contract]]\nprovider = 'Icon+'\ntarget = 99.5\nmin_outage = '5m'\n",
    );
    for number in 0..sites {
        let (kecamatan, desa) = (number / 250, number % 250);
        let (kabupaten, kecamatan) = (kecamatan / 90 + 1, kecamatan % 90 + 1);
        let provider = if number % 2 == 0 { "Icon+" } else { "Telkom" };
        let _ = write!(
            text,
            "[[site]]\nid = 'desa-{number}'\nname = 'Desa {number}'\nkind = 'desa'\nprovider = '{provider}'\n\
             region = '33.{kabupaten:02}.{kecamatan:02}.{}'\naddress = '10.{}.{}.{}'\n",
            2001 + desa,
            number >> 16,
            (number >> 8) & 255,
            number & 255,
        );
    }
    text
}

/// A month that goes up and down in turn; every fourth outage is short.
fn intervals(shift: i64, transitions: i64) -> Vec<Interval> {
    let step = MONTH_MS / (transitions / 2 + 1).max(1);
    let mut intervals = Vec::new();
    let mut reached = START;
    let mut add = |state, to: i64| {
        let at = Timestamp::from_millis;
        intervals.push(Interval { state, from: at(reached), to: at(to), roots: Vec::new() });
        reached = to;
    };
    for outage in 1..=transitions / 2 {
        let falls = START + outage * step + shift;
        add(State::Up, falls);
        add(State::Down, falls + if outage % 4 == 0 { 120_000 } else { 3_600_000 });
    }
    add(State::Up, START + MONTH_MS + 86_400_000);
    intervals
}

fn origin() -> Origin {
    let digest = "0".repeat(64);
    Origin {
        journal_position: 1,
        journal_digest: digest.clone(),
        inventory_digest: digest,
        tzdata: kentongan_reports::tzdata().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}
