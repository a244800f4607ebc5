//! An agent that was cut off for hours delivers the newest first: what it measured belongs long before what the timeline
//! remembers of single rounds, and is read again in the journal.

use std::cell::Cell;

use proptest::test_runner::TestRunner;

use super::*;

/// So little that nearly everything that comes late has to be read again.
const LITTLE: Limits = Limits { rounds: 4, milestone_ms: 120_000, late: 1 << 20 };

/// What two agents measured, and what became of it.
#[derive(Debug, Clone)]
struct Story {
    /// Which targets were silent, and for how many ticks.
    stretches: Vec<(u8, i64)>,
    /// How many ticks the agent of the kecamatan had delivered when it was cut off.
    cut_at: i64,
    /// How many ticks it delivers at once, one size after the other.
    sizes: Vec<usize>,
    /// What befalls the collector after each of its deliveries, one after the other.
    fates: Vec<u8>,
}

fn story() -> impl Strategy<Value = Story> {
    let stretches = prop::collection::vec((prop_oneof![2 => Just(0_u8), 3 => 0_u8..32], 1_i64..70), 12..20);
    let (sizes, fates) = (prop::collection::vec(5_usize..60, 1..6), prop::collection::vec(0_u8..9, 3..12));
    (stretches, 0_i64..40, sizes, fates).prop_map(|(stretches, cut_at, sizes, fates)| Story {
        stretches,
        cut_at,
        sizes,
        fates,
    })
}

/// Lives through a story; tells the judge that is left and how much was read again in the journal.
fn live(house: &mut House, story: &Story, edits: bool) -> Result<(Judge, u64), TestCaseError> {
    let ticks = story.stretches.iter().flat_map(|(silent, ticks)| (0..*ticks).map(|_| *silent));
    let ticks: Vec<(i64, u8)> = (0_i64..).zip(ticks).collect();
    let (mut judge, mut reread) = (house.judge(), 0);
    // The core delivers as it measures, and is judged now and then.
    for (tick, silent) in &ticks {
        house.now = second(tick * 10);
        house.file(0, *tick, *silent);
        if *tick < story.cut_at {
            house.file(1, *tick, *silent);
        }
        if tick % 7 == 0 {
            read_and_judge(&mut judge, house.now);
        }
    }
    let mut left = &ticks[usize::try_from(story.cut_at).unwrap().min(ticks.len())..];
    let (mut sizes, mut fates) = (story.sizes.iter().cycle(), story.fates.iter().cycle());
    for k in 0.. {
        let (rest, batch) = left.split_at(left.len().saturating_sub(*sizes.next().unwrap()));
        if batch.is_empty() {
            break;
        }
        left = rest;
        house.now = house.now + Duration::from_secs(2);
        prop_assert!(matches!(house.file_batch(1, batch), Filed::New(_)));
        match fates.next().unwrap() {
            0 => prop_assert_eq!(house.file_batch(1, batch), Filed::Again),
            fate @ (1 | 2) => {
                reread += judge.course.reread;
                drop(judge);
                house.now = house.now + Duration::from_secs(5);
                house.run = runs::begin(&house.journal, house.now).unwrap();
                if *fate == 2 {
                    house.lose_state();
                }
                judge = house.judge();
            }
            3 => judge.tidy(house.now, true).unwrap(),
            4 if edits => {
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
    reread += judge.course.reread;
    prop_assert_eq!(judge.course.live.counters().too_late, 0);
    Ok((judge, reread))
}

#[test]
fn hours_that_come_late_and_newest_first_end_where_a_replay_ends_and_were_read_again() {
    let reread = Cell::new(0);
    let told = TestRunner::new(ProptestConfig::with_cases(12)).run(&story(), |story| {
        let mut house = House { limits: Some(LITTLE), ..House::build() };
        let (judge, again) = live(&mut house, &story, false)?;
        reread.set(reread.get() + again);
        holds(&house, &judge).map(drop)
    });
    told.unwrap_or_else(|error| panic!("{error}"));
    assert!(reread.get() > 1000, "the journal was hardly asked again: {}", reread.get());
}

#[test]
fn edits_among_hours_that_come_late_apply_at_the_same_places_in_a_replay() {
    let reread = Cell::new(0);
    let told = TestRunner::new(ProptestConfig::with_cases(10)).run(&story(), |story| {
        let mut house = House::build();
        let (_judge, again) = live(&mut house, &story, true)?;
        reread.set(reread.get() + again);
        let verdict = verified(&house);
        prop_assert!(verdict.agrees(), "{:?}", verdict);
        Ok(())
    });
    told.unwrap_or_else(|error| panic!("{error}"));
    assert!(reread.get() > 1000, "the journal was hardly asked again: {}", reread.get());
}
