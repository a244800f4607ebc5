//! Routers whose wall clocks are wrong, and wrong in another way a minute later: an outage is told when it was all the same.
//!
//! The kecamatan's agent is the only one that probes the desa. It runs under libfaketime, which gives it another wall
//! clock and leaves its time since boot alone, as a router's battery-less clock does. The witness at the desa writes down by
//! the true clock which requests arrive.

use std::{net::SocketAddr, path::PathBuf, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    Lab, Process,
    district::{District, KECAMATAN, NOC_ADDRESS},
    product::Office,
    recorder::Recorder,
    wait,
};
use kentongan_model::{
    time::{Clock, SystemClock, Timestamp},
    wire::Delivery,
};
use serde_json::Value;

/// No step takes longer, or something is broken.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the desa is cut, once that is told.
const OUTAGE: Duration = Duration::from_secs(4);
/// What the product may be off by.
const OFF: Duration = Duration::from_secs(2);
const SECOND: i64 = 1_000;

/// By how much the router's wall clock is wrong, in seconds.
#[derive(Debug, Clone, Copy)]
struct Wrong(i64);

impl Wrong {
    const NOT: Wrong = Wrong(0);
    const TEN_MINUTES_AHEAD: Wrong = Wrong(600);
    const AN_HOUR_BACK: Wrong = Wrong(-3_600);

    /// A router that has just started, and whose clock began at 1970.
    fn since_1970() -> Wrong {
        Wrong(100 - SystemClock::new().now().as_millis() / SECOND)
    }
}

/// A district whose kecamatan has a wrong clock, and a witness at its desa.
struct Watched {
    district: District,
    office: Office,
    witness: Recorder,
    offset: PathBuf,
    _running: [Process; 2],
}

impl Watched {
    fn start(wrong: Wrong) -> Result<Watched> {
        let lab = Lab::new()?;
        let district = District::build(&lab, 1)?;
        let listen = SocketAddr::from((NOC_ADDRESS, 8080));
        let office = Office::install(&district.noc, listen, &district.inventory("1s"), "")?;
        let agent = office.install_agent(&district.kecamatan, KECAMATAN)?;
        let offset = lab.write("wrong-by", &format!("{:+}", wrong.0))?;
        let running = [
            office.up()?,
            agent.start_with(|command| {
                command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &offset);
                command.env("FAKETIME_NO_CACHE", "1").env("DONT_FAKE_MONOTONIC", "1");
            })?,
        ];
        let witness = Recorder::start(&district.leaves[0].router)?;
        let watched = Watched { district, office, witness, offset, _running: running };
        watched.desa_is("up")?;
        Ok(watched)
    }

    /// The router's wall clock jumps.
    fn set(&self, wrong: Wrong) -> Result<()> {
        Ok(std::fs::write(&self.offset, format!("{:+}", wrong.0))?)
    }

    fn desa(&self) -> &str {
        &self.district.leaves[0].id
    }

    fn desa_is(&self, state: &str) -> Result<()> {
        wait::until_ok(&format!("the desa to be {state}"), PATIENCE, || {
            let site = self.office.api(&format!("sites/{}", self.desa()))?;
            ensure!(site["state"] == state, "{site}");
            Ok(())
        })
    }

    /// The desa's only outage, as the timeline has it.
    fn told(&self) -> Result<(Timestamp, Timestamp)> {
        let timeline = self.office.api(&format!("sites/{}/timeline", self.desa()))?;
        let stretches = timeline["timeline"].as_array().context("a timeline")?;
        let outages: Vec<_> = stretches.iter().filter(|stretch| stretch["state"] == "down").collect();
        let [outage] = outages[..] else { anyhow::bail!("one outage was made: {timeline}") };
        Ok((time(&outage["from"])?, time(&outage["to"])?))
    }

    /// The desa's only outage, as the journal's rounds have it: from the first that was lost to the first that was not.
    fn measured(&self) -> Result<(Timestamp, Timestamp)> {
        let now = SystemClock::new().now();
        let from = now - Duration::from_secs(600);
        let series = self.office.api(&format!("sites/{}/series?from={from}&to={now}&step=1", self.desa()))?;
        let points = series["series"][0]["points"].as_array().context("a series")?;
        let is_lost = |point: &&Value| point["loss_pct"] == 100.0;
        let first = points.iter().position(|point| is_lost(&point)).context("a lost round")?;
        let after =
            points[first..].iter().find(|point| !is_lost(point)).context("a round after the outage")?;
        Ok((time(&points[first]["at"])?, time(&after["at"])?))
    }

    /// The longest stretch without a request at the desa, by the true clock.
    fn witnessed(&self) -> Result<(Timestamp, Timestamp)> {
        let clock = SystemClock::new();
        let seen = self.witness.seen();
        let pairs = seen.windows(2).map(|pair| (pair[0].since_boot, pair[1].since_boot));
        let (from, to) = pairs.max_by_key(|(from, to)| *to - *from).context("requests at the desa")?;
        let (now, since_boot) = (clock.now(), clock.since_boot());
        Ok((now - (since_boot - from), now - (since_boot - to)))
    }

    /// The router's wall clock was as wrong as it was to be, in the first delivery and in the last.
    fn clock_went(&self, first: Wrong, last: Wrong) -> Result<()> {
        let clocks = self.clocks()?;
        let (begun, ended) = clocks.first().zip(clocks.last()).context("no deliveries")?;
        let is = |off: &i64, wrong: Wrong| (off - wrong.0).abs() <= 10;
        ensure!(is(begun, first) && is(ended, last), "not from {first:?} to {last:?}: {clocks:?}");
        Ok(())
    }

    /// How far the router's wall clock was off in each delivery, in seconds.
    fn clocks(&self) -> Result<Vec<i64>> {
        let journal = rusqlite::Connection::open(self.office.data().join("journal.db"))?;
        let mut query = journal.prepare(
            "SELECT received_at, bytes FROM deliveries JOIN agents ON agents.id = agent
             WHERE vantage = ?1 ORDER BY position",
        )?;
        let rows = query.query_map([KECAMATAN], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (received_at, bytes): (i64, Vec<u8>) = row?;
            Ok((Delivery::decode(&bytes)?.sent.wall.as_millis() - received_at) / SECOND)
        })
        .collect()
    }

    fn untrusted(&self) -> Result<Option<String>> {
        let metrics = self.district.noc.get(&format!("{}/metrics", self.office.url))?.text;
        Ok(metrics
            .lines()
            .find(|line| line.starts_with("kentongan_untrusted_rounds_total{"))
            .map(str::to_owned))
    }
}

