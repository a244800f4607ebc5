//! A kecamatan's uplink is cut for as long as ten minutes are in the field, while its villages keep their power. Its
//! agent goes on measuring and delivers afterwards, late: the books are amended, and nobody is called again.
//!
//! The journey's clock runs faster than the field's: a round every 2 s instead of every 30 s, so ten minutes are the 20
//! rounds that they are there, in 40 s. Every span of the contract (`stale_after`, `correlate`) shrinks with it.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    Lab,
    district::{District, KECAMATAN, NOC, NOC_ADDRESS},
    product::Office,
    wait,
    webhook::Webhook,
};
use kentongan_model::time::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::told::{Told, all_up, only_messages, states, story, stretches};

/// No step takes longer, or something is broken.
const PATIENCE: Duration = Duration::from_secs(120);
/// A round, and a report.
const INTERVAL: Duration = Duration::from_secs(2);
/// Ten minutes of rounds every 30 s.
const TEN_MINUTES: u32 = 20;
/// Long enough for a superfluous message to be sent.
const QUIET: Duration = Duration::from_secs(15);

#[test]
fn what_an_agent_measured_while_it_was_cut_off_amends_the_books_and_calls_nobody() -> Result<()> {
    let district = District::build(&Lab::new()?, 3)?;
    let webhook = Webhook::listen(&district.noc, SocketAddr::from((NOC_ADDRESS, 9000)))?;
    let settings = format!(
        "[[channel]]\nkind = \"webhook\"\nname = \"helpdesk\"\nurl = \"http://{NOC_ADDRESS}:9000/kentongan\"\n"
    );
    let listen = SocketAddr::from((NOC_ADDRESS, 8080));
    let interval = format!("{}s", INTERVAL.as_secs());
    let office = Office::install(&district.noc, listen, &district.inventory(&interval), &settings)?;
    let agent = office.install_agent(&district.kecamatan, KECAMATAN)?;
    let (_office, _agent) = (office.up()?, agent.start()?);
    all_up(&office)?;
    let (clock, villages) = (SystemClock::new(), district.leaves.iter().map(|leaf| leaf.id.as_str()));
    let villages: Vec<&str> = villages.collect();
    let well = clock.now();

    district.trunk.cut()?;
    let opened = Told::read(&webhook.nth(1, PATIENCE)?)?;
    assert_eq!((opened.says.as_str(), opened.root.as_str()), ("opened", KECAMATAN));
    assert_eq!(opened.affected, villages.iter().map(|id| (*id).to_owned()).collect());
    thread::sleep(INTERVAL * TEN_MINUTES);
    let incident = format!("incidents/{}", opened.incident);
    let open = office.api(&incident)?;
    assert_eq!((&open["ended_at"], &open["cause"]), (&json!(null), &json!("undetermined")), "{open}");

    // The fibre is mended, but carries no more than pings yet: what the agent has to say is still to come.
    let firewall = "add table inet weak; add chain inet weak out { type filter hook output priority 0; }; \
                    add rule inet weak out tcp dport 8080 drop";
    district.kecamatan.run("nft", &[firewall])?;
    district.trunk.mend()?;
    let resolved = Told::read(&webhook.nth(2, PATIENCE)?)?;
    assert_eq!(resolved, Told { says: "resolved".to_owned(), ..opened });
    district.kecamatan.run("nft", &["delete table inet weak"])?;

    // Now the rounds of the outage come, all of them.
    let shown = wait::until_ok("the cause to be known", PATIENCE, || {
        let shown = office.api(&incident)?;
        ensure!(shown["cause"] == "link", "the incident is {shown}");
        Ok(shown)
    })?;
    let time = |value: &Value| -> Result<Timestamp> { Ok(value.as_str().context("a time")?.parse()?) };
    let (started, ended) = (time(&shown["started_at"])?, time(&shown["ended_at"])?);
    let measured = time(&shown["evidence"]["measured_at"])?;
    ensure!(started <= measured && measured < ended, "measured at {measured}: {shown}");
    ensure!(ended.since(started) >= INTERVAL * (TEN_MINUTES - 2), "it lasted longer: {shown}");
    ensure!(shown["revision"].as_u64() > Some(1) && time(&shown["revised_at"])? > ended, "{shown}");
    let rounds_inside = |village: &str| -> Result<usize> {
        let period = format!("from={started}&to={ended}&step={}", INTERVAL.as_secs());
        let series = office.api(&format!("sites/{village}/series?{period}"))?;
        let points = series["series"][0]["points"].as_array().context("points")?;
        ensure!(points.iter().all(|point| point["loss_pct"] == 0.0), "the villages had power: {series}");
        Ok(points.len())
    };
    wait::until_ok("every round of the outage to stand where it belongs", PATIENCE, || {
        for village in &villages {
            let rounds = rounds_inside(village)?;
            ensure!(rounds + 3 >= TEN_MINUTES as usize, "{village} has {rounds} rounds in the outage");
        }
        Ok(())
    })?;

    // Everyone tells the same: what was down, what it took along, and that it is over.
    all_up(&office)?;
    assert_eq!(
        states(&serde_json::from_str(&office.run(&["status", "--json", "--url", &office.url])?)?)?,
        states(&office.api("sites")?)?
    );
    let period = (well, clock.now());
    let of = |site: &str| stretches(&office, site, period);
    assert_eq!(of(NOC)?, [("up", vec![])].map(owned));
    assert_eq!(of(KECAMATAN)?, [("up", vec![]), ("down", vec![]), ("up", vec![])].map(owned));
    for village in &villages {
        let cut_off = ("unreachable", vec![KECAMATAN]);
        assert_eq!(of(village)?, [("up", vec![]), cut_off, ("up", vec![])].map(owned), "{village}");
    }
    let list = office.api("incidents")?;
    assert_eq!(list["incidents"].as_array().map(Vec::len), Some(1), "{list}");

    // Nobody is called again, and the log says why not.
    only_messages(&webhook, 2, QUIET)?;
    let story = story(&office, opened.incident)?;
    let last = &story.last().context("a story")?["incident"];
    let amended = |what: &str, now: &str| {
        let changes = last["amendments"].as_array().into_iter().flatten();
        let mut changes = changes.filter_map(|amendment| amendment["changes"].as_array()).flatten();
        changes.any(|change| change["what"] == what && change["now"] == now)
    };
    ensure!(amended("cause", "link"), "which revision found the cause? {last}");
    let log = office.run(&["alerts", "log"])?;
    ensure!(
        log.contains("withheld: it was already told"),
        "the amendment was withheld without a reason:\n{log}"
    );
    // And the books are what a replay of the journal gives.
    office.run(&["verify"]).map(drop)
}

fn owned((state, roots): (&str, Vec<&str>)) -> (String, Vec<String>) {
    (state.to_owned(), roots.into_iter().map(str::to_owned).collect())
}
