//! What the product's mouths say: states from the API and `status --json`, messages from the webhook, the event feed.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use kentongan_lab::{
    product::Office,
    wait,
    webhook::{Message, Webhook},
};
use kentongan_model::time::Timestamp;
use serde_json::Value;

/// How long a network may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The state of each site, by id.
pub(crate) type States = BTreeMap<String, String>;

/// The states in a list of sites.
pub(crate) fn states(listing: &Value) -> Result<States> {
    let sites = listing["sites"].as_array().context("a list of sites")?;
    let word = |site: &Value, key: &str| site[key].as_str().map(str::to_owned).context("an id and a state");
    sites.iter().map(|site| Ok((word(site, "id")?, word(site, "state")?))).collect()
}

/// What a message says, as far as the journey asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) says: String,
    pub(crate) incident: i64,
    pub(crate) root: String,
    pub(crate) affected: BTreeSet<String>,
}

impl Told {
    pub(crate) fn read(message: &Message) -> Result<Told> {
        let body = message.json()?;
        let incident = &body["incident"];
        let id = |site: &Value| site["id"].as_str().map(str::to_owned).context("a site's id");
        Ok(Told {
            says: body["type"].as_str().context("a type")?.to_owned(),
            incident: incident["id"].as_i64().context("an incident's id")?,
            root: id(&incident["root"])?,
            affected: incident["affected"]
                .as_array()
                .context("affected sites")?
                .iter()
                .map(id)
                .collect::<Result<_>>()?,
        })
    }
}

/// The whole feed.
pub(crate) fn events(office: &Office) -> Result<Vec<Value>> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let feed = office.api(&format!("events?after={after}&wait=0"))?;
        let more = feed["events"].as_array().context("a list of events")?;
        if more.is_empty() {
            return Ok(events);
        }
        events.extend(more.iter().cloned());
        after = feed["next"].as_i64().context("a cursor")?;
    }
}

/// What the feed told of an incident, which must be a story: opened once, then amended, each time as the next revision
/// and with the reason, and resolved once; and in the end it is the incident that the API shows.
pub(crate) fn story(office: &Office, incident: i64) -> Result<Vec<Value>> {
    let of_it = |event: &Value| event["incident"]["id"] == incident;
    let story: Vec<Value> = events(office)?.into_iter().filter(of_it).collect();
    let says: Vec<&str> = story.iter().filter_map(|event| event["type"].as_str()).collect();
    let count = |what: &str| says.iter().filter(|said| **said == what).count();
    ensure!(count("incident_opened") == 1 && says[0] == "incident_opened", "{says:?}");
    ensure!(count("incident_resolved") == 1, "{says:?}");
    let mut revision = 1;
    for event in &story {
        let record = &event["incident"];
        let told = record["revision"].as_u64().context("a revision")?;
        ensure!(told == revision || told == revision + 1, "revision {told} after {revision}: {says:?}");
        ensure!((told == 1) == record["revised_at"].is_null(), "{record}");
        let last = record["amendments"].as_array().and_then(|all| all.last());
        ensure!(last.is_none_or(|last| last["revision"] == told), "{record}");
        ensure!(told == 1 || last.is_some(), "nobody says what revision {told} changed: {record}");
        revision = told;
    }
    let mut shown = office.api(&format!("incidents/{incident}"))?;
    // Only the API shows on what it rests, and the ways that were walked.
    for beside in ["evidence", "ways"] {
        let is_shown = shown.as_object_mut().context("an incident")?.remove(beside).is_some();
        ensure!(is_shown || beside == "ways", "the API shows no {beside}: {shown}");
    }
    let last = &story.last().context("a story")?["incident"];
    ensure!(*last == shown, "the feed ends with {last}, and the API shows {shown}");
    Ok(story)
}

/// Waits until the API tells that every site is up.
pub(crate) fn all_up(office: &Office) -> Result<()> {
    wait::until_ok("every site to be up", PATIENCE, || {
        let told = states(&office.api("sites")?)?;
        ensure!(!told.is_empty() && told.values().all(|state| state == "up"), "the API tells {told:?}");
        Ok(())
    })
}

/// What a site went through in [from, to): its states in order, each with the roots that it is blamed on. Degraded is
/// up here: of two ends that lose sight of each other one is always the first.
pub(crate) fn stretches(
    office: &Office,
    site: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<(String, Vec<String>)>> {
    let told = office.api(&format!("sites/{site}/timeline?from={from}&to={to}"))?;
    let mut stretches = Vec::new();
    for stretch in told["timeline"].as_array().context("a timeline")? {
        let state = stretch["state"].as_str().context("a state")?.replace("degraded", "up");
        let roots =
            stretch.get("roots").map_or(Ok(Vec::new()), |roots| serde_json::from_value(roots.clone()))?;
        stretches.push((state, roots));
    }
    stretches.dedup();
    Ok(stretches)
}

/// Waits out a silence, in which no message may follow the first `n`.
pub(crate) fn only_messages(webhook: &Webhook, n: usize, quiet: Duration) -> Result<()> {
    webhook.nth(n, PATIENCE)?;
    thread::sleep(quiet);
    let messages = webhook.messages();
    ensure!(messages.len() == n, "message {n} was to be the last so far: {messages:#?}");
    Ok(())
}
