//! The main journey: a desa is cut, then its kecamatan, and everyone who asks is told the same.
//!
//! ```text
//!   noc ── kec-kutoarjo (agent, snmpd) ── three desa and a hotspot
//! ```

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    Lab, Process,
    district::{COMMUNITY, District, KECAMATAN, NOC, NOC_ADDRESS, TRUNK_INTERFACE},
    peers::{Influx, snmpd},
    product::Office,
    wait,
    webhook::Webhook,
};
use kentongan_model::time::{Clock, SystemClock, Timestamp};
use serde_json::json;

use crate::told::{States, Told, states};

/// No step takes longer, or something is broken.
const PATIENCE: Duration = Duration::from_secs(90);
/// Long enough for a superfluous message to be sent: `correlate` (10 s) and three intervals more.
const QUIET: Duration = Duration::from_secs(25);
const DATABASE: &str = "kentongan";

/// Someone who can be asked for them.
type Teller = fn(&Watched) -> Result<States>;

/// Everything that runs at the NOC and on the kecamatan's router.
struct Watched {
    district: District,
    office: Office,
    influx: Influx,
    webhook: Webhook,
    _running: [Process; 3],
}

impl Watched {
    fn start() -> Result<Watched> {
        let district = District::build(&Lab::new()?, 3)?;
        let noc = &district.noc;
        let influx = Influx::start(noc)?;
        influx.query("", &format!("CREATE DATABASE {DATABASE}"))?;
        let webhook = Webhook::listen(noc, SocketAddr::from((NOC_ADDRESS, 9000)))?;
        let (address, port) = Influx::ADDRESS;
        let settings = format!(
            "[influx]\nurl = \"http://{address}:{port}\"\napi = \"v1\"\ndatabase = \"{DATABASE}\"\n\n\
             [[channel]]\nkind = \"webhook\"\nname = \"helpdesk\"\nurl = \"http://{NOC_ADDRESS}:9000/kentongan\"\n"
        );
        let listen = SocketAddr::from((NOC_ADDRESS, 8080));
        let office = Office::install(noc, listen, &district.inventory("5s"), &settings)?;
        let agent = office.install_agent(&district.kecamatan, KECAMATAN)?;
        let snmpd = snmpd(&district.kecamatan, "snmpd", COMMUNITY.1)?;
        let running = [office.up()?, agent.start()?, snmpd];
        Ok(Watched { district, office, influx, webhook, _running: running })
    }

    /// The state of each site as the API tells it.
    fn api(&self) -> Result<States> {
        states(&self.office.api("sites")?)
    }

    /// The state of each site as `kentongan status --json` tells it.
    fn status(&self) -> Result<States> {
        states(&serde_json::from_str(&self.office.run(&["status", "--json", "--url", &self.office.url])?)?)
    }

    /// The newest state of each site in InfluxDB.
    fn influx(&self) -> Result<States> {
        let sites = self.api()?.into_keys();
        let newest = |site: String| {
            let statement = format!("SELECT last(state) FROM site WHERE site = '{site}'");
            let rows = self.influx.query(DATABASE, &statement)?;
            let state = rows.first().and_then(|row| row[1].as_str()).context("no state in InfluxDB yet")?;
            Ok((site, state.to_owned()))
        };
        sites.map(newest).collect()
    }

