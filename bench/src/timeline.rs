//! What judging costs: a replay, a month of one site, a large network in its steady state, and a batch that comes late.
//!
//! Processor time of the one thread that judges, so that whatever else runs on the machine counts as little as it can.

use std::{fmt::Write as _, hint::black_box, time::Duration};

use anyhow::Context;
use clap::Args;
use kentongan_model::{
    inventory::Network,
    observation::{Heartbeat, Observation, Round},
    time::Timestamp,
};
use kentongan_timeline::{Live, replay};
use rustix::time::{ClockId, clock_gettime};

use crate::table;

/// What judging costs.
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// Rounds of the log that is replayed.
    #[arg(long, default_value_t = 2_000_000)]
    rounds: u32,
    /// Sites of the large network.
    #[arg(long, default_value_t = 83_762)]
    sites: u32,
    /// Seconds of its steady state.
    #[arg(long, default_value_t = 60)]
    seconds: i64,
}

/// 2026-10-01T00:00:00Z.
const START: i64 = 1_790_812_800_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

impl Timeline {
    /// Measures and prints.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut rows = vec![replayed(self.rounds)?, month()?];
        rows.push(steady(self.sites, self.seconds)?);
        table::print("Judging, processor time of one thread", &["what", "how much", "time", "rate"], rows);
        let mut rows = Vec::new();
        for days in [2, 8, 32] {
            for minutes in [10, 60, 360] {
                rows.push(late(days, minutes)?);
            }
        }
        table::print(
            "A late batch of one village, among 22 sites",
            &["history", "late", "rounds read again", "time"],
            rows,
        );
        Ok(())
    }
}

/// The processor time that this thread has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

/// A node with kecamatan behind it, and villages behind those; each has an agent.
fn network(villages: u32) -> anyhow::Result<Network> {
    let mut text = String::from("[network]\nname = \"Bench\"\n\n[defaults]\ninterval = \"30s\"\n");
    let mut site = |id: String, kind: &str, upstream: &str, n: u32| {
        let (b, c, d) = (n >> 16, n >> 8 & 255, n & 255);
        writeln!(
            text,
            "\n[[site]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"{kind}\"\nagent = true\naddress = \"10.{b}.{c}.{d}\"\n{upstream}"
        )
    };
    site("noc".to_owned(), "backbone", "", 1)?;
    for k in 0..villages.div_ceil(20) {
        site(format!("kec-{k}"), "kecamatan", "upstream = [\"noc\"]", 2 + k * 21)?;
    }
    for k in 0..villages {
        site(
            format!("desa-{k}"),
            "desa",
            &format!("upstream = [\"kec-{}\"]", k / 20),
            3 + k / 20 * 21 + k % 20,
        )?;
    }
    Network::parse(&text).map_err(|faults| anyhow::anyhow!("{faults:?}"))
}

fn round(ms: i64, vantage: &str, target: &str, answered: bool) -> anyhow::Result<Observation> {
    Ok(Observation::Round(Round {
        at: at(ms),
        vantage: vantage.parse().context("vantage")?,
        target: target.parse().context("target")?,
        sent: 5,
        rtts_us: if answered { vec![1210, 1188, 1302, 1195, 1240] } else { vec![] },
    }))
}

fn heartbeat(ms: i64, agent: &str) -> anyhow::Result<Observation> {
    Ok(Observation::Heartbeat(Heartbeat { at: at(ms), agent: agent.parse()?, boot_at: None }))
}

/// A log of rounds, from the bytes of its lines to the judgement.
fn replayed(rounds: u32) -> anyhow::Result<Vec<String>> {
    let network = network(100)?;
    let mut log = String::new();
    for k in 0..i64::from(rounds) {
        let (village, ms) = (k % 100, k / 100 * 30_000 + k % 100 * 300);
        let answers = if k % 4001 < 300 { "" } else { "1210,1188,1302,1195,1240" };
        writeln!(
            log,
            "{{\"at\":\"{}\",\"vantage\":\"core\",\"type\":\"round\",\"target\":\"desa-{village}/gateway\",\"sent\":5,\"rtts_us\":[{answers}]}}",
            at(ms)
        )?;
    }
    let until = at(i64::from(rounds) / 100 * 30_000 + 30_000);
    let begun = used();
    black_box(replay::judge(&network, log.as_bytes(), until)?);
    let time = used() - begun;
    let rate = f64::from(rounds) / time.as_secs_f64() / 1e6;
    Ok(row("replay of a log", format!("{rounds} rounds"), time, format!("{rate:.1} million rounds/s")))
}

