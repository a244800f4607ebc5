//! Whatever order deliveries come in, however often they come, wherever the collector is killed on the way: what is
//! stored in the end is what one replay of the journal gives, and the feed told each thing once.

use kentongan_model::{
    event::EventKind,
    id::{Subject, Vantage},
    observation::Observation,
    plan::PlanRevision,
    secret::Secret,
    time::{BootId, Stamp},
    wire::{Batch, Delivery, MeasuredRound},
};
use kentongan_timeline::{Interval, Judgement, Limits, Live, replay};
use proptest::prelude::*;
use serde_json::json;

use super::{
    absences::Absences,
    memory::{LARGEST, unpack},
    *,
};
use crate::{
    placing::Readings,
    store::{
        JOURNAL_STEPS, STATE_STEPS, agents,
        journal::{BatchDigest, Filed, Filing},
        open,
        plans::{self, Contents},
    },
};

const INVENTORY: &str = r#"
[network]
name = "Kabupaten Uji"
[defaults]
interval = "10s"
report_interval = "10s"
[[site]]
id = "noc"
name = "NOC"
kind = "backbone"
address = "10.0.0.1"
[[site]]
id = "kec-a"
name = "Kecamatan A"
kind = "kecamatan"
upstream = ["noc"]
address = "10.0.1.1"
agent = true
[[site]]
id = "desa-a"
name = "Desa A"
kind = "desa"
upstream = ["kec-a"]
address = "10.0.1.2"
[[site]]
id = "desa-b"
name = "Desa B"
kind = "desa"
upstream = ["kec-a"]
address = "10.0.1.3"
[[maintenance]]
site = "desa-b"
from = 2026-11-01T00:04:00Z
to = 2026-11-01T00:06:00Z
"#;