    /// Waits until API, status and InfluxDB all tell these states, and every other site is up.
    fn all_agree(&self, but: &[(&str, &str)]) -> Result<()> {
        let leaves = self.district.leaves.iter().map(|leaf| leaf.id.as_str());
        let up = leaves.chain([NOC, KECAMATAN]).map(|site| (site.to_owned(), "up".to_owned()));
        let but = but.iter().map(|(site, state)| ((*site).to_owned(), (*state).to_owned()));
        let wanted: States = up.chain(but).collect();
        let tellers: [(&str, Teller); 3] =
            [("the API", Watched::api), ("status", Watched::status), ("InfluxDB", Watched::influx)];
        for (teller, told) in tellers {
            wait::until_ok(&format!("{teller} to tell what is so"), PATIENCE, || {
                let told = told(self)?;
                ensure!(told == wanted, "{teller} tells {told:?}, and {wanted:?} is so");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Runs every query of the dashboards over what this journey brought into InfluxDB, as Grafana would.
    fn dashboard_finds_rows(&self, from: Timestamp) -> Result<()> {
        let check = concat!(env!("CARGO_MANIFEST_DIR"), "/../grafana/check");
        let (address, port) = Influx::ADDRESS;
        let (url, to) = (format!("http://{address}:{port}"), SystemClock::new().now());
        let (from, to) = (from.to_string(), to.to_string());
        // Whether a router of this district has optics and wifi depends on the machine that plays it: it has not.
        let words =
            ["--url", &url, "--database", DATABASE, "--from", &from, "--to", &to, "--without", "gauge"];
        self.district.noc.run(check, &words).map(drop)
    }

    /// Waits for the `n`-th message, and for the silence behind it.
    fn only_message(&self, n: usize) -> Result<Told> {
        self.webhook.nth(n, PATIENCE)?;
        thread::sleep(QUIET);
        let messages = self.webhook.messages();
        ensure!(messages.len() == n, "message {n} was to be the last so far: {messages:#?}");
        Told::read(&messages[n - 1])
    }
}

#[test]
fn one_fault_is_one_message_and_everyone_tells_the_same() -> Result<()> {
    let began = SystemClock::new().now();
    let watched = Watched::start()?;
    let district = &watched.district;
    watched.all_agree(&[])?;
    ensure!(watched.webhook.messages().is_empty(), "a network that came up was told as a fault");

    // One desa.
    let desa = &district.leaves[0];
    desa.link.cut()?;
    let told = watched.only_message(1)?;
    assert_eq!((told.says.as_str(), told.root.as_str()), ("opened", desa.id.as_str()));
    assert!(told.affected.is_empty(), "{told:?}");
    watched.all_agree(&[(&desa.id, "down")])?;
    let incidents = watched.office.api("incidents")?;
    assert_eq!(incidents["incidents"][0]["root"]["id"], desa.id.as_str(), "{incidents}");
    assert!(incidents["incidents"][0]["ended_at"].is_null(), "{incidents}");

    desa.link.mend()?;
    let resolved = watched.only_message(2)?;
    assert_eq!(resolved, Told { says: "resolved".to_owned(), ..told });
    watched.all_agree(&[])?;

    // The kecamatan, and with it the four behind it.
    district.trunk.cut()?;
    let told = watched.only_message(3)?;
    assert_eq!((told.says.as_str(), told.root.as_str()), ("opened", KECAMATAN));
    assert_eq!(told.affected, district.leaves.iter().map(|leaf| leaf.id.clone()).collect());
    let cut_off: Vec<(&str, &str)> =
        district.leaves.iter().map(|leaf| (leaf.id.as_str(), "unreachable")).collect();
    watched.all_agree(&[&cut_off[..], &[(KECAMATAN, "down")]].concat())?;

    district.trunk.mend()?;
    let resolved = watched.only_message(4)?;
    assert_eq!((resolved.says.as_str(), resolved.incident), ("resolved", told.incident));
    watched.all_agree(&[])?;
    let incidents = watched.office.api("incidents")?;
    let list = incidents["incidents"].as_array().context("a list of incidents")?;
    assert_eq!(list.len(), 2, "{incidents}");
    assert!(list.iter().all(|incident| incident["ended_at"].is_string()), "{incidents}");

    watched.dashboard_finds_rows(began)
}

#[test]
fn the_traffic_of_a_named_link_reaches_api_and_database() -> Result<()> {
    let watched = Watched::start()?;
    watched.all_agree(&[])?;
    // The trunk carries the agent's deliveries: its counter grows by itself.
    let statement =
        format!("SELECT in_octets, oper_status FROM \"interface\" WHERE link = '{TRUNK_INTERFACE}'");
    let rows = wait::until("two readings in InfluxDB", PATIENCE, || {
        let rows = watched.influx.query(DATABASE, &statement)?;
        Ok((rows.len() >= 2).then_some(rows))
    })?;
    let octets: Vec<i64> = rows.iter().filter_map(|row| row[1].as_i64()).collect();
    assert!(octets.windows(2).all(|pair| pair[0] < pair[1]), "{octets:?}");
    assert!(rows.iter().all(|row| row[2] == 1), "ifOperStatus of a link that is up is 1: {rows:?}");

    let site = watched.office.api(&format!("sites/{KECAMATAN}"))?;
    let link = &site["links"][0];
    assert_eq!((&link["interface"], &link["to"]), (&json!(TRUNK_INTERFACE), &json!(NOC)), "{site}");
    assert_eq!(link["reading"]["oper_status"], 1, "{site}");
    let shown = link["reading"]["counters"]["in_octets"].as_i64().context("a counter in the API")?;
    assert!(shown >= octets[0], "the API tells {shown}, InfluxDB {octets:?}");
    Ok(())
}
