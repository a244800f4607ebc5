//! What the feed tells and the books say, judgement after judgement, in any order in which the past becomes known.

use std::collections::HashMap;

use kentongan_model::{
    event::{Change, Reason},
    inventory::MaintenanceWindow,
    observation::Round,
    state::Cause,
};
use kentongan_timeline::{Incident, Interval, SiteJudgement};
use proptest::prelude::*;

use super::*;
use crate::unfold::Unfolded;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

fn network() -> Network {
    let site =
        |id: &str| format!("[[site]]\nid = '{id}'\nname = '{id}'\nkind = 'desa'\naddress = '10.0.0.1'\n");
    Network::parse(&format!("[network]\nname = 'n'\n{}{}", site("a"), site("b").replace("0.1'", "0.2'")))
        .unwrap()
}

fn incident(started: i64, told: Option<i64>, ended: Option<i64>) -> Incident {
    Incident {
        root: "a".parse().unwrap(),
        started_at: at(started),
        confirmed_at: at(started + 20),
        told_at: told.map(at),
        settled: true,
        ended_at: ended.map(at),
        affected: Vec::new(),
        cause: Cause::Undetermined,
        evidence: CauseEvidence::default(),
        maintenance: false,
    }
}

/// The books of a small network, judged again and again.
struct Books {
    network: Network,
    ledger: Ledger,
}

impl Books {
    fn of(inventory: &str) -> Self {
        let network = Network::parse(inventory).unwrap();
        Books { network, ledger: Ledger { next_incident: 1, ..Ledger::default() } }
    }

    /// Judges; gives what the feed tells.
    fn judge(&mut self, now: Timestamp, incidents: Vec<Incident>, reasons: &Reasons) -> Vec<EventKind> {
        self.judge_all(now, Vec::new(), incidents, reasons)
    }

    fn judge_all(
        &mut self,
        now: Timestamp,
        sites: Vec<SiteJudgement>,
        incidents: Vec<Incident>,
        reasons: &Reasons,
    ) -> Vec<EventKind> {
        let judgement = Judgement { from: at(0), until: now, sites, incidents };
        let changes = self.ledger.compare(&judgement, &self.network, reasons);
        self.ledger.written(&judgement, &changes);
        let again = self.ledger.compare(&judgement, &self.network, reasons);
        assert!(again.is_empty(), "the same again is something new: {again:?}");
        changes.events
    }

    fn record(&self, id: i64) -> &IncidentRecord {
        &self.ledger.incidents[&id].record
    }
}

/// What the feed tells, as words.
fn words(events: &[EventKind]) -> Vec<String> {
    let word = |event: &EventKind| match event {
        EventKind::SiteState { .. } => None,
        EventKind::IncidentOpened { incident } => Some(format!("opened {}", incident.id)),
        EventKind::IncidentAmended { incident } => Some(format!("amended {}", incident.id)),
        EventKind::IncidentResolved { incident } => Some(format!("resolved {}", incident.id)),
        EventKind::SiteFlapping { site, changes, .. } => Some(format!("{} flaps {changes}", site.id)),
        EventKind::SiteSteady { site, state, changes, incident, .. } => {
            let incident = incident.as_ref().map_or_else(String::new, |open| format!(" {}", open.id));
            Some(format!("{} steady {state} {changes}{incident}", site.id))
        }
    };
    events.iter().filter_map(word).collect()
}

const DISTRICT: &str = r#"
[network]
name = "n"
[[site]]
id = "kec"
name = "Kecamatan"
kind = "kecamatan"
address = "10.0.0.1"
agent = true
[[site]]
id = "a"
name = "a"
kind = "desa"
upstream = ["kec"]
address = "10.0.0.2"
agent = true
[[site]]
id = "b"
name = "b"
kind = "desa"
upstream = ["a"]
address = "10.0.0.3"
[[site]]
id = "far"
name = "far"
kind = "desa"
upstream = ["kec"]
address = "10.0.0.4"
agent = true
"#;

mod amending;
mod held;
mod telling;
