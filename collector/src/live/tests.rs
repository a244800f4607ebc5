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

use self::house::*;
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

mod house;
mod late;
mod removal;
