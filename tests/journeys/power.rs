//! Two villages lose their power and get it back. One has an agent on its router, whose boot tells why; of the other
//! the router's own sysUpTime does, read over SNMP. Neither is taken for a broken link.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    Lab,
    district::{COMMUNITY, District, KECAMATAN, NOC_ADDRESS, RouterTells},
    peers::snmpd,
    product::Office,
    wait,
    webhook::Webhook,
};
use kentongan_model::time::Timestamp;
use serde_json::{Value, json};

use crate::told::{Told, all_up, only_messages, states, story};

/// No step takes longer, or something is broken. Devices are polled every 30 s.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the power is gone: some intervals more than it takes to confirm that a site is down.
const DARK: Duration = Duration::from_secs(20);
/// How long before the agent the router has booted: less than one interval of the village.
const BOOTED: Duration = Duration::from_secs(1);
/// Long enough for a superfluous message to be sent.
const QUIET: Duration = Duration::from_secs(15);

#[test]
fn a_village_that_lost_its_power_is_told_from_one_that_lost_its_link() -> Result<()> {
    let mut district = District::build(&Lab::new()?, 3)?;
    district.leaves[0].router_tells = RouterTells::Agent;
    district.leaves[1].router_tells = RouterTells::Snmp;
    let [with_agent, with_snmp, neighbour, _] = &district.leaves[..] else {
        unreachable!("three desa and a hotspot")
    };
    let webhook = Webhook::listen(&district.noc, SocketAddr::from((NOC_ADDRESS, 9000)))?;
    let settings = format!(
        "[[channel]]\nkind = \"webhook\"\nname = \"helpdesk\"\nurl = \"http://{NOC_ADDRESS}:9000/kentongan\"\n"
    );
    let listen = SocketAddr::from((NOC_ADDRESS, 8080));
    let office = Office::install(&district.noc, listen, &district.inventory("2s"), &settings)?;
    let kecamatan = office.install_agent(&district.kecamatan, KECAMATAN)?;
    let village = office.install_agent(&with_agent.router, &with_agent.id)?;
    let _running = [office.up()?, kecamatan.start()?];
    let (agent, daemon) = (village.start()?, snmpd(&with_snmp.router, "snmpd-before", COMMUNITY.1)?);
    all_up(&office)?;

    let dark = [with_agent, with_snmp];
    dark.iter().try_for_each(|leaf| leaf.lose_power())?;
    village.lose_power(agent)?;
    daemon.kill()?;
    let mut opened = Vec::new();
    for n in [1, 2] {
        let told = Told::read(&webhook.nth(n, PATIENCE)?)?;
        assert_eq!((told.says.as_str(), told.affected.len()), ("opened", 0), "{told:?}");
        opened.push(told);
    }
    opened.sort_by(|a, b| a.root.cmp(&b.root));
    assert_eq!(
        opened.iter().map(|told| told.root.as_str()).collect::<Vec<_>>(),
        sorted(dark.map(|leaf| leaf.id.as_str()))
    );
    thread::sleep(DARK);

    // A router counts its uptime before its link is up.
    let daemon = snmpd(&with_snmp.router, "snmpd-after", COMMUNITY.1)?;
    thread::sleep(BOOTED);
    dark.iter().try_for_each(|leaf| leaf.boot())?;
    let _booted = [village.start_booted(BOOTED)?, daemon];
    for told in &opened {
        let incident = wait::until_ok("the cause to be known", PATIENCE, || {
            let shown = office.api(&format!("incidents/{}", told.incident))?;
            ensure!(shown["cause"] == "power", "the incident is {shown}");
            Ok(shown)
        })?;
        let time = |value: &Value| -> Result<Timestamp> { Ok(value.as_str().context("a time")?.parse()?) };
        let (started, ended) = (time(&incident["started_at"])?, time(&incident["ended_at"])?);
        let booted = time(&incident["evidence"]["booted_at"])?;
        ensure!(started < booted && booted < ended, "it booted at {booted}: {incident}");
        ensure!(ended.since(started) >= DARK, "it lasted longer: {incident}");
    }

    all_up(&office)?;
    assert_eq!(
        states(&serde_json::from_str(&office.run(&["status", "--json", "--url", &office.url])?)?)?,
        states(&office.api("sites")?)?
    );
    only_messages(&webhook, 4, QUIET)?;
    for told in &opened {
        let ends = webhook.messages().iter().map(Told::read).collect::<Result<Vec<_>>>()?;
        let resolved = Told { says: "resolved".to_owned(), ..told.clone() };
        assert_eq!(ends.iter().filter(|end| **end == resolved).count(), 1, "{ends:?}");
        let story = story(&office, told.incident)?;
        assert_eq!(story.last().context("a story")?["incident"]["cause"], json!("power"));
    }
    let site = office.api(&format!("sites/{}", neighbour.id))?;
    assert_eq!(site["state"], "up", "the neighbour kept its power: {site}");
    let list = office.api("incidents")?;
    assert_eq!(list["incidents"].as_array().map(Vec::len), Some(2), "{list}");
    // And the books are what a replay of the journal gives.
    office.run(&["verify"]).map(drop)
}

fn sorted<const N: usize>(mut ids: [&str; N]) -> [&str; N] {
    ids.sort_unstable();
    ids
}
