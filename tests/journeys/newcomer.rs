//! What a newcomer does with the sample inventory, and what goes wrong first: each fault is one clear sentence.

use std::{collections::BTreeSet, net::SocketAddr, process::Output, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{Lab, Process, product::Office, wait};
use kentongan_model::{inventory::Network, time::Timestamp};
use serde_json::Value;

/// The sample that lies at the top of the repository.
const SAMPLE: &str = include_str!("../../hotspots.toml");
const PATIENCE: Duration = Duration::from_secs(60);
/// From the start of the program to the first real state of a site.
const FIRST_STATES: Duration = Duration::from_secs(5);

fn office() -> Result<Office> {
    let machine = Lab::new()?.namespace("laptop")?;
    Office::install(&machine, SocketAddr::from(([127, 0, 0, 1], 8080)), SAMPLE, "")
}

/// Starts it and waits until every site is up.
fn up(office: &Office) -> Result<Process> {
    let running = office.up()?;
    wait::until_ok("every site of the sample to be up", PATIENCE, || {
        let listing = office.api("sites")?;
        let sites = listing["sites"].as_array().context("a list of sites")?;
        let others: Vec<_> = sites.iter().filter(|site| site["state"] != "up").collect();
        ensure!(!sites.is_empty() && others.is_empty(), "not up: {others:?}");
        Ok(())
    })?;
    Ok(running)
}

fn events(office: &Office) -> Result<Vec<Value>> {
    let feed = office.api("events?after=0&wait=0")?;
    feed["events"].as_array().cloned().context("a list of events")
}

/// The one sentence that a start which failed has told.
fn sentence(output: &Output) -> Result<String> {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {told}", output.status);
    let mut errors = told.lines().filter(|line| line.starts_with("error: "));
    let (first, second) = (errors.next(), errors.next());
    ensure!(second.is_none(), "more than one error: {told}");
    first.map(str::to_owned).with_context(|| format!("no error is told: {told}"))
}

#[test]
fn the_first_start_shows_the_sample_and_the_second_goes_on_where_it_was() -> Result<()> {
    let office = office()?;
    let running = up(&office)?;
    let network = Network::parse(SAMPLE).map_err(|faults| anyhow::anyhow!("{:?}", faults.list))?;

    // By the product's own clock: when it started, and when it first knew each site's state.
    let journal = rusqlite::Connection::open(office.data().join("journal.db"))?;
    let started: i64 = journal.query_row("SELECT min(started_at) FROM runs", [], |row| row.get(0))?;
    let first_events = events(&office)?;
    let mut known = BTreeSet::new();
    for event in
        first_events.iter().filter(|event| event["type"] == "site_state" && event["was"] == "unknown")
    {
        let at: Timestamp = event["at"].as_str().context("a time")?.parse()?;
        let took = at.since(Timestamp::from_millis(started));
        ensure!(took <= FIRST_STATES, "{took:?} from the start to {event}");
        known.insert(event["site"]["id"].as_str().context("a site")?.to_owned());
    }
    assert_eq!(known, network.sites.iter().map(|site| site.id.to_string()).collect());

    let table = office.run(&["status"])?;
    for site in &network.sites {
        assert!(table.contains(site.name.as_str()), "{} is missing:\n{table}", site.name);
    }
    let log = running.log();
    assert!(
        log.contains("http://127.0.0.1:8080") && log.contains("Ctrl-C"),
        "where to look is not told: {log}"
    );
    assert!(running.interrupt()?.success(), "Ctrl-C is no failure");

    let running = up(&office)?;
    let later_events = events(&office)?;
    assert!(later_events.starts_with(&first_events), "the feed began anew: {later_events:?}");
    let runs: i64 = journal.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))?;
    assert_eq!(runs, 2, "both runs stand in one journal");
    assert!(running.interrupt()?.success());
    Ok(())
}

#[test]
fn a_second_start_at_once_and_a_taken_port_are_told() -> Result<()> {
    let office = office()?;
    let running = up(&office)?;
    let told = sentence(&office.command(&[])?.arg("up").output()?)?;
    assert!(told.contains("in use") && told.contains(&running.id().to_string()), "{told}");
    let told = sentence(&office.command(&[])?.args(["up", "--data", "other"]).output()?)?;
    assert!(told.contains("127.0.0.1:8080") && told.contains("--listen"), "{told}");
    assert!(running.interrupt()?.success(), "the first one was harmed");
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_written_is_told() -> Result<()> {
    let office = office()?;
    for folder in ["hotspots.toml", "/proc/kentongan"] {
        let told = sentence(&office.command(&[])?.args(["up", "--data", folder]).output()?)?;
        assert!(told.contains(folder) && told.contains("--data"), "{told}");
    }
    Ok(())
}

#[test]
fn a_machine_that_gives_no_right_to_ping_is_told() -> Result<()> {
    let office = office()?;
    // A fresh namespace lets no group ping (ping_group_range is "1 0"); without CAP_NET_RAW no raw socket is left.
    let powerless = ["setpriv", "--inh-caps", "-net_raw", "--bounding-set", "-net_raw"];
    let told = sentence(&office.command(&powerless)?.arg("up").output()?)?;
    assert!(told.contains("no right to ping") && told.contains("ping_group_range"), "{told}");
    Ok(())
}

#[test]
fn check_tells_by_its_exit_code_what_it_found() -> Result<()> {
    let office = office()?;
    let faulty = office.data().with_file_name("faulty.toml");
    std::fs::write(&faulty, SAMPLE.replace("kind = \"backbone\"", "kindd = \"backbone\""))?;
    let line =
        SAMPLE.lines().position(|line| line.contains("kind = \"backbone\"")).context("a backbone")? + 1;
    let check = |file: &str| office.command(&[])?.args(["check", file]).output().map_err(anyhow::Error::from);
    let code = |output: &Output| output.status.code();
    assert_eq!(code(&check("hotspots.toml")?), Some(0));
    assert_eq!(code(&check("no-such-file.toml")?), Some(2));
    let output = check(&faulty.display().to_string())?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code(&output), Some(1), "{told}");
    assert!(
        told.contains(&format!("faulty.toml:{line}:1")) && told.contains("did you mean `kind`"),
        "{told}"
    );
    Ok(())
}