fn second(second: i64) -> Timestamp {
    Timestamp::from_millis("2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap().as_millis() + second * 1000)
}

/// What happens on the way.
#[derive(Debug, Clone)]
struct Step {
    /// Targets that do not answer, by bits.
    silent: u8,
    /// How much later than measured the two agents deliver, in seconds.
    late: [i64; 2],
    /// What befalls the collector after it.
    fate: u8,
}

struct House {
    dir: tempfile::TempDir,
    journal: Connection,
    inventory: Arc<Inventory>,
    run: Run,
    now: Timestamp,
    /// How much the judge remembers; none: as much as ever.
    limits: Option<Limits>,
}

const PLANS: [(&str, &[&str]); 2] = [
    ("core", &["noc/gateway", "kec-a/gateway"]),
    ("kec-a", &["kec-a/gateway", "desa-a/gateway", "desa-b/gateway"]),
];

impl House {
    fn build() -> House {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        journal.pragma_update(None, "synchronous", "OFF").unwrap();
        let network = Network::parse(INVENTORY).unwrap();
        let inventory = Arc::new(Inventory::new(
            network,
            INVENTORY.into(),
            Arc::default(),
            std::collections::BTreeMap::new(),
        ));
        for (k, (agent, targets)) in (1..).zip(PLANS) {
            agents::put(&journal, &agent.parse().unwrap(), &Secret::new("x"), second(0)).unwrap();
            let targets = targets.iter().map(|target| target.parse::<Subject>().unwrap()).collect();
            let contents = serde_json::to_string(&Contents { targets, devices: Vec::new() }).unwrap();
            plans::keep(&journal, PlanRevision(k), agent, &contents, second(0)).unwrap();
        }
        let run = runs::begin(&journal, second(0)).unwrap();
        House { dir, journal, inventory, run, now: second(0), limits: None }
    }

    fn judge(&self) -> Judge {
        let position = journal::last_position(&self.journal).unwrap();
        let taken = TakenOver { inventory: Arc::clone(&self.inventory), position, since: self.now };
        inventories::record(&self.journal, &taken).unwrap();
        let readers = Readers::new(self.dir.path().join("journal.db"), 1);
        let state = open(&self.dir.path().join("state.db"), STATE_STEPS).unwrap();
        state.pragma_update(None, "synchronous", "OFF").unwrap();
        let (today, metrics) = (Arc::clone(&self.inventory), Arc::new(Metrics::new()));
        let mut judge = Judge::open(&readers, state, today, 400, metrics, self.now).unwrap();
        if let Some(limits) = self.limits.filter(|_| judge.course.position == 0) {
            let live = std::mem::replace(&mut judge.course.live, Live::new(&self.inventory.network));
            judge.course.live = live.with_limits(limits);
        }
        judge
    }

    /// Files what was measured in a tick; it reaches the collector now.
    fn file(&mut self, agent: usize, tick: i64, silent: u8) -> Filed {
        self.file_batch(agent, &[(tick, silent)])
    }

    /// Files what was measured in some ticks as one batch.
    fn file_batch(&mut self, agent: usize, ticks: &[(i64, u8)]) -> Filed {
        let (name, targets) = PLANS[agent];
        let boot_ms = |at: Timestamp| u64::try_from(at.millis_since(second(0))).unwrap() + 1_000_000;
        let stamp = |at| Stamp { boot: BootId(1), mono_ms: boot_ms(at), wall: at };
        let vantage: Vantage = name.parse().unwrap();
        let mut rounds = Vec::new();
        for (tick, silent) in ticks {
            let measured = second(tick * 10);
            for (target, name) in (0_u16..).zip(targets) {
                let bit = PLANS.iter().flat_map(|plan| plan.1).position(|known| known == name).unwrap();
                let rtts_us = if silent >> bit & 1 == 1 { Vec::new() } else { vec![900, 1000] };
                rounds.push(MeasuredRound { target, mono_ms: boot_ms(measured), sent: 2, rtts_us });
            }
        }
        let sealed_at = second(ticks.last().unwrap().0 * 10);
        let batch = Batch {
            agent: vantage.clone(),
            series: 1,
            sequence: ticks[0].0.unsigned_abs() + 1,
            sealed: stamp(sealed_at),
            plan: PlanRevision(agent as u64 + 1),
            dropped_rounds: 0,
            rounds,
            readings: Vec::new(),
        };
        let sealed = batch.seal().unwrap();
        let bytes = Delivery::wrap(&stamp(self.now), &sealed);
        let delivery = Delivery::decode(&bytes).unwrap();
        let filing = Filing {
            agent: vantage,
            series: batch.series,
            sequence: batch.sequence,
            received_at: self.now,
            readings: Readings::of(&delivery),
            plan: batch.plan,
            digest: BatchDigest::of(&sealed),
            bytes: bytes.into(),
        };
        runs::alive(&self.journal, self.run, self.now).unwrap();
        journal::file(&self.journal, &filing).unwrap()
    }

    /// Everything that was derived is gone.
    fn lose_state(&self) {
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(self.dir.path().join(name));
        }
    }

    /// The operator edits the inventory.
    fn edit(&mut self, k: usize) {
        let without = |head: &str, rest: &str| {
            let (before, after) = INVENTORY.split_once(head).unwrap();
            let after = after.find(rest).map_or("", |at| &after[at..]);
            format!("{before}{after}")
        };
        let text = match k % 6 {
            0 => INVENTORY.to_owned(),
            1 => INVENTORY.replace("2026-11-01T00:04:00Z", "2026-11-01T00:02:00Z"),
            2 => INVENTORY.replace("[[maintenance]]\n", "[[maintenance]]\nreason = 'splicing'\n"),
            // Longer between two rounds, and sooner down.
            3 => INVENTORY.replace("\ninterval = \"10s\"", "\ninterval = \"20s\"\ndown_after = 2"),
            // Sites that are taken out; the next edit may put them back.
            4 => without("[[site]]\nid = \"desa-b\"", "no end"),
            _ => without("[[site]]\nid = \"kec-a\"", "[[site]]\nid = \"desa-a\"")
                .replace("\"kec-a\"", "\"noc\""),
        };
        let network = Network::parse(&text).unwrap();
        let inventory = Inventory::new(network, text.into(), Arc::default(), Default::default());
        self.inventory = Arc::new(inventory);
    }

    /// What a replay of the journal says, by the log that is written of it.
    fn replayed(&self) -> Judgement {
        let mut log = String::new();
        let readers = Readers::new(self.dir.path().join("journal.db"), 1);
        let mut reader = Reader::new(readers, Arc::new(Metrics::new()));
        for read in reader.after(0, usize::MAX).unwrap() {
            for observation in read.unfolded.unwrap().into_observations() {
                let line = match observation {
                    Observation::Round(round) => json!({
                        "at": round.at, "vantage": round.vantage, "type": "round", "target": round.target,
                        "sent": round.sent, "rtts_us": round.rtts_us,
                    }),
                    Observation::Heartbeat(beat) => json!({
                        "at": beat.at, "vantage": beat.agent, "type": "heartbeat", "boot_at": beat.boot_at,
                    }),
                    other => panic!("{other:?}"),
                };
                log.push_str(&format!("{line}\n"));
            }
        }
        for (_, down) in runs::downtimes(&self.journal, 0).unwrap() {
            if let Some(down) = down {
                log.push_str(&format!(
                    "{}\n",
                    json!({"type": "collector_down", "from": down.from, "to": down.to})
                ));
            }
        }
        replay::judge(&self.inventory.network, log.as_bytes(), self.now).unwrap()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let late = || prop_oneof![6 => Just(0_i64), 1 => 0_i64..200];
    let step = (prop_oneof![3 => Just(0_u8), 2 => 0_u8..32], [late(), late()], 0_u8..12)
        .prop_map(|(silent, late, fate)| Step { silent, late, fate });
    // The same again and again, so that states are confirmed.
    prop::collection::vec((step, 1_usize..6), 1..14)
        .prop_map(|list| list.into_iter().flat_map(|(step, times)| vec![step; times]).collect())
}

fn read_and_judge(judge: &mut Judge, now: Timestamp) {
    while judge.read_on().unwrap() {}
    judge.judge(now).unwrap();
}

/// What reaches the collector, in order: when, of which agent, which ticks with what was silent in them.
type Arrival = (i64, usize, Vec<(i64, u8)>);

/// The ticks of each agent in batches of some ticks, each as late as its last tick says.
fn arrivals(steps: &[Step], in_a_batch: [usize; 2]) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for (agent, size) in in_a_batch.into_iter().enumerate() {
        let ticks: Vec<(i64, &Step)> = (0_i64..).zip(steps).collect();
        for batch in ticks.chunks(size) {
            let (last, step) = batch.last().unwrap();
            let ticks = batch.iter().map(|(tick, step)| (*tick, step.silent)).collect();
            arrivals.push((last * 10 + step.late[agent], agent, ticks));
        }
    }
    arrivals.sort_unstable();
    arrivals
}

