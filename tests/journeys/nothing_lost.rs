//! Whatever is killed or gone for a while: no round that was measured is missing from the journal, and none is double.
//!
//! The truth is told by witnesses that share nothing with the product: raw sockets in the probed namespaces write down
//! every echo request. `judge` holds the journal against them, and says exactly what counts as measured.

use std::{collections::BTreeMap, net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    Lab,
    district::{District, KECAMATAN, NOC_ADDRESS},
    product::Office,
    recorder::Recorder,
    wait,
};
use kentongan_model::{
    time::{Clock, SystemClock},
    wire::{Delivery, MeasuredRound},
};

use crate::judge::{faults, rounds_of};

/// How long the collector is gone.
const GONE: Duration = Duration::from_secs(120);
const PATIENCE: Duration = Duration::from_secs(60);

/// The journal's rounds of each target that an agent probes, read from the disk.
fn journal(office: &Office, agent: &str) -> Result<BTreeMap<String, Vec<MeasuredRound>>> {
    let file = office.data().join("journal.db");
    let database = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut rows = database.prepare(
        "SELECT deliveries.bytes, plans.contents FROM deliveries
         JOIN agents ON agents.id = deliveries.agent JOIN plans ON plans.revision = deliveries.plan
         WHERE agents.vantage = ?1",
    )?;
    let rows = rows.query_map([agent], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))?;
    let mut rounds = BTreeMap::<String, Vec<MeasuredRound>>::new();
    for row in rows {
        let (bytes, contents) = row?;
        let plan: serde_json::Value = serde_json::from_str(&contents)?;
        for round in Delivery::decode(&bytes)?.batch.rounds {
            let target =
                plan["targets"][usize::from(round.target)].as_str().context("a target of the plan")?;
            rounds.entry(target.to_owned()).or_default().push(round);
        }
    }
    Ok(rounds)
}

#[test]
fn no_measured_round_is_missing_and_none_is_double() -> Result<()> {
    let district = District::build(&Lab::new()?, 3)?;
    let listen = SocketAddr::from((NOC_ADDRESS, 8080));
    let office = Office::install(&district.noc, listen, &district.inventory("2s"), "")?;
    let installed = office.install_agent(&district.kecamatan, KECAMATAN)?;
    let witnesses: Vec<Recorder> =
        district.leaves.iter().map(|leaf| Recorder::start(&leaf.router)).collect::<Result<_>>()?;
    let (clock, mut kills) = (SystemClock::new(), Vec::new());

    let collector = office.up()?;
    let mut agent = installed.start()?;
    wait::until_ok("rounds in the journal", PATIENCE, || {
        let probed = journal(&office, KECAMATAN)?.len();
        ensure!(probed > district.leaves.len(), "rounds of {probed} places");
        Ok(())
    })?;
    let mut kill_and_start = |agent: &mut _, after_ms: u64| -> Result<()> {
        thread::sleep(Duration::from_millis(after_ms));
        kills.push(clock.since_boot());
        std::mem::replace(agent, installed.start()?).kill()?;
        Ok(())
    };

    // The power goes again and again, while all else is well.
    for after_ms in [3_100, 1_700, 4_300, 900, 2_600] {
        kill_and_start(&mut agent, after_ms)?;
    }
    // The collector loses its power too, and is back soon.
    collector.kill()?;
    thread::sleep(Duration::from_secs(4));
    let collector = office.up()?;
    kill_and_start(&mut agent, 5_000)?;
    // The collector is stopped for two minutes, and the agent killed meanwhile.
    ensure!(collector.interrupt()?.success(), "the collector did not end cleanly");
    for after_ms in [20_300, 30_900, 1_400] {
        kill_and_start(&mut agent, after_ms)?;
    }
    thread::sleep(GONE - Duration::from_millis(20_300 + 30_900 + 1_400));
    let _collector = office.up()?;

    let until = clock.since_boot();
    wait::until_ok("the journal to hold all that was measured", PATIENCE, || {
        // The journal first: whatever is in it, the witnesses have seen by then.
        let rounds = journal(&office, KECAMATAN)?;
        let mut faulty = Vec::new();
        for (leaf, witness) in district.leaves.iter().zip(&witnesses) {
            let requests = witness.seen().into_iter().map(|echo| (echo.ident, echo.since_boot));
            let seen = rounds_of(requests);
            ensure!(seen.len() > 60, "{} was probed only {} times", leaf.id, seen.len());
            let target = format!("{}/gateway", leaf.id);
            let entries = rounds.get(&target).map_or(&[][..], Vec::as_slice);
            faulty.extend(faults(&leaf.id, &seen, entries, &kills, until));
        }
        ensure!(faulty.is_empty(), "{} faults:\n{}", faulty.len(), faulty.join("\n"));
        Ok(())
    })
}