/// Debian's libfaketime, whatever the machine.
fn library() -> String {
    format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH)
}

fn time(text: &Value) -> Result<Timestamp> {
    Ok(text.as_str().with_context(|| format!("a time, not {text}"))?.parse()?)
}

fn same((from, to): (Timestamp, Timestamp), (from_seen, to_seen): (Timestamp, Timestamp)) -> Result<()> {
    let apart = |a: Timestamp, b: Timestamp| Duration::from_millis(a.millis_since(b).unsigned_abs());
    let off = (apart(from, from_seen), apart(to, to_seen));
    ensure!(off.0 <= OFF && off.1 <= OFF, "told {from} to {to}, and it was {from_seen} to {to_seen}");
    Ok(())
}

/// An outage of the desa, in which the clock is set, if at all.
fn outage(first: Wrong, then: Option<Wrong>) -> Result<()> {
    ensure!(std::path::Path::new(&library()).exists(), "{} is missing: install libfaketime", library());
    let watched = Watched::start(first)?;
    let link = &watched.district.leaves[0].link;
    link.cut()?;
    watched.desa_is("down")?;
    then.map_or(Ok(()), |then| watched.set(then))?;
    thread::sleep(OUTAGE);
    link.mend()?;
    watched.desa_is("up")?;

    same(watched.told()?, watched.witnessed()?)?;
    watched.clock_went(first, then.unwrap_or(first))?;
    ensure!(watched.untrusted()?.is_none(), "{:?}", watched.untrusted()?);
    Ok(())
}

#[test]
fn an_outage_is_told_when_it_was_by_a_router_that_lives_in_1970() -> Result<()> {
    outage(Wrong::since_1970(), None)
}

#[test]
fn an_outage_is_told_when_it_was_by_a_router_that_is_ten_minutes_ahead() -> Result<()> {
    outage(Wrong::TEN_MINUTES_AHEAD, None)
}

#[test]
fn an_outage_is_told_when_it_was_by_a_router_that_is_an_hour_back() -> Result<()> {
    outage(Wrong::AN_HOUR_BACK, None)
}

#[test]
fn a_clock_that_jumps_from_1970_to_the_present_in_the_middle_of_an_outage_moves_neither_end() -> Result<()> {
    outage(Wrong::since_1970(), Some(Wrong::NOT))
}

#[test]
fn what_a_router_delivers_after_it_was_cut_off_lies_where_it_was_though_its_clock_jumped_meanwhile()
-> Result<()> {
    let watched = Watched::start(Wrong::AN_HOUR_BACK)?;
    let (trunk, link) = (&watched.district.trunk, &watched.district.leaves[0].link);
    trunk.cut()?;
    link.cut()?;
    thread::sleep(OUTAGE);
    watched.set(Wrong::TEN_MINUTES_AHEAD)?;
    thread::sleep(OUTAGE);
    link.mend()?;
    thread::sleep(OUTAGE);
    trunk.mend()?;
    let measured = wait::until_ok("the journal to hold the outage", PATIENCE, || watched.measured())?;
    same(measured, watched.witnessed()?)?;
    watched.clock_went(Wrong::AN_HOUR_BACK, Wrong::TEN_MINUTES_AHEAD)?;
    ensure!(watched.untrusted()?.is_none(), "{:?}", watched.untrusted()?);
    Ok(())
}