/// Lets everything arrive, and befall the collector what is to befall it. Tells the judge that is left.
fn live_through(
    house: &mut House,
    steps: &[Step],
    in_a_batch: [usize; 2],
    edits: bool,
) -> Result<Judge, TestCaseError> {
    let mut judge = house.judge();
    for (k, (at, agent, ticks)) in arrivals(steps, in_a_batch).iter().enumerate() {
        house.now = house.now.max(second(*at));
        prop_assert!(matches!(house.file_batch(*agent, ticks), Filed::New(_)));
        match steps[ticks[0].0 as usize].fate {
            0 => prop_assert_eq!(house.file_batch(*agent, ticks), Filed::Again),
            fate @ (1 | 4) => {
                // Killed before it is judged; back after a while, perhaps without what it had derived.
                drop(judge);
                house.now = house.now + Duration::from_secs(7 * (k as u64 % 9));
                house.run = runs::begin(&house.journal, house.now).unwrap();
                if fate == 4 {
                    house.lose_state();
                }
                judge = house.judge();
            }
            2 => judge.tidy(house.now, true).unwrap(),
            3 => while judge.read_on().unwrap() {},
            5 if edits => {
                house.edit(k);
                let taken = judge.takes_over(&house.inventory, house.now);
                if let Some(taken) = taken {
                    let id = inventories::record(&house.journal, &taken).unwrap();
                    judge.change_inventory(id, taken);
                }
            }
            _ => read_and_judge(&mut judge, house.now),
        }
    }
    house.now = house.now + Duration::from_secs(3);
    read_and_judge(&mut judge, house.now);
    judge.tidy(house.now, true).unwrap();
    Ok(judge)
}

/// `kentongan verify` over everything.
fn verified(house: &House) -> crate::proof::Verdict {
    let archive = crate::proof::Archive::open(house.dir.path()).unwrap();
    archive.verify(kentongan_timeline::Span::new(Timestamp::MIN, Timestamp::MAX), &mut |_, _| {}).unwrap()
}