/// All that is known of a village in a month: rounds from above and of itself, and its deliveries.
fn month() -> anyhow::Result<Vec<String>> {
    let network = network(1)?;
    let mut all = Vec::new();
    for k in 0..30 * 24 * 120 {
        let answered = k % 2880 > 20;
        all.push(round(k * 30_000, "kec-0", "desa-0/gateway", answered)?);
        all.push(round(k * 30_000 + 7_000, "desa-0", "desa-0/gateway", true)?);
        if answered {
            all.push(heartbeat(k * 30_000 + 11_000, "desa-0")?);
        }
    }
    let mut live = Live::new(&network);
    let begun = used();
    live.judge(at(0));
    live.reach(at(30 * DAY_MS));
    all.iter().for_each(|observation| live.observe(observation));
    black_box(live.judge(at(30 * DAY_MS)));
    let time = used() - begun;
    let rate = all.len() as f64 / time.as_secs_f64() / 1e6;
    let what = "a month of one site";
    Ok(row(what, format!("{} observations", all.len()), time, format!("{rate:.1} million/s")))
}

/// Every village probed twice a minute and heard of twice a minute, judged five times a second.
fn steady(sites: u32, seconds: i64) -> anyhow::Result<Vec<String>> {
    let kecamatan = sites / 21;
    let villages = sites - kecamatan - 1;
    let network = network(villages)?;
    let mut live = Live::new(&network);
    let second = |live: &mut Live, second: i64| -> anyhow::Result<Duration> {
        let mut all = Vec::new();
        for k in (0..i64::from(villages)).filter(|k| (k + second) % 30 == 0) {
            let (village, above) = (format!("desa-{k}"), format!("kec-{}", k / 20));
            all.push(round(second * 1000 - 700, &above, &format!("{village}/gateway"), true)?);
            all.push(heartbeat(second * 1000 - 500, &village)?);
        }
        for k in (0..i64::from(villages.div_ceil(20))).filter(|k| (k + second) % 30 == 0) {
            all.push(round(second * 1000 - 700, "core", &format!("kec-{k}/gateway"), true)?);
            all.push(heartbeat(second * 1000 - 500, &format!("kec-{k}"))?);
        }
        let begun = used();
        for (part, observations) in (0..5).zip(all.chunks(all.len().div_ceil(5).max(1))) {
            live.reach(at(second * 1000 + part * 200));
            observations.iter().for_each(|observation| live.observe(observation));
            // Until each was heard of twice there is no steady state to be judged.
            if second > 60 {
                black_box(live.judge(at(second * 1000 + part * 200)).until);
            }
        }
        Ok(used() - begun)
    };
    for warm in 1..=90 {
        second(&mut live, warm)?;
    }
    let mut time = Duration::ZERO;
    for steady in 91..=90 + seconds {
        time += second(&mut live, steady)?;
    }
    let share = time.as_secs_f64() / seconds as f64;
    Ok(row("steady state", format!("{sites} sites, {seconds} s"), time, format!("{share:.3} of a core")))
}

/// A village that was cut off delivers what its agent measured meanwhile; its last rounds had come before.
fn late(days: i64, minutes: i64) -> anyhow::Result<Vec<String>> {
    let network = network(20)?;
    let mut live = Live::new(&network);
    let (missing, now) = (DAY_MS, days * DAY_MS);
    let gap = missing..missing + minutes * 60_000;
    let own = |ms: i64, answered| round(ms, "desa-0", "kec-0/gateway", answered);
    let mut outage = 0;
    for ms in (0..now).step_by(30_000) {
        live.reach(at(ms));
        for village in 0..20 {
            // History: each village falls once in two days.
            let answered = (ms / 30_000 + village * 29) % 5760 > 10;
            live.observe(&round(ms, "core", &format!("desa-{village}/gateway"), answered)?);
        }
        if !gap.contains(&ms) {
            live.observe(&own(ms, true)?);
        }
        outage += 1;
        if outage % 2880 == 0 {
            live.judge(at(ms));
        }
    }
    live.judge(at(now));
    let mut batch = Vec::new();
    for ms in gap.step_by(30_000) {
        batch.push(own(ms, ms % 300_000 > 120_000)?);
    }
    let mut read = 0;
    let begun = used();
    batch.iter().for_each(|observation| live.observe(observation));
    let mut time = used() - begun;
    while let Some(wanting) = live.wanting() {
        let span = wanting.span;
        let inside = (0..now).step_by(30_000).filter(|ms| span.contains(at(*ms)));
        let answered =
            |ms: i64| !(missing..missing + minutes * 60_000).contains(&ms) || ms % 300_000 > 120_000;
        let journal: Vec<_> = inside.map(|ms| own(ms, answered(ms))).collect::<Result<_, _>>()?;
        read += journal.len();
        let begun = used();
        live.settle_again(&wanting, journal);
        time += used() - begun;
    }
    let begun = used();
    black_box(live.judge(at(now + 1)));
    time += used() - begun;
    let time = format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    Ok(vec![format!("{days} days"), format!("{minutes} minutes"), read.to_string(), time])
}

fn row(what: &str, much: String, time: Duration, rate: String) -> Vec<String> {
    vec![what.to_owned(), much, format!("{:.1} ms", time.as_secs_f64() * 1000.0), rate]
}