/// What is stored, what `kentongan verify` makes of the journal and what `kentongan replay` makes of its log are the same.
fn holds(house: &House, judge: &Judge) -> Result<Judgement, TestCaseError> {
    let verdict = verified(house);
    prop_assert!(verdict.agrees(), "{:?}", verdict);
    prop_assert!(verdict.intervals > 0);

    let replayed = house.replayed();
    let whole = (Timestamp::MIN, Timestamp::MAX);
    for site in &replayed.sites {
        let stored = state::intervals(&judge.state, Some(&site.id), whole, house.now).unwrap();
        let stored: Vec<Interval> = stored.into_iter().map(|(_, interval)| interval).collect();
        prop_assert_eq!(&stored, &site.timeline, "{}", site.id);
    }
    let mut stored = state::incidents(&judge.state, whole, i64::MAX).unwrap();
    // One that was told and never was stays in the books without a length.
    stored.retain(|kept| kept.record.ended_at != Some(kept.record.started_at));
    stored.sort_by(|a, b| {
        (a.record.started_at, &a.record.root.id).cmp(&(b.record.started_at, &b.record.root.id))
    });
    prop_assert_eq!(stored.len(), replayed.incidents.len());
    for (kept, incident) in stored.iter().zip(&replayed.incidents) {
        let record = &kept.record;
        let affected: Vec<&str> = record.affected.iter().map(|site| site.id.as_str()).collect();
        let expected: Vec<&str> = incident.affected.iter().map(kentongan_model::id::SiteId::as_str).collect();
        prop_assert_eq!(
            (
                record.root.id.as_str(),
                record.started_at,
                record.ended_at,
                affected,
                record.cause,
                record.maintenance
            ),
            (
                incident.root.as_str(),
                incident.started_at,
                incident.ended_at,
                expected,
                incident.cause,
                incident.maintenance
            )
        );
    }
    Ok(replayed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn inventories_that_change_on_the_way_change_at_the_same_places_in_a_replay(
        steps in steps(),
        in_a_batch in [1_usize..5, 1_usize..5],
    ) {
        let mut house = House::build();
        drop(live_through(&mut house, &steps, in_a_batch, true)?);
        let verdict = verified(&house);
        prop_assert!(verdict.agrees(), "{:?}", verdict);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_any_repetition_and_any_crash_end_where_a_replay_of_the_journal_ends(
        steps in steps(),
        in_a_batch in [1_usize..5, 1_usize..5],
    ) {
        let mut house = House::build();
        let judge = live_through(&mut house, &steps, in_a_batch, false)?;
        let replayed = holds(&house, &judge)?;

        let events = state::events(&judge.state, 0, usize::MAX).unwrap();
        prop_assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
        let mut states: std::collections::HashMap<String, _> = std::collections::HashMap::new();
        let (mut opened, mut resolved) = (Vec::new(), Vec::new());
        for event in &events {
            match &event.kind {
                EventKind::SiteState { site, was, state, .. } => {
                    let before = states.insert(site.id.clone(), *state);
                    prop_assert_eq!(before.unwrap_or(kentongan_model::state::State::Unknown), *was, "a gap or a repetition");
                }
                EventKind::IncidentOpened { incident } => opened.push(incident.id),
                EventKind::IncidentResolved { incident } => resolved.push(incident.id),
                EventKind::IncidentAmended { incident } => prop_assert!(opened.contains(&incident.id)),
                EventKind::SiteFlapping { .. } | EventKind::SiteSteady { .. } => {}
            }
        }
        for site in &replayed.sites {
            let told = states.get(site.id.as_str()).copied().unwrap_or(kentongan_model::state::State::Unknown);
            prop_assert_eq!(told, crate::ledger::current(&site.timeline), "{}", site.id);
        }
        for mut ids in [opened, resolved] {
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), count, "told twice");
        }
    }
}

#[test]
fn a_stop_during_a_long_catch_up_puts_away_what_was_read_and_judges_nothing() {
    let mut house = House::build();
    let ticks = i64::try_from(CHUNK).unwrap() + 20;
    for tick in 0..ticks {
        house.now = second(tick * 10);
        house.file(0, tick, 0);
    }
    let clock = kentongan_model::time::HandClock::new(house.now, house.now);
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let mut judge = house.judge();
    assert!(crate::judging::step(&mut judge, &clock, false, &stop).unwrap().is_none());
    drop(judge);
    let mut judge = house.judge();
    assert_eq!(judge.behind().unwrap(), 20, "it goes on where it was stopped");
    assert!(crate::judging::step(&mut judge, &clock, true, &stop).unwrap().is_some());
    assert_eq!(judge.behind().unwrap(), 0);
}

#[test]
fn a_checkpoint_that_is_too_large_is_not_unpacked() {
    let network = Network::parse(INVENTORY).unwrap();
    let packed =
        pack(&Memory { absences: Absences::default(), live: Live::new(&network).checkpoint() }).unwrap();
    assert!(unpack(&packed, LARGEST).is_ok());
    assert!(unpack(&packed, 10).unwrap_err().to_string().contains("larger than 10 bytes"));
}

mod late;
mod removal;
